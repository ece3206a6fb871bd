/* SPDX-License-Identifier: MIT */
/* The thread-local, and the one function that reads it. */
#include "sched/current.h"
#include "sched/worker.h"

static _Thread_local struct leat__worker *current;

/* The barrier in the body keeps gcc and clang from inferring that the function is const, which
 * noinline alone does not prevent: they would keep one result over a switch, after which the fiber
 * may be on another thread. noipa keeps gcc's link-time passes out as well. */
#ifdef __clang__
__attribute__((noinline))
#else
__attribute__((noipa))
#endif
struct leat__worker *leat__worker_current(void)
{
    __asm__ volatile("" ::: "memory");
    return current;
}

void leat__worker_become(struct leat__worker *worker)
{
    current = worker;
}
