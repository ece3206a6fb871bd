/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c lockfree/injector.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * The injector: batches stay in order, nothing is lost, its length is right in the end. */
#include "items.h"
#include "lockfree/injector.h"

static struct leat__injector injector;

static void push_one_then_batch(void *arg)
{
    struct leat__batch batch = { 0 };

    (void)arg;
    leat__injector_push(&injector, item_make(0));
    leat__batch_push(&batch, item_make(1));
    leat__batch_push(&batch, item_make(2));
    leat__injector_push_batch(&injector, &batch);
    model_check(batch.count == 0 && !batch.first);
}

static void push_one(void *arg)
{
    (void)arg;
    leat__injector_push(&injector, item_make(3));
}

static void pop_two(void *arg)
{
    struct leat__batch batch = { 0 };
    uint32_t n = leat__injector_pop_batch(&injector, 2, &batch);
    int last = -1;

    (void)arg;
    model_check(n == batch.count && n <= 2);
    for (struct leat__link *link; (link = leat__batch_pop(&batch));) {
        int i = item_take(link);

        model_check(i == 3 || i > last);
        last = i == 3 ? last : i;
    }
}

static void reset(void)
{
    items_reset();
    memset(&injector, 0, sizeof injector);
}

static void drain(int n)
{
    struct leat__batch batch = { 0 };

    (void)leat__injector_pop_batch(&injector, ITEMS, &batch);
    items_take(&batch);
    model_check(leat__injector_len(&injector) == 0);
    model_check(!injector.first && !injector.last);
    items_check_taken(n);
}

MODEL_DRIVER(injector_one_producer_one_consumer, .preemptions = 3)
{
    reset();
    model_run_all(push_one_then_batch, pop_two);
    drain(3);
}

MODEL_DRIVER(injector_two_producers_two_consumers, .stale = 1)
{
    reset();
    model_run_all(push_one_then_batch, push_one, pop_two, pop_two);
    drain(4);
}
