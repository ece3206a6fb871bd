/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/deque.c
 * model: flags -DLEAT__DEQUE_SLOTS=2u
 *
 * The deque, which starts with two slots and grows: owner at both ends against thieves. */
#include "items.h"
#include "lockfree/deque.h"

static struct leat__deque deque;
static const char tag;

static void reset(void)
{
    items_reset();
    memset(&deque, 0, sizeof deque);
    model_check(leat__deque_init(&deque) == 0);
}

static void push(int i)
{
    model_check(leat__deque_push(&deque, item_make(i), &tag));
}

static void take_newest(void *arg)
{
    struct leat__link *link = leat__deque_take_newest(&deque, &tag, false);

    (void)arg;
    if (link)
        item_take(link);
}

static void take_oldest(void)
{
    struct leat__link *link = leat__deque_take_oldest(&deque, false);

    if (link)
        item_take(link);
}

static void drain(int n)
{
    for (struct leat__link *link; (link = leat__deque_take_oldest(&deque, false));)
        item_take(link);
    model_check(leat__deque_len(&deque) == 0);
    items_check_taken(n);
    leat__deque_fini(&deque);
}

static void steal_in_raid(void)
{
    bool raced;
    struct leat__link *link = leat__deque_steal(&deque, &raced);

    model_check(!link || !raced);
    if (link)
        item_take(link);
}

static void steal(void *arg)
{
    (void)arg;
    leat__deque_raid(&deque);
    steal_in_raid();
    leat__deque_leave(&deque);
}

static void steal_twice(void *arg)
{
    (void)arg;
    leat__deque_raid(&deque);
    steal_in_raid();
    steal_in_raid();
    leat__deque_leave(&deque);
}

static void raid_twice(void *arg)
{
    steal(arg);
    steal(arg);
}

static void push_two_take_two(void *arg)
{
    (void)arg;
    push(0);
    push(1);
    take_newest(NULL);
    take_newest(NULL);
}

MODEL_DRIVER(deque_owner_and_thief_take_each_item_once, .preemptions = 3)
{
    reset();
    model_run_all(push_two_take_two, steal_twice);
    drain(2);
}

/* Where the kernel has no barrier the owner pays a fence of its own. */
MODEL_DRIVER(deque_fenced_owner_and_thief_take_each_item_once, .preemptions = 3)
{
    reset();
    leat__deque_fence(&deque);
    model_run_all(push_two_take_two, steal_twice);
    drain(2);
}

MODEL_DRIVER(deque_owner_between_two_raids)
{
    reset();
    model_run_all(push_two_take_two, raid_twice);
    drain(2);
}

MODEL_DRIVER(deque_owner_and_two_thieves_take_each_item_once)
{
    reset();
    push(0);
    push(1);
    model_run_all(take_newest, steal, steal);
    drain(2);
}

static void take_and_push_again(void *arg)
{
    (void)arg;
    take_newest(NULL);
    push(2);
    take_oldest();
    push(3);
}

MODEL_DRIVER(deque_slots_are_used_again_against_a_thief, .preemptions = 3)
{
    reset();
    push(0);
    push(1);
    model_run_all(take_and_push_again, steal_twice);
    drain(4);
}

static void push_five(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++)
        push(i);
    take_newest(NULL);
}

MODEL_DRIVER(deque_grows_under_a_thief, .preemptions = 3, .stale = 1)
{
    reset();
    model_run_all(push_five, steal_twice);
    drain(5);
}
