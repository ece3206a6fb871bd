/* SPDX-License-Identifier: MIT */
/* The inbox: nothing lost, order kept, exactly one producer tells a sleeping consumer. */
#include "items.h"
#include "lockfree/atomic.h"
#include "lockfree/inbox.h"

static struct leat__inbox inbox;
static int consumer;

static void send(int i)
{
    if (leat__inbox_push(&inbox, item_make(i)))
        model_wake(consumer);
}

static void send_one(void *arg)
{
    send((int)(intptr_t)arg);
}

static void send_two(void *arg)
{
    send((int)(intptr_t)arg);
    send((int)(intptr_t)arg + 1);
}

/* Takes until it has had *arg items; sleeps when there are none. */
static void consume(void *arg)
{
    int want = (int)(intptr_t)arg, last = -1;

    while (want > 0) {
        struct leat__batch batch = { 0 };
        uint32_t n = leat__inbox_take(&inbox, &batch);

        model_check(n == batch.count);
        want -= (int)n;
        for (struct leat__link *link; (link = leat__batch_pop(&batch));) {
            int i = item_take(link);

            model_check(i == 7 || i > last); /* 0, 1, 2 come from one sender */
            last = i == 7 ? last : i;
        }
        if (n == 0)
            model_sleep();
    }
    model_check(leat__inbox_is_empty(&inbox));
}

static void reset(void)
{
    items_reset();
    memset(&inbox, 0, sizeof inbox);
}

MODEL_DRIVER(inbox_one_producer_keeps_order, .preemptions = 3)
{
    reset();
    consumer = model_spawn(consume, (void *)(intptr_t)2);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_run();
    items_check_taken(2);
}

MODEL_DRIVER(inbox_two_producers_wake_the_consumer)
{
    reset();
    consumer = model_spawn(consume, (void *)(intptr_t)3);
    model_spawn(send_two, (void *)(intptr_t)0);
    model_spawn(send_one, (void *)(intptr_t)7);
    model_run();
    items_check_taken(2);
    model_check(items[7].takers == 1);
}
