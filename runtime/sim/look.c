/* SPDX-License-Identifier: MIT */
/* What must hold when nobody can run. */
#include "sim/core.h"

#include "lockfree/atomic.h"
#include "observe/dump.h"
#include "sched/worker.h"
#include "task/runtime.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define S leat__sim

static const char *what_waits(struct leat__worker *worker)
{
    if (leat__slot_peek(&worker->lifo) || worker->next)
        return "a task was readied and not run";
    if (leat__runq_len(&worker->runq) > 0 || leat__deque_len(&worker->fresh) > 0)
        return "a task stands in a worker's queue";
    if (worker->pinned.first || !leat__inbox_is_empty(&worker->inbox))
        return "a pinned task waits for its worker";
    if (leat__injector_len(&worker->sched->injector) > 0)
        return "a task stands in the injector";
    if (leat__classes_wait(worker->sched))
        return "a task of a class of its own stands in its queue";
    return NULL;
}

/* Do all workers of the runtime sleep in their reactors? One that waits elsewhere runs a task that
 * holds it, or is about to look again: then the runtime's own sentinel has a deadline. And a thread
 * that only is not run for a while may be about to wake one. */
static bool all_sleep(const struct leat__sched *sched)
{
    unsigned asleep = 0;

    for (unsigned i = 0; i < S.thread_count; i++) {
        const struct leat__vthread *at = S.threads[i];

        if (at && at->state == LEAT__VTHREAD_BLOCKED && at->what == leat__sim_stalled)
            return false;
        if (at && at->state == LEAT__VTHREAD_BLOCKED && at->worker && at->worker->sched == sched)
            asleep += at->what == leat__sim_in_reactor;
    }
    return asleep == sched->count;
}

/* I3 of sim.h. */
void leat__sim_look_at_rest(leat_time until)
{
    for (unsigned i = 0; i < S.thread_count; i++) {
        struct leat__worker *worker = S.threads[i] ? S.threads[i]->worker : NULL;
        const char *waits = worker ? what_waits(worker) : NULL;

        if (waits && all_sleep(worker->sched))
            leat__sim_fail("lost wake-up: every worker sleeps, and %s (worker %u; time would move "
                           "to %.9f s)",
                           waits, worker->face.index, (double)until / (double)LEAT_SEC);
    }
}

/* What every task of the runtime does, behind the sentence and the trace. */
static void put_dump(struct leat__runtime *runtime)
{
    size_t used = strlen(S.outcome->text);
    int fd = memfd_create("leat", MFD_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return;
    (void)leat__dump_runtime(runtime, fd);
    got = pread(fd, S.outcome->text + used, sizeof S.outcome->text - 1 - used, 0);
    S.outcome->text[used + (got > 0 ? (size_t)got : 0)] = '\0';
    close(fd);
}

/* Nobody can run, and nothing is due. */
_Noreturn void leat__sim_deadlocked(void)
{
    struct leat__runtime *runtime = NULL;

    leat__sim_look_at_rest(LEAT_NEVER);
    for (unsigned i = 0; i < S.thread_count && !runtime; i++)
        if (S.threads[i] && S.threads[i]->worker)
            runtime = leat__worker_runtime(S.threads[i]->worker);
    leat__sim_trace_tell("deadlock: every thread waits for another one, and nothing is due");
    S.me = NULL; /* what looks now decides nothing */
    if (runtime)
        put_dump(runtime);
    leat__sim_end_failed();
}
