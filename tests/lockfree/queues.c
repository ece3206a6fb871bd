/* SPDX-License-Identifier: MIT */
/* Injector, inbox and batch: order, counts, and several producers at once. */
#include <string.h>

#include "items.h"
#include "lockfree/inbox.h"
#include "lockfree/injector.h"

enum { PRODUCERS = 3, EACH = 60000 / TEST_SLOWDOWN, ALL = PRODUCERS * EACH };

static struct leat__injector injector;
static struct leat__inbox inbox;
static struct item *items;
static LEAT_ATOMIC(unsigned) started;
static LEAT_ATOMIC(uint32_t) told, taken;

static void reset(uint32_t n)
{
    memset(&injector, 0, sizeof injector);
    memset(&inbox, 0, sizeof inbox);
    items = items_create(n);
    store_relaxed(&started, 0); /* relaxed: no other thread yet */
    store_relaxed(&told, 0);
    store_relaxed(&taken, 0);
}

LEAT_TEST(batch, is_first_in_first_out)
{
    struct leat__batch batch = { 0 };

    reset(3);
    expect_null(leat__batch_pop(&batch));
    for (uint32_t i = 0; i < 3; i++)
        leat__batch_push(&batch, &items[i].link);
    expect_eq(batch.count, 3);
    for (uint32_t i = 0; i < 3; i++)
        expect_eq(item_take(leat__batch_pop(&batch)), i);
    expect_null(batch.first);
    expect_null(batch.last);
    expect_eq(batch.count, 0);
    items_destroy(items, 3);
}

LEAT_TEST(injector, hands_out_in_order_and_counts)
{
    struct leat__batch batch = { 0 };

    reset(5);
    expect_eq(leat__injector_pop_batch(&injector, 8, &batch), 0);
    leat__injector_push_batch(&injector, &batch);
    expect_eq(leat__injector_len(&injector), 0);
    leat__injector_push(&injector, &items[0].link);
    for (uint32_t i = 1; i < 5; i++)
        leat__batch_push(&batch, &items[i].link);
    leat__injector_push_batch(&injector, &batch);
    expect_eq(batch.count, 0);
    expect_null(batch.first);
    expect_eq(leat__injector_len(&injector), 5);
    expect_eq(leat__injector_pop_batch(&injector, 2, &batch), 2);
    expect_eq(leat__injector_len(&injector), 3);
    expect_eq(leat__injector_pop_batch(&injector, 8, &batch), 3);
    for (uint32_t i = 0; i < 5; i++)
        expect_eq(item_take(leat__batch_pop(&batch)), i);
    expect_eq(leat__injector_len(&injector), 0);
    items_destroy(items, 5);
}

static void *inject(void *arg)
{
    /* relaxed: a number for each */
    uint32_t first = fetch_add_relaxed(&started, 1) * (uint32_t)EACH;
    struct leat__batch batch = { 0 };

    (void)arg;
    for (uint32_t i = first; i < first + EACH; i++) {
        if (i % 3 == 0)
            leat__injector_push(&injector, &items[i].link);
        else
            leat__batch_push(&batch, &items[i].link);
        if (batch.count == 16)
            leat__injector_push_batch(&injector, &batch);
    }
    leat__injector_push_batch(&injector, &batch);
    return NULL;
}

static void *drain_injector(void *arg)
{
    (void)arg;
    while (load_relaxed(&taken) < ALL) { /* relaxed: a count */
        struct leat__batch batch = { 0 };
        uint32_t n = leat__injector_pop_batch(&injector, 8, &batch);

        expect_eq(items_take(&batch), n);
        (void)fetch_add_relaxed(&taken, n); /* relaxed: a count */
        if (n == 0)
            sched_yield();
    }
    return NULL;
}

LEAT_TEST(injector, many_producers_and_consumers_pass_each_item_once)
{
    pthread_t producers[PRODUCERS], consumers[2];

    reset(ALL);
    threads_start(producers, PRODUCERS, inject, NULL);
    threads_start(consumers, 2, drain_injector, NULL);
    threads_join(producers, PRODUCERS);
    threads_join(consumers, 2);
    expect_eq(leat__injector_len(&injector), 0);
    items_destroy(items, ALL);
}

LEAT_TEST(inbox, tells_of_the_first_item_and_hands_out_the_oldest_first)
{
    struct leat__batch batch = { 0 };

    reset(4);
    expect(leat__inbox_is_empty(&inbox));
    expect_eq(leat__inbox_take(&inbox, &batch), 0);
    expect(leat__inbox_push(&inbox, &items[0].link));
    expect(!leat__inbox_push(&inbox, &items[1].link));
    expect(!leat__inbox_push(&inbox, &items[2].link));
    expect_eq(leat__inbox_take(&inbox, &batch), 3);
    expect(leat__inbox_is_empty(&inbox));
    expect(leat__inbox_push(&inbox, &items[3].link));
    expect_eq(leat__inbox_take(&inbox, &batch), 1);
    expect_eq(batch.count, 4);
    for (uint32_t i = 0; i < 4; i++)
        expect_eq(item_take(leat__batch_pop(&batch)), i);
    items_destroy(items, 4);
}

static void *send(void *arg)
{
    /* relaxed: a number for each */
    uint32_t first = fetch_add_relaxed(&started, 1) * (uint32_t)EACH;

    (void)arg;
    for (uint32_t i = first; i < first + EACH; i++)
        if (leat__inbox_push(&inbox, &items[i].link))
            (void)fetch_add_relaxed(&told, 1); /* relaxed: a count, read after the join */
    return NULL;
}

LEAT_TEST(inbox, many_producers_keep_their_order_and_tell_once_a_batch)
{
    uint32_t next[PRODUCERS] = { 0 }, batches = 0;
    pthread_t producers[PRODUCERS];

    reset(ALL);
    threads_start(producers, PRODUCERS, send, NULL);
    for (uint32_t got = 0; got < ALL;) {
        struct leat__batch batch = { 0 };
        uint32_t n = leat__inbox_take(&inbox, &batch);

        got += n;
        batches += n > 0;
        for (struct leat__link *link; (link = leat__batch_pop(&batch));) {
            uint32_t number = item_take(link);

            expect_eq(number % EACH, next[number / EACH]);
            next[number / EACH]++;
        }
        if (n == 0)
            sched_yield();
    }
    threads_join(producers, PRODUCERS);
    expect_eq(load_relaxed(&told), batches); /* relaxed: the producers have ended */
    items_destroy(items, ALL);
}
