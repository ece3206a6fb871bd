/* SPDX-License-Identifier: MIT */
/* Channels pass each element exactly once, in order, and say when they are closed. */
#include "chan/ledger.h"
#include "base/random.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdlib.h>

static void open_chan(long_chan *chan, size_t capacity)
{
    expect_ok(leat_chan_open(chan, .capacity = capacity));
}

LEAT_TEST(chan, elements_come_out_in_the_order_they_went_in)
{
    long_chan chan;
    long value;

    open_chan(&chan, 5);
    for (long round = 0; round < 10; round++) {
        for (long i = 0; i < 5; i++)
            expect_ok(leat_try_send(&chan, &(long){ round * 5 + i }));
        expect_err(leat_try_send(&chan, &(long){ 99 }), -EAGAIN);
        expect_eq(leat_chan_length(chan.chan), 5u);
        for (long i = 0; i < 5; i++) {
            expect_ok(leat_try_recv(&chan, &value));
            expect_eq(value, round * 5 + i);
        }
        expect_err(leat_try_recv(&chan, &value), -EAGAIN);
    }
    leat_chan_destroy(&chan);
}

static size_t draw(struct leat__random *random, size_t below)
{
    return leat__random_below(random, (uint32_t)below);
}

/* By all calls that pass one: what one of them learns of the ring must hold for the next. */
LEAT_TEST_TASK(chan, words_pass_in_order_whichever_calls_take_turns)
{
    struct leat__random random;

    leat__random_init(&random, test_seed());
    for (size_t capacity = 1; capacity <= 40; capacity++) {
        long_chan chan;
        long next = 0, expected = 0, value, some[40];

        open_chan(&chan, capacity);
        for (int step = 0; step < 200; step++) {
            size_t there = leat_chan_length(chan.chan), room = capacity - there;

            expect_eq(there, (size_t)(next - expected));
            if (room > 0 && draw(&random, 4) == 0) {
                for (size_t i = 0; i < room; i++)
                    some[i] = next + (long)i;
                expect_eq(leat_send_many(&chan, some, room), (ssize_t)room);
                next += (long)room;
                room = 0;
            }
            for (size_t n = draw(&random, room + 1); n > 0; n--, next++)
                expect_ok(draw(&random, 8) ? leat_send(&chan, &next)
                                                  : leat_try_send(&chan, &next));
            there = leat_chan_length(chan.chan);
            for (size_t n = draw(&random, there + 1); n > 0; n--, expected++) {
                expect_ok(draw(&random, 8) ? leat_recv(&chan, &value)
                                                  : leat_try_recv(&chan, &value));
                expect_eq(value, expected);
            }
        }
        leat_close(&chan);
        expect_err(leat_send(&chan, &next), -EPIPE);
        for (; expected < next; expected++) {
            expect_ok(leat_recv(&chan, &value));
            expect_eq(value, expected);
        }
        expect_err(leat_recv(&chan, &value), -EPIPE);
        leat_chan_destroy(&chan);
    }
}

LEAT_TEST(chan, a_closed_channel_drains_and_then_says_so)
{
    long_chan chan;
    long value = 0;

    open_chan(&chan, 2);
    expect_ok(leat_send(&chan, &(long){ 1 }));
    leat_close(&chan);
    leat_close(&chan);
    expect_err(leat_send(&chan, &(long){ 2 }), -EPIPE);
    expect_err(leat_try_send(&chan, &(long){ 2 }), -EPIPE);
    expect_ok(leat_recv(&chan, &value));
    expect_eq(value, 1);
    expect_err(leat_recv(&chan, &value), -EPIPE);
    expect_err(leat_try_recv(&chan, &value), -EPIPE);
    leat_chan_destroy(&chan);
}

LEAT_TEST(chan, bad_options_are_refused)
{
    struct leat_chan *chan = NULL;
    struct leat_chan_options options = { .size = sizeof options, .capacity = SIZE_MAX };

    expect_err(leat_chan_create(&chan, 8, &options), -EINVAL);
    options.capacity = 1;
    expect_err(leat_chan_create(&chan, 0, &options), -EINVAL);
    expect_err(leat_chan_create(&chan, 65537, &options), -EINVAL);
    options.size = 8;
    expect_err(leat_chan_create(&chan, 8, &options), -EINVAL);
    expect_null(chan);
    leat_chan_free(NULL);
}

