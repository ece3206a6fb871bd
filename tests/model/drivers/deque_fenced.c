/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/deque.c
 * model: flags -DLEAT__DEQUE_SLOTS=2u -DMODEL_LIGHT_IS_NONE
 *
 * The deque in a raid, or where the kernel has no barrier: then the owner pays a fence of its own,
 * which a light one must not hide here. */
#include "items.h"
#include "lockfree/deque.h"

static struct leat__deque deque;
static const char tag;

static void take(struct leat__link *link)
{
    if (link)
        item_take(link);
}

static void push_two_take_two(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        model_check(leat__deque_push(&deque, item_make(i), &tag));
    for (int i = 0; i < 2; i++)
        take(leat__deque_take_newest(&deque, &tag, false));
}

static void steal_two(void *arg)
{
    bool raced;

    (void)arg;
    leat__deque_raid(&deque);
    for (int i = 0; i < 2; i++)
        take(leat__deque_steal(&deque, &raced));
    leat__deque_leave(&deque);
}

MODEL_DRIVER(deque_fenced_owner_and_thief_take_each_item_once, .preemptions = 3)
{
    struct leat__link *link;

    items_reset();
    memset(&deque, 0, sizeof deque);
    model_check(leat__deque_init(&deque) == 0);
    leat__deque_fence(&deque);
    model_spawn(push_two_take_two, NULL);
    model_spawn(steal_two, NULL);
    model_run();
    while ((link = leat__deque_take_oldest(&deque, false)))
        item_take(link);
    items_check_taken(2);
    leat__deque_fini(&deque);
}
