/* SPDX-License-Identifier: MIT */
/* park and ready: how a fiber stops and how it comes back.
 *
 * The parking fiber picks the next one itself and switches straight to it; the worker's loop is
 * entered only when there is nothing to run, when it is time to look around, or when a new fiber
 * needs a stack that must first be fetched. Going through the loop each time was rejected: it
 * doubles the switches. (What is inline of this is in turn.h.) */
#include "sched/turn.h"

#include <sched.h>

void leat__arrive(struct leat__worker *worker)
{
    leat__turn_arrive(worker);
}

struct leat__fiber *leat__take_fresh(const void *group)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__link *item;

    if (--worker->turns_left <= 0)
        return NULL;
    item = leat__deque_take_newest(&worker->fresh, group, worker->alone);
    return item ? leat__container_of(item, struct leat__fiber, link) : NULL;
}

bool leat__look_due(void)
{
    return leat__worker_current()->turns_left <= 0;
}

/* I5 of worker.h. Out of line: the others keep their registers. */
__attribute__((noinline, cold)) static void park_in_catch(struct leat__worker *worker,
                                                          struct leat__fiber *next,
                                                          leat__commit_fn *commit, void *arg)
{
    struct leat__exceptions held = leat__exceptions_take(worker->face.exceptions_at);

    leat__turn_park(worker, next, commit, arg);
    *leat__worker_current()->face.exceptions_at = held;
}

static inline __attribute__((always_inline)) void park_for(struct leat__worker *worker,
                                                           struct leat__fiber *next,
                                                           leat__commit_fn *commit, void *arg)
{
    if (leat__worker_in_catch(worker))
        park_in_catch(worker, next, commit, arg);
    else
        leat__turn_park(worker, next, commit, arg);
}

void leat__park_on(struct leat__worker *worker, leat__commit_fn *commit, void *arg)
{
    leat__check(worker && worker->face.running, "only a task can be parked");
    leat__probe_count(&worker->face.probe.parks);
    park_for(worker, leat__turn_next(worker), commit, arg);
}

void leat__park(leat__commit_fn *commit, void *arg)
{
    leat__park_on(leat__worker_current(), commit, arg);
}

/* Does the running fiber give way to nobody but those in the ring, whose turns are too short to be
 * offered to others (I4 of worker.h)? Then this is the first. */
static struct leat__fiber *only_ring(struct leat__worker *worker)
{
    struct leat__link *item = leat__runq_peek(&worker->runq);

    if (!item || leat__slot_peek(&worker->lifo) || !leat__turn_nothing_beside(worker) ||
        worker->face.running->special)
        return NULL;
    if (!worker->alone) {
        if (load_relaxed(&worker->turn_ns) >= LEAT__TURN_SHORT_NS) /* relaxed: an estimate */
            return NULL;
        leat__offer(worker);
    }
    worker->lifo_run = 0;
    return leat__container_of(item, struct leat__fiber, link);
}

/* One that came from outside and has no stack yet. Out of line: a second switch inside would cost
 * the first one its registers. */
static __attribute__((noinline, cold)) void
leave_for_new(struct leat__worker *worker, struct leat__fiber *fiber, struct leat__fiber *next)
{
    leat__turn_leave(worker, &fiber->context, next);
}

/* Go on with the ring's first, and stand last. Nobody takes the fiber from the ring before the next
 * context has arrived, so it may be put there while it still runs. (A walk that looks just then
 * finds the registers of its last park.) False, and nothing was done: the general way. */
static inline __attribute__((always_inline)) bool
rotate(struct leat__worker *worker, struct leat__fiber *fiber, struct leat__fiber *next)
{
    struct leat__link *after, *near, *far;
    int saved;

    if (worker->turns_left <= 1 || leat__worker_in_catch(worker))
        return false;
    after = leat__runq_rotate(&worker->runq, &fiber->link, &near, &far);
    if (__builtin_expect(!after, 0))
        return false;
    worker->turns_left--;
    saved = *worker->errno_at; /* as in leat__turn_park */
    worker->upcoming = leat__container_of(after, struct leat__fiber, link);
    if (far) { /* a block first, and once it is there its frame */
        __builtin_prefetch(far, 1);
        leat__context_prefetch_hint(&leat__container_of(near, struct leat__fiber, link)->context);
    }
    leat__turn_set_state(fiber, LEAT__FIBER_QUEUED);
    if (__builtin_expect(!leat__turn_is_new(next), 1)) {
        leat__turn_set_state(next, LEAT__FIBER_RUNNING);
        worker->face.running = next;
        leat__probe_count(&worker->face.probe.rotations);
        leat__context_switch(&fiber->context, &next->context);
    } else {
        leave_for_new(worker, fiber, next);
    }
    worker = leat__worker_current();
    leat__turn_arrive(worker);
    if (*worker->errno_at != saved) /* a store each time would keep the next load waiting */
        *worker->errno_at = saved;
    return true;
}