struct order {
    int id, quantity;
};
typedef leat_chan(struct order) order_chan;

static int send_orders(void *arg)
{
    order_chan *orders = arg;
    const struct order last = { 2, 20 };
    int err = leat_send(orders, &(struct order){ .id = 1, .quantity = 10 });

    if (!err)
        err = leat_send(orders, &last); /* a const source is a right one */
    leat_close(orders);
    return err;
}

LEAT_TEST_TASK(chan, a_channel_without_capacity_passes_hand_to_hand)
{
    order_chan orders;
    struct order order;
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(&orders, .name = "orders"));
    leat_spawn(&scope, send_orders, &orders);
    assert_ok(leat_recv(&orders, &order));
    expect_eq(order.id, 1);
    expect_eq(leat_chan_length(orders.chan), 0u);
    assert_ok(leat_recv(&orders, &order));
    expect_eq(order.quantity, 20);
    expect_err(leat_recv(&orders, &order), -EPIPE);
    expect_ok(leat_scope_join(&scope));
    leat_chan_destroy(&orders);
}

struct party {
    long_chan *chan;
    long       from, to;
    long       count, sum;
};

static int send_range(void *arg)
{
    struct party *party = arg;
    int err = 0;

    for (long i = party->from; i < party->to && !err; i++)
        err = leat_send(party->chan, &i);
    return err;
}

static int receive_all(void *arg)
{
    struct party *party = arg;
    long value;
    int err;

    while ((err = leat_recv(party->chan, &value)) == 0) {
        party->sum += value;
        party->count++;
    }
    return err == -EPIPE ? 0 : err;
}

/* `senders` tasks and one plain thread send, `receivers` tasks receive: all arrives, once. */
static void pass_all(size_t capacity, int senders, int receivers)
{
    enum { EACH = 2000 };
    struct party out[8], in[8];
    long_chan chan;
    long count = 0, sum = 0, total = (long)senders * EACH;
    LEAT_SCOPE(consumers);

    open_chan(&chan, capacity);
    for (int i = 0; i < receivers; i++) {
        in[i] = (struct party){ .chan = &chan };
        leat_spawn(&consumers, receive_all, &in[i]);
    }
    {
        LEAT_SCOPE(producers);

        for (int i = 0; i < senders; i++) {
            out[i] = (struct party){ &chan, i * EACH, (i + 1) * EACH, 0, 0 };
            leat_spawn(&producers, send_range, &out[i]);
        }
        expect_ok(leat_scope_join(&producers));
    }
    leat_close(&chan);
    expect_ok(leat_scope_join(&consumers));
    for (int i = 0; i < receivers; i++) {
        count += in[i].count;
        sum += in[i].sum;
    }
    expect_eq(count, total);
    expect_eq(sum, total * (total - 1) / 2);
    leat_chan_destroy(&chan);
}

LEAT_TEST_TASK(chan, many_to_many_conserves_every_element)
{
    pass_all(0, 4, 4);
    pass_all(1, 4, 4);
    pass_all(3, 1, 7);
    pass_all(64, 7, 1);
    pass_all(1024, 4, 4);
}

static int close_soon(void *arg)
{
    long_chan *chan = arg;
    int err = leat_sleep(LEAT_MSEC);

    leat_close(chan);
    return err;
}

LEAT_TEST_TASK(chan, closed_channel_wakes_blocked_receivers_and_senders)
{
    long_chan empty, full;
    struct party receiver[4], sender[4];
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    open_chan(&empty, 1);
    open_chan(&full, 0);
    for (int i = 0; i < 4; i++) {
        receiver[i] = (struct party){ .chan = &empty };
        sender[i] = (struct party){ .chan = &full, .to = 1 };
        leat_spawn(&scope, receive_all, &receiver[i]);
        leat_spawn(&scope, send_range, &sender[i]);
    }
    leat_spawn(&scope, close_soon, &empty);
    leat_spawn(&scope, close_soon, &full);
    expect_err(leat_scope_join(&scope), -EPIPE);
    leat_chan_destroy(&empty);
    leat_chan_destroy(&full);
}

