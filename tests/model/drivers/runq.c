/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/runq.c
 * model: sources lockfree/lock.c
 * model: flags -DLEAT__RUNQ_SLOTS=4u -DLEAT__LOCK_SPINS=0
 *
 * The run queue, which starts with four slots: owner against thieves. */
#include "items.h"
#include "lockfree/runq.h"

static struct leat__runq owner_ring, thief_ring[2];

static void reset(uint64_t start)
{
    items_reset();
    model_check(leat__runq_init(&owner_ring) == 0);
    for (int i = 0; i < 2; i++)
        model_check(leat__runq_init(&thief_ring[i]) == 0);
    owner_ring.head = owner_ring.tail = start; /* as after `start` items */
    owner_ring.next = owner_ring.taken = start;
}

static void drain(struct leat__runq *q)
{
    for (struct leat__link *link; (link = leat__runq_pop(q));)
        item_take(link);
}

static void drain_all(int n)
{
    drain(&owner_ring);
    drain(&thief_ring[0]);
    drain(&thief_ring[1]);
    items_check_taken(n);
    leat__runq_fini(&owner_ring);
    leat__runq_fini(&thief_ring[0]);
    leat__runq_fini(&thief_ring[1]);
}

static void steal_once(void *arg)
{
    uint32_t count = 99;
    struct leat__link *link = leat__runq_steal_half(&owner_ring, arg, &count);

    model_check(link ? count >= 1 && count <= 2 : count == 0);
    if (link)
        item_take(link);
}

static void steal_and_run(void *arg)
{
    steal_once(arg);
    drain(arg);
}

static void steal_and_run_what_there_is(void *arg)
{
    uint32_t count = 99;
    struct leat__link *link = leat__runq_steal_half(&owner_ring, arg, &count);

    model_check(link ? count >= 1 && count <= 3 : count == 0);
    if (link)
        item_take(link);
    drain(arg);
}

