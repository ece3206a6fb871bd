/* SPDX-License-Identifier: MIT */
/* Where a task is that runs: asked of its worker's thread, by the workers' signal. For dumps and
 * the watchdog. */
#ifndef LEAT_OBSERVE_SAMPLE_H
#define LEAT_OBSERVE_SAMPLE_H

#include "observe/dump.h"
#include "sched/sched.h"

struct leat__sample {
    const struct leat__task *task; /* whose turn it was; NULL: nobody's, or it was just beginning */
    size_t                   count;
    void                    *frames[LEAT__FRAMES_MAX]; /* the first is where it was */
};

/* Before the first of the other. */
void leat__sample_install(void);

/* Any thread, also a worker's own; one at a time, the others wait. False when there is no answer
 * within 50 ms: the thread sleeps in the kernel for good, keeps the signal blocked, is not run, or
 * may not be sent one. */
bool leat__sample_take(struct leat__sample *ret, struct leat__sched *sched, unsigned index);

#endif
