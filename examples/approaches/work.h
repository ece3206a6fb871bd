/* SPDX-License-Identifier: MIT */
/* The work that every approach does, here and in perf/approaches: for each item wait for a remote
 * answer (a sleep), then compute on it for about a millisecond. Plain C, nothing of leat. */
#ifndef APPROACHES_WORK_H
#define APPROACHES_WORK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { ANSWER_NS = 3000000 };

/* What a plain thread does until the answer is there. */
static inline void work_wait(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = ANSWER_NS }, NULL);
}

/* A million steps of a small generator stand for parsing, rendering, compressing .. */
static inline uint64_t work_digest(uint64_t state)
{
    for (int i = 0; i < 1000000; i++)
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return state;
}

#endif
