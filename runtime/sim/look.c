/* SPDX-License-Identifier: MIT */
/* What must hold when nobody can run. */
#include "sim/core.h"

#include "lockfree/atomic.h"
#include "observe/dump.h"
#include "sched/worker.h"
#include "task/runtime.h"

#include <unistd.h>

#define S leat__sim

static const char *what_waits(struct leat__worker *worker)
{
    if (worker->lifo || worker->next)
        return "a task was readied and not run";
    if (leat__runq_len(&worker->runq) > 0 || leat__deque_len(&worker->fresh) > 0)
        return "a task stands in a worker's queue";
    if (worker->pinned.first || !leat__inbox_is_empty(&worker->inbox))
        return "a pinned task waits for its worker";
    if (leat__injector_len(&worker->sched->injector) > 0)
        return "a task stands in the injector";
    return NULL;
}

/* I3 of sim.h. A worker that waits elsewhere than in its reactor computes, or holds a lock: then
 * somebody is awake, and the runtime's own sentinel has a deadline. */
void leat__sim_look_at_rest(leat_time until)
{
    for (unsigned i = 0; i < S.thread_count; i++) {
        struct leat__worker *worker = S.threads[i] ? S.threads[i]->worker : NULL;
        const char *waits;

        if (!worker || leat__idle_count_awake(&worker->sched->idle) > 0)
            continue;
        waits = what_waits(worker);
        if (waits)
            leat__sim_fail("lost wake-up: every worker sleeps, and %s (worker %u; time would move "
                           "to %.9f s)",
                           waits, worker->face.index, (double)until / (double)LEAT_SEC);
    }
}

/* Nobody can run, and nothing is due. */
_Noreturn void leat__sim_deadlocked(void)
{
    struct leat__runtime *runtime = NULL;

    leat__sim_look_at_rest(LEAT_NEVER);
    for (unsigned i = 0; i < S.thread_count && !runtime; i++)
        if (S.threads[i] && S.threads[i]->worker)
            runtime = leat__worker_runtime(S.threads[i]->worker);
    if (runtime) {
        leat__sim_on = false; /* what follows looks, and decides nothing */
        (void)leat__dump_runtime(runtime, STDERR_FILENO);
        leat__sim_on = true;
    }
    leat__sim_fail("deadlock: every thread waits for another one, and nothing is due");
}
