/* SPDX-License-Identifier: MIT */
/* The thread-locals. */
#include "sched/current.h"
#include "sched/worker.h"

static _Thread_local struct {
    alignas(16) unsigned char bytes[LEAT__THREAD_BYTES];
} plain;

#ifdef LEAT__CURRENT_IS_READ
/* used: by its name, in assembly that link-time passes do not look into */
__attribute__((used)) _Thread_local struct leat__worker *leat__current;
#else
static _Thread_local struct leat__worker *leat__current;

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
    return leat__current;
}
#endif

void leat__worker_become(struct leat__worker *worker)
{
    leat__current = worker;
}

void *leat__thread_memory(void)
{
    return plain.bytes;
}