static void push_then_pop(void *arg)
{
    int last = -1;

    (void)arg;
    for (int i = 0; i < 3; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    for (struct leat__link *link; (link = leat__runq_pop(&owner_ring));) {
        int i = item_take(link);

        model_check(i > last); /* first in, first out */
        last = i;
    }
}

MODEL_DRIVER(runq_owner_and_thief_take_each_item_once, .preemptions = 3)
{
    reset(0);
    model_spawn(push_then_pop, NULL);
    model_spawn(steal_and_run, &thief_ring[0]);
    model_run();
    drain_all(3);
}

MODEL_DRIVER(runq_two_thieves_take_each_item_once)
{
    reset(0);
    for (int i = 0; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    model_check(!leat__runq_push(&owner_ring, item_make(4)));
    model_check(leat__runq_len(&owner_ring) == 4);
    model_spawn(steal_and_run, &thief_ring[0]);
    model_spawn(steal_and_run, &thief_ring[1]);
    model_run();
    drain_all(4);
}

static void push_two(void *arg)
{
    (void)arg;
    model_check(leat__runq_push(&owner_ring, item_make(0)));
    model_check(leat__runq_push(&owner_ring, item_make(1)));
}

MODEL_DRIVER(runq_two_thieves_against_push)
{
    reset(0);
    model_spawn(push_two, NULL);
    model_spawn(steal_once, &thief_ring[0]);
    model_spawn(steal_once, &thief_ring[1]);
    model_run();
    drain_all(2);
}

/* Starts with a full ring; slots are used again as soon as somebody took their items. */
static void push_over(void *arg)
{
    struct leat__batch batch = { 0 };

    (void)arg;
    for (int i = 4; i < 7; i++) {
        struct leat__link *link = item_make(i);

        if (leat__runq_push(&owner_ring, link))
            continue;
        model_check(leat__runq_take_half(&owner_ring, &batch) <= 2);
        items_take(&batch);
        model_check(leat__runq_push(&owner_ring, link));
    }
    model_check(leat__runq_len(&owner_ring) <= 4);
}

MODEL_DRIVER(runq_full_ring_is_halved_against_a_thief, .preemptions = 3, .weak_preemptions = 2)
{
    reset(2);
    for (int i = 0; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    model_spawn(push_over, NULL);
    model_spawn(steal_and_run, &thief_ring[0]);
    model_run();
    drain_all(7);
}

/* Starts with a full ring, which grows. */
static void grow_and_push(void *arg)
{
    (void)arg;
    model_check(leat__runq_grow(&owner_ring));
    for (int i = 4; i < 6; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
}

MODEL_DRIVER(runq_grows_under_a_thief)
{
    reset(3);
    for (int i = 0; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    model_spawn(grow_and_push, NULL);
    model_spawn(steal_and_run_what_there_is, &thief_ring[0]);
    model_run();
    drain_all(6);
}

MODEL_DRIVER(runq_grows_under_two_thieves, .preemptions = 1)
{
    reset(3);
    for (int i = 0; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    model_spawn(grow_and_push, NULL);
    model_spawn(steal_and_run_what_there_is, &thief_ring[0]);
    model_spawn(steal_and_run_what_there_is, &thief_ring[1]);
    model_run();
    drain_all(6);
}

static void push_batch_pop_batch(void *arg)
{
    struct leat__batch batch = { 0 };

    (void)arg;
    for (int i = 0; i < 6; i++)
        leat__batch_push(&batch, item_make(i));
    model_check(leat__runq_push_batch(&owner_ring, &batch) == 4);
    model_check(batch.count == 2);
    (void)leat__runq_push_batch(&owner_ring, &batch);
    items_take(&batch);
    (void)leat__runq_peek(&owner_ring);
    model_check(leat__runq_pop_batch(&owner_ring, 3, &batch) <= 3);
    items_take(&batch);
}

MODEL_DRIVER(runq_batches_against_a_thief)
{
    reset(0);
    model_spawn(push_batch_pop_batch, NULL);
    model_spawn(steal_and_run, &thief_ring[0]);
    model_run();
    drain_all(6);
}

/* A thief's ring is stolen from while it fills it. */
static void steal_from_thief(void *arg)
{
    uint32_t count;
    struct leat__link *link = leat__runq_steal_half(&thief_ring[0], arg, &count);

    if (link)
        item_take(link);
}

MODEL_DRIVER(runq_thief_is_stolen_from)
{
    reset(0);
    for (int i = 0; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    model_spawn(steal_and_run, &thief_ring[0]);
    model_spawn(steal_from_thief, &thief_ring[1]);
    model_run();
    drain_all(4);
}

/* A thief with one slot left takes no more than fits. */
MODEL_DRIVER(runq_thief_takes_what_fits)
{
    reset(0);
    for (int i = 0; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    for (int i = 4; i < 8; i++)
        model_check(leat__runq_push(&thief_ring[0], item_make(i)));
    model_spawn(steal_once, &thief_ring[0]);
    model_spawn(steal_once, &thief_ring[1]);
    model_run();
    drain_all(8);
}

/* One after the other, or one that finds the lock taken: what the first left is halved again. */
static void steal_twice(void *arg)
{
    steal_and_run_what_there_is(arg);
    steal_and_run_what_there_is(arg);
}

static void pop_two(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct leat__link *link = leat__runq_pop(&owner_ring);

        if (link)
            item_take(link);
    }
}

MODEL_DRIVER(runq_takes_after_two_raids_that_were_not_settled, .preemptions = 3,
             .weak_preemptions = 2)
{
    reset(1);
    for (int i = 0; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    model_spawn(pop_two, NULL);
    model_spawn(steal_twice, &thief_ring[0]);
    model_run();
    drain_all(4);
}

/* Yields: what gives way may be stolen only once it was shown, whole. */
static void give_way_twice(void *arg)
{
    int running = 4;

    (void)arg;
    for (int i = 0; i < 2; i++) {
        struct leat__link *first = leat__runq_peek(&owner_ring), *after, *near, *far;

        if (!first)
            break;
        after = leat__runq_rotate(&owner_ring, &items[running].link, &near, &far);
        if (!after)
            break;
        model_check(after == leat__runq_peek(&owner_ring));
        item_make(running); /* its registers */
        leat__runq_show(&owner_ring);
        running = (int)((struct item *)(void *)first - items);
        item_make(running); /* it runs */
    }
    item_take(&items[running].link);
}

static void give_way(int others)
{
    for (int i = 4 - others; i < 4; i++)
        model_check(leat__runq_push(&owner_ring, item_make(i)));
    item_make(4);
    model_spawn(give_way_twice, NULL);
    model_spawn(steal_and_run, &thief_ring[0]);
    model_run();
    for (int i = 0; i < 4 - others; i++)
        items[i].takers = 1; /* was not there */
    drain_all(5);
}

MODEL_DRIVER(runq_gives_way_to_one, .preemptions = 3)
{
    reset(3);
    give_way(1);
}

MODEL_DRIVER(runq_gives_way_in_a_full_ring, .preemptions = 3, .weak_preemptions = 2)
{
    reset(2);
    give_way(4);
}

/* Where the kernel has no barrier. (A light fence is one for the model, so that the one the owner
 * pays then cannot be missed here.) */
MODEL_DRIVER(runq_gives_way_by_fences, .preemptions = 3, .weak_preemptions = 2)
{
    reset(0);
    leat__runq_fence(&owner_ring);
    give_way(2);
}

static void pop_push_pop(void *arg)
{
    struct leat__link *link = leat__runq_pop(&owner_ring);

    (void)arg;
    if (link)
        item_take(link);
    model_check(leat__runq_push(&owner_ring, item_make(1)));
    link = leat__runq_pop(&owner_ring);
    if (link)
        item_take(link);
}

MODEL_DRIVER(runq_takes_in_a_raid_what_it_has_just_put, .preemptions = 3)
{
    reset(0);
    model_check(leat__runq_push(&owner_ring, item_make(0)));
    model_spawn(pop_push_pop, NULL);
    model_spawn(steal_and_run, &thief_ring[0]);
    model_run();
    drain_all(2);
}