/* The general way. Out of line: the short one keeps its registers. */
static __attribute__((noinline)) void give_way(struct leat__worker *worker)
{
    struct leat__fiber *next = only_ring(worker);

    if (next && rotate(worker, worker->face.running, next))
        return;
    next = leat__turn_next(worker);
    leat__probe_count(&worker->face.probe.yields);
    if (!next && worker->turns_left > 0)
        return; /* nobody to give way to, and not yet time to look around */
    park_for(worker, next, NULL, NULL);
}

void leat__give_way(void)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__fiber *fiber, *next;

    if (!worker || !(fiber = worker->face.running)) {
        sched_yield();
        return;
    }
    next = worker->upcoming;
    if (!next || !rotate(worker, fiber, next))
        give_way(worker);
}

void leat__ready_on(struct leat__worker *worker, struct leat__fiber *fiber)
{
    struct leat__fiber *before;

    leat__check(leat__turn_state(fiber) == LEAT__FIBER_PARKED,
                "a task was readied that is not parked: a wait was woken twice");
    leat__turn_set_state(fiber, LEAT__FIBER_QUEUED);
    if (!worker || worker->sched != fiber->sched) {
        leat__start(fiber->sched, fiber);
        return;
    }
    leat__probe_count(&worker->face.probe.readies);
    if (fiber->special) {
        leat__start(fiber->sched, fiber);
        return;
    }
    /* Where turns are long, nobody would run it for a while: others may have it at once, who come
     * late to the slot. relaxed: an estimate */
    if (load_relaxed(&worker->turn_ns) > LEAT__WAKE_NS && !worker->alone) {
        leat__enqueue(worker, fiber);
        return;
    }
    before = leat__slot_swap(&worker->lifo, fiber);
    worker->upcoming = NULL;
    if (before)
        leat__turn_enqueue(worker, before); /* it is no new one: it was parked */
    if (load_relaxed(&worker->sched->asks)) /* relaxed: O3 of idle.c */
        leat__offer_slot(worker);
}

void leat__ready(struct leat__fiber *fiber)
{
    leat__ready_on(leat__worker_current(), fiber);
}

/* Where any worker, or the one it is pinned to, finds it. */
static void hand_over(struct leat__sched *sched, struct leat__fiber *fiber)
{
    if (leat__fiber_is_pinned(fiber)) {
        unsigned home = leat__fiber_home(fiber); /* once it is pushed it may end */

        if (leat__inbox_push(&sched->workers[home].inbox, &fiber->link))
            leat__wake_worker(sched, home);
    } else {
        leat__injector_push(fiber->special ? &sched->classes[fiber->special - 1] : &sched->injector,
                            &fiber->link);
        leat__wake_one(sched);
    }
}

/* From a thread that is no worker of its scheduler. Handed over, the fiber may be the one that ends
 * the runtime, while we are still about to wake a worker of it: so we are counted. */
static void hand_in(struct leat__sched *sched, struct leat__fiber *fiber)
{
    fetch_add_relaxed(&sched->visitors, 1); /* relaxed: the push releases it */
    hand_over(sched, fiber);
    fetch_sub_release(&sched->visitors, 1); /* pairs with the acquire in leat__sched_stop */
}

/* leat__enqueue for a new fiber of a worker's own, without what is rare. */
static inline bool keep_new(struct leat__worker *worker, struct leat__fiber *fiber)
{
    if (fiber->special || !leat__turn_is_new(fiber))
        return false;
    worker->upcoming = NULL;
    if (__builtin_expect(!leat__deque_push(&worker->fresh, &fiber->link, fiber->group), 0))
        return false;
    if (!worker->alone)
        leat__offer(worker);
    return true;
}

void leat__start(struct leat__sched *sched, struct leat__fiber *fiber)
{
    struct leat__worker *worker = leat__worker_current();

    if (leat__turn_state(fiber) == LEAT__FIBER_NONE)
        leat__turn_set_state(fiber, LEAT__FIBER_QUEUED_NEW);
    if (!worker || worker->sched != sched)
        hand_in(sched, fiber);
    else if (keep_new(worker, fiber))
        return;
    else if (!leat__fiber_is_pinned(fiber) || leat__fiber_home(fiber) == worker->face.index)
        leat__enqueue(worker, fiber);
    else
        hand_over(sched, fiber);
}

/* A stack's life: run a fiber, then the next new one on the same stack, without a switch, for as
 * long as new ones come up. */
void leat__fiber_main(void *arg)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__stack *stack = arg;
    struct leat__context *to;

    leat__turn_arrive(worker);
    for (;;) {
        struct leat__fiber *next;

        worker->sched->body(worker->face.running, stack); /* the fiber is gone when it returns */
        worker = leat__worker_current();
        next = leat__turn_next(worker);
        worker->face.running = next;
        if (!next) {
            to = &worker->context;
            break;
        }
        if (!leat__turn_is_new(next)) {
            leat__turn_set_state(next, LEAT__FIBER_RUNNING);
            to = &next->context;
            break;
        }
    }
    worker->dead = stack;
    leat__probe_count(&worker->face.probe.switches);
    leat__context_exit_to(to);
}
