/* SPDX-License-Identifier: MIT */
/* park and ready without a call, for the one path that is nothing else: two tasks of a worker that
 * hand a value to and fro (chan/alone.h). All others park and ready by sched.h. (The model checker
 * and the simulation put a quick.h of theirs first on the include path, which calls.) */
#ifndef LEAT_SCHED_QUICK_H
#define LEAT_SCHED_QUICK_H

#include "sched/turn.h"

/* leat__park_on. From a fiber. */
static inline __attribute__((always_inline)) void leat__park_quick(struct leat__worker *worker,
                                                                   leat__commit_fn *commit,
                                                                   void *arg)
{
    if (__builtin_expect(leat__worker_in_catch(worker), 0)) {
        leat__park_on(worker, commit, arg);
        return;
    }
    leat__probe_count(&worker->face.probe.parks);
    leat__turn_park(worker, leat__turn_next(worker), commit, arg);
}

/* leat__ready_on, of the calling worker, where nothing is in the way: else false, and nothing was
 * done. */
static inline __attribute__((always_inline)) bool leat__ready_quick(struct leat__worker *worker,
                                                                    struct leat__fiber *fiber)
{
    if (__builtin_expect(leat__slot_peek(&worker->lifo) || fiber->special ||
                         worker->sched != fiber->sched ||
                         load_relaxed(&worker->sched->asks) || /* relaxed: O3 of idle.c */
                         /* relaxed: an estimate */
                         (!worker->alone && load_relaxed(&worker->turn_ns) > LEAT__WAKE_NS) ||
                         leat__turn_state(fiber) != LEAT__FIBER_PARKED, 0))
        return false;
    leat__turn_set_state(fiber, LEAT__FIBER_QUEUED);
    leat__probe_count(&worker->face.probe.readies);
    worker->upcoming = NULL;
    (void)leat__slot_swap(&worker->lifo, fiber); /* nothing was in it, and only we put something */
    return true;
}

#endif
