/* SPDX-License-Identifier: MIT */
/* Who is calling. A plain thread has a self of its own in a thread-local; it never moves, so that
 * its address may be cached, unlike the current worker's. */
#include "task/self.h"
#include "platform/fork.h"
#include "sched/sched.h"
#include "task/runtime.h"
#include "task/task.h"

static _Thread_local struct leat__waiter thread_waiter;
static _Thread_local struct leat__self thread_self;
static _Thread_local struct leat__runtime *thread_runtime;

struct leat__self *leat__self_of_thread(void)
{
    if (!thread_self.waiter) /* only once: a scope's end may be reading it on another thread */
        thread_self.waiter = &thread_waiter;
    if (leat__fork_forked())
        thread_self.budget = 0; /* the checkpoint of every blocking call refuses */
    return &thread_self;
}

struct leat__runtime *leat__runtime_current(void)
{
    struct leat__worker *worker = leat__worker_current();

    return worker ? leat__worker_runtime(worker) : thread_runtime;
}

void leat__runtime_adopt(struct leat__runtime *runtime)
{
    thread_runtime = runtime;
}

const char *leat_task_name(void)
{
    const struct leat__task *task = leat__self()->task;

    return task ? task->name : NULL;
}

int leat_worker(void)
{
    struct leat__worker *worker = leat__worker_current();

    return worker ? (int)leat__worker_index(worker) : -1;
}
