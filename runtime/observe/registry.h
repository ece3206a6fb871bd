/* SPDX-License-Identifier: MIT */
/* The runtimes of this process, and the one thread that watches them: dumps on a signal, the
 * deadlock report, the watchdog of tasks that hold their worker.
 *
 * One thread for all, started with the first runtime and joined with the last. While some worker is
 * awake, or was at the last look, it looks every few milliseconds. When nothing moved for QUIET
 * looks it sleeps, without a deadline, until a worker that awakes rings (leat__sched_ring_me) or a
 * signal does. So an idle program is idle. A wake costs its caller 8 us, so it is not paid for by a
 * request: looking on for a moment is what a busy server's requests share (200 looks a second, a
 * thousandth of a core), and only one after a silence of two looks rings. */
#ifndef LEAT_OBSERVE_REGISTRY_H
#define LEAT_OBSERVE_REGISTRY_H

#include "lockfree/atomic.h"
#include "task/runtime.h"

#include <leat/time.h>

#include <stdbool.h>

/* What is known of one worker. */
struct leat__watched {
    uint64_t  turns; /* all that shows that it goes on, added up */
    leat_time since; /* it is that since */
    leat_time told;  /* how long it had been held when that was last said; 0: not said */
};

struct leat__observed {
    struct leat__observed *next;
    struct leat__runtime  *runtime;
    leat_time              stall; /* 0: do not watch */
    bool                   watch; /* else only dumps on a signal */
    bool                   asleep; /* all its workers were: look again when rung for */
    unsigned               quiet;  /* looks in a row that found no movement */
    uint64_t               moved;  /* all that shows that its workers go on, at the last look */
    uint64_t               suspected; /* the movement at a look that found a deadlock */
    bool                   foreign; /* threads of the program alone keep it from a verdict */
    unsigned               doubts;  /* times they were counted again since it moved */
    bool                   starved; /* it was said that tasks wait for stacks */
    struct leat__task     *witness; /* a task that waited for something outside when last looked */
    struct leat__watched   workers[];
};

struct leat__observe_options {
    bool      watch; /* for deadlocks, and for tasks that hold their worker */
    leat_time stall; /* how long they may; 0: for ever */
    int       dump_signal; /* 0: none */
};

/* After the workers were started; before they are stopped. Returns 0, -ENOMEM, -EAGAIN. */
int  leat__observe_start(struct leat__runtime *runtime,
                         const struct leat__observe_options *options);
void leat__observe_stop(struct leat__runtime *runtime);

/* Look again at all, also at those that sleep. Any thread; async-signal-safe. */
void leat__observe_ring(void);

/* Call fn for each runtime, none of which ends meanwhile; stops at the first error. */
int leat__registry_each(int (*fn)(struct leat__runtime *runtime, void *arg), void *arg);

/* All of them. By the watching thread. */
struct leat__observed *leat__registry_first(void);

/* watch.c: name the tasks that hold their workers. */
void leat__watch(struct leat__observed *observed, leat_time now, bool late);

/* deadlock.c: all workers seem to sleep. Returns true to be called again after a while. */
bool leat__deadlock_look(struct leat__observed *observed);

/* Are all threads of the process leat's, and is none of its pools' busy? By the watching thread. */
bool leat__deadlock_alone(void);

#endif
