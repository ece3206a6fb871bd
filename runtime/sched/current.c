/* SPDX-License-Identifier: MIT */
/* The thread-locals, and the only functions that read them. */
#include "sched/current.h"
#include "sched/worker.h"

static _Thread_local struct leat__worker *current;
static _Thread_local struct {
    alignas(16) unsigned char bytes[LEAT__THREAD_BYTES];
} plain;

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

void *leat__thread_memory(void)
{
    return plain.bytes;
}