LEAT_TEST_TASK(chan, a_deadline_ends_a_wait_and_loses_nothing)
{
    long_chan chan;
    long value;

    open_chan(&chan, 1);
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_recv(&chan, &value), -ETIMEDOUT);
    }
    expect_ok(leat_send(&chan, &(long){ 1 }));
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_send(&chan, &(long){ 2 }), -ETIMEDOUT);
    }
    expect_ok(leat_recv(&chan, &value));
    expect_eq(value, 1);
    expect_err(leat_try_recv(&chan, &value), -EAGAIN); /* 2 was not sent */
    leat_chan_destroy(&chan);
}

LEAT_TEST_TASK(chan, cancels_at_random_instants_conserve_every_element)
{
    for (size_t round = 0; round < test_rounds(40, 2000); round++) {
        struct ledger ledger = { .sent = 0 };

        open_chan(&ledger.chan, round % 5);
        {
            LEAT_SCOPE(scope, .deadline = leat_after((leat_time)(round * 37 % 900) * LEAT_USEC));

            for (int i = 0; i < 3; i++) {
                leat_spawn(&scope, ledger_send, &ledger);
                leat_spawn(&scope, ledger_receive, &ledger);
            }
            (void)leat_sleep((leat_time)(round * 53 % 700) * LEAT_USEC);
            leat_scope_cancel(&scope);
            expect_ne(leat_scope_join(&scope), 0);
        }
        ledger_close(&ledger);
    }
}

static void *send_from_thread(void *arg)
{
    return send_range(arg) == 0 ? arg : NULL;
}

LEAT_TEST_TASK(chan, plain_threads_and_tasks_share_a_channel)
{
    long_chan chan;
    struct party in = { .chan = &chan }, out[3];
    pthread_t threads[3];
    LEAT_SCOPE(scope);

    open_chan(&chan, 4);
    leat_spawn(&scope, receive_all, &in);
    for (int i = 0; i < 3; i++) {
        out[i] = (struct party){ &chan, i * 1000, i * 1000 + 1000, 0, 0 };
        assert_ok(pthread_create(&threads[i], NULL, send_from_thread, &out[i]));
    }
    for (int i = 0; i < 3; i++) {
        void *ended = NULL;

        /* A worker must not wait for a thread that may wait for us: ask, and let others run. */
        while (pthread_tryjoin_np(threads[i], &ended) != 0)
            expect_ok(leat_sleep(100 * LEAT_USEC));
        expect_not_null(ended);
    }
    leat_close(&chan);
    expect_ok(leat_scope_join(&scope));
    expect_eq(in.count, 3000);
    expect_eq(in.sum, 3000L * 2999 / 2);
    leat_chan_destroy(&chan);
}

LEAT_TEST(chan, a_plain_thread_waits_with_a_deadline)
{
    long_chan chan;
    long value;

    open_chan(&chan, 1);
    {
        leat_time start = leat_now();
        LEAT_LIMIT(2 * LEAT_MSEC);

        expect_err(leat_recv(&chan, &value), -ETIMEDOUT);
        expect_ge(leat_now() - start, 2 * LEAT_MSEC);
    }
    leat_chan_destroy(&chan);
}

static void free_under_a_waiter_body(void)
{
    long_chan chan;
    struct party party = { .chan = &chan };
    pthread_t thread;

    expect_ok(leat_chan_open(&chan, .capacity = 0));
    party.to = 1;
    pthread_create(&thread, NULL, send_from_thread, &party);
    (void)leat_sleep(50 * LEAT_MSEC);
    leat_chan_destroy(&chan);
}

LEAT_TEST(chan, freeing_a_channel_under_a_waiter_is_a_checked_bug)
{
    expect_dies(free_under_a_waiter_body, 6, "close it and join them first");
}
