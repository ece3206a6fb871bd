/* SPDX-License-Identifier: MIT */
/* Where a fiber queues, and which of those in a worker's hands runs next.
 *
 * The task just readied goes first, LEAT__LIFO_RUN_MAX times in a row. Then what is special, whose
 * turn it is: pinned fibers, and those of the classes high and low, which wait in two queues of all
 * workers. Then the oldest of the worker's own, started or fresh. Nobody starves: high ones leave
 * one turn of LEAT__NORMAL_AGE to normal ones, all leave one of LEAT__LOW_AGE to a low one; pinned
 * and others alternate. Ages are each worker's own, counted in turns, so a low fiber that waits for
 * all workers waits for one that has passed over it LEAT__LOW_AGE times.
 *
 * Queues of each class for each worker were rejected: thieves would have to look into them. So was
 * a priority compared at each pick: normal fibers pay one test for all that is special. */
#include "sched/worker.h"

/* Put a new fiber last in the worker's deque; without memory for that, where there is room. */
void leat__keep_fresh(struct leat__worker *worker, struct leat__fiber *fiber)
{
    worker->upcoming = NULL;
    if (!leat__deque_push(&worker->fresh, &fiber->link, fiber->group))
        leat__injector_push(&worker->sched->injector, &fiber->link);
}

static void enqueue_special(struct leat__worker *worker, struct leat__fiber *fiber)
{
    worker->special = true;
    worker->upcoming = NULL;
    if (leat__fiber_is_pinned(fiber)) {
        leat__batch_push(&worker->pinned, &fiber->link);
    } else {
        leat__injector_push(&worker->sched->classes[fiber->special - 1], &fiber->link);
        if (!worker->sched->alone)
            leat__offer_class(worker);
    }
}

/* Put a fiber last in the worker's own queue; half of a full one that cannot grow goes to the
 * injector. */
void leat__enqueue(struct leat__worker *worker, struct leat__fiber *fiber)
{
    if (fiber->special) {
        enqueue_special(worker, fiber);
        return;
    }
    if (load_relaxed(&fiber->state) == LEAT__FIBER_QUEUED_NEW) { /* relaxed: see fiber.h */
        leat__keep_fresh(worker, fiber);
        if (!worker->sched->alone)
            leat__offer(worker);
        return;
    }
    worker->upcoming = NULL; /* a full ring finds out what thieves took */
    while (!leat__runq_push(&worker->runq, &fiber->link)) {
        struct leat__batch half = { 0 };

        if (leat__runq_grow(&worker->runq))
            continue;
        leat__runq_take_half(&worker->runq, &half);
        if (half.count > 0)
            leat__injector_push_batch(&worker->sched->injector, &half);
        leat__probe_count(&worker->face.probe.overflows);
    }
    if (!worker->sched->alone)
        leat__offer(worker);
}

/* A started one or a fresh one: neither starves the other. Three turns of four are for what was
 * begun: with half of them a crowd of tasks in front of a semaphore all start, and wait there with
 * a stack each, as fast as those inside end. */
static struct leat__fiber *oldest(struct leat__worker *worker)
{
    bool alone = worker->sched->alone;
    bool fresh_first = (worker->turns_left & 6) == 2;
    struct leat__link *item = NULL;

    if (fresh_first)
        item = leat__deque_take_oldest(&worker->fresh, alone);
    if (!item)
        item = leat__runq_pop(&worker->runq);
    if (!item && !fresh_first)
        item = leat__deque_take_oldest(&worker->fresh, alone);
    return leat__fiber_of(item);
}

static struct leat__fiber *oldest_of(struct leat__worker *worker, enum leat__class class)
{
    struct leat__injector *queue = &worker->sched->classes[class];
    struct leat__batch batch = { 0 };

    if (leat__injector_len(queue) > 0)
        leat__injector_pop_batch(queue, 1, &batch);
    return leat__fiber_of(leat__batch_pop(&batch));
}

/* Something is queued beside ring and deque: whose turn is it before theirs? NULL: nobody's. High
 * ones, but for one turn of LEAT__NORMAL_AGE; a low one, once it was passed over LEAT__LOW_AGE
 * times; and turn by turn pinned ones, so that neither they nor the others starve. */
static struct leat__fiber *special_first(struct leat__worker *worker)
{
    struct leat__fiber *fiber = NULL;

    worker->special = worker->pinned.first || leat__classes_wait(worker->sched);
    if (leat__injector_len(&worker->sched->classes[LEAT__CLASS_LOW]) > 0 &&
        ++worker->low_age >= LEAT__LOW_AGE) {
        worker->low_age = 0;
        fiber = oldest_of(worker, LEAT__CLASS_LOW);
    }
    if (!fiber && ++worker->normal_age < LEAT__NORMAL_AGE)
        fiber = oldest_of(worker, LEAT__CLASS_HIGH);
    if (fiber)
        return fiber;
    worker->normal_age = 0;
    worker->pinned_first = !worker->pinned_first; /* (turns left are even or odd by eights) */
    return worker->pinned_first ? leat__fiber_of(leat__batch_pop(&worker->pinned)) : NULL;
}

/* Nothing is queued but that; `idle`: nor is there anything in the LIFO slot. */
static struct leat__fiber *special_last(struct leat__worker *worker, bool idle)
{
    struct leat__fiber *fiber = leat__fiber_of(leat__batch_pop(&worker->pinned));

    if (!fiber)
        fiber = oldest_of(worker, LEAT__CLASS_HIGH);
    return fiber || !idle ? fiber : oldest_of(worker, LEAT__CLASS_LOW);
}

/* The next fiber in the worker's own hands, NULL when there is none. */
struct leat__fiber *leat__pick(struct leat__worker *worker)
{
    struct leat__fiber *fiber, *other;

    worker->upcoming = NULL;
    if (leat__slot_peek(&worker->lifo) && worker->lifo_run < LEAT__LIFO_RUN_MAX) {
        worker->lifo_run++;
        fiber = leat__slot_take(&worker->lifo);
        if (fiber)
            return fiber;
    }
    worker->lifo_run = 0;
    other = worker->special ? special_first(worker) : NULL;
    if (!other)
        other = oldest(worker);
    if (!other && worker->special)
        other = special_last(worker, !leat__slot_peek(&worker->lifo));
    fiber = leat__slot_peek(&worker->lifo) ? leat__slot_take(&worker->lifo) : NULL;
    if (!other)
        return fiber;
    if (fiber) /* its budget is spent: to the back of the queue */
        leat__enqueue(worker, fiber);
    return other;
}
