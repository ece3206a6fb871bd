/* SPDX-License-Identifier: MIT */
/* Who is calling. A plain thread has a self of its own in a thread-local; it never moves, so that
 * its address may be cached, unlike the current worker's. */
#include "task/self.h"
#include "platform/fork.h"
#include "sched/sched.h"
#include "task/runtime.h"
#include "task/task.h"

/* What lies in sched's thread-local: all-zero at a thread's start. */
struct plain_thread {
    struct leat__sleeper  sleeper;
    struct leat__self     self;
    struct leat__seat     seat;
    struct leat__runtime *runtime;
    struct leat_ctx      *ctx;
};
_Static_assert(sizeof(struct plain_thread) <= LEAT__THREAD_BYTES, "it has room");

struct leat__self *leat__self_of_thread(void)
{
    struct plain_thread *thread = leat__thread_memory();

    if (!thread->self.waiter) { /* only once: a scope's end may be reading it on another thread */
        /* relaxed: nobody else sees it yet */
        store_relaxed(&thread->sleeper.waiter.word, LEAT__WORD_THREAD);
        thread->self.waiter = &thread->sleeper.waiter;
        leat__self_sit(&thread->self, &thread->seat);
    }
    if (leat__fork_forked())
        thread->self.budget = 0; /* the checkpoint of every blocking call refuses */
    return &thread->self;
}

struct leat__runtime *leat__runtime_current(void)
{
    struct leat__worker *worker = leat__worker_current();

    if (worker)
        return leat__worker_runtime(worker);
    return ((struct plain_thread *)leat__thread_memory())->runtime;
}

void leat__runtime_adopt(struct leat__runtime *runtime)
{
    ((struct plain_thread *)leat__thread_memory())->runtime = runtime;
}

struct leat_ctx *leat__ctx_current(void)
{
    return leat__worker_current() ? NULL
                                  : ((struct plain_thread *)leat__thread_memory())->ctx;
}

void leat__ctx_adopt(struct leat_ctx *ctx)
{
    ((struct plain_thread *)leat__thread_memory())->ctx = ctx;
}

const char *leat_task_name(void)
{
    return leat__self()->name;
}

int leat_worker(void)
{
    struct leat__worker *worker = leat__worker_current();

    return worker ? (int)leat__worker_index(worker) : -1;
}
