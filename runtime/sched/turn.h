/* SPDX-License-Identifier: MIT */
/* A turn's end and the next one's begin, inline: what park.c and quick.h are made of. Private to
 * runtime/sched.
 *
 * A context is left by the function that parks, and whoever goes on there returns from it; so what
 * is between a program's call and the switch is pushed, popped and returned from at each hand-over.
 *
 * ORDERING
 *   O1  The state stores are relaxed: the queues and the wait word order them; see fiber.h. */
#ifndef LEAT_SCHED_TURN_H
#define LEAT_SCHED_TURN_H

#include "base/check.h"
#include "base/container.h"
#include "sched/worker.h"

static inline void leat__turn_set_state(struct leat__fiber *fiber, enum leat__fiber_state state)
{
    store_relaxed(&fiber->state, (uint8_t)state); /* O1 */
}

static inline enum leat__fiber_state leat__turn_state(struct leat__fiber *fiber)
{
    return (enum leat__fiber_state)load_relaxed(&fiber->state); /* O1 */
}

/* Has it had no turn yet, and so no stack? */
static inline bool leat__turn_is_new(struct leat__fiber *fiber)
{
    return leat__turn_state(fiber) == LEAT__FIBER_QUEUED_NEW;
}

/* Put a started fiber last: leat__enqueue without what is rare. */
static inline void leat__turn_enqueue(struct leat__worker *worker, struct leat__fiber *fiber)
{
    if (__builtin_expect(fiber->special || !leat__runq_push(&worker->runq, &fiber->link), 0))
        leat__enqueue(worker, fiber);
    else if (!worker->alone)
        leat__offer(worker);
}

/* Take what the previous context left behind (I2 of worker.h); who gave way in the ring may be
 * stolen from now on. */
static inline __attribute__((always_inline)) void leat__turn_arrive(struct leat__worker *worker)
{
    struct leat__stack *dead = worker->dead;
    struct leat__fiber *fiber = worker->parking;

    if (__builtin_expect(dead != NULL, 0)) {
        worker->dead = NULL;
        dead->next = worker->hot;
        worker->hot = dead;
        worker->hot_count++;
    }
    if (!fiber) {
        leat__runq_show(&worker->runq);
        return;
    }
    worker->parking = NULL;
    if (!worker->commit) { /* it gave way */
        leat__turn_set_state(fiber, LEAT__FIBER_QUEUED);
        leat__turn_enqueue(worker, fiber);
        return;
    }
    leat__turn_set_state(fiber, LEAT__FIBER_PARKED);
    /* From here on the fiber may run elsewhere and end, unless commit says false. */
    if (!worker->commit(fiber, worker->commit_arg))
        leat__ready(fiber);
}

/* Switch from `from` to `next`, or to the loop when there is none or it cannot start here. */
static inline __attribute__((always_inline)) void
leat__turn_leave(struct leat__worker *worker, struct leat__context *from, struct leat__fiber *next)
{
    struct leat__context *to = &worker->context;

    if (next) {
        if (__builtin_expect(!leat__turn_is_new(next), 1)) {
            leat__turn_set_state(next, LEAT__FIBER_RUNNING);
            to = &next->context;
        } else if (leat__bind_stack(worker)) {
            to = &worker->birth;
        } else {
            worker->next = next;
            next = NULL;
        }
    }
    worker->face.running = next;
    leat__probe_count(&worker->face.probe.switches);
    leat__context_switch(from, to);
}

/* Is what is in the LIFO slot or the ring all that is to run here? */
static inline bool leat__turn_nothing_beside(struct leat__worker *worker)
{
    return leat__deque_len(&worker->fresh) == 0 && !worker->special;
}

/* leat__pick, without calls where only the LIFO slot or only the ring has something. */
static inline __attribute__((always_inline)) struct leat__fiber *
leat__turn_next(struct leat__worker *worker)
{
    struct leat__link *item, *after;
    struct leat__fiber *fiber;

    if (--worker->turns_left <= 0)
        return NULL;
    if (leat__slot_peek(&worker->lifo)) {
        if (worker->lifo_run < LEAT__LIFO_RUN_MAX)
            worker->lifo_run++;
        else if (leat__runq_len(&worker->runq) > 0 || !leat__turn_nothing_beside(worker))
            return leat__pick(worker);
        fiber = leat__slot_take(&worker->lifo);
        if (__builtin_expect(fiber != NULL, 1)) /* else it was stolen */
            return fiber;
    }
    if (worker->special || leat__deque_len(&worker->fresh) > 0)
        return leat__pick(worker);
    worker->lifo_run = 0;
    worker->upcoming = NULL;
    item = leat__runq_pop(&worker->runq);
    after = leat__runq_peek(&worker->runq);
    if (after)
        leat__context_prefetch_hint(&leat__container_of(after, struct leat__fiber, link)->context);
    return item ? leat__container_of(item, struct leat__fiber, link) : NULL;
}

/* Park what runs here, whose C++ exceptions are none of anybody's (I5 of worker.h). */
static inline __attribute__((always_inline)) void leat__turn_park(struct leat__worker *worker,
                                                             struct leat__fiber *next,
                                                             leat__commit_fn *commit, void *arg)
{
    struct leat__fiber *fiber = worker->face.running;
    int saved = *worker->errno_at; /* the value is the task's, the address the thread's */

    worker->parking = fiber;
    worker->commit = commit;
    worker->commit_arg = arg;
    leat__turn_leave(worker, &fiber->context, next);
    worker = leat__worker_current();
    leat__turn_arrive(worker);
    *worker->errno_at = saved;
}

#endif
