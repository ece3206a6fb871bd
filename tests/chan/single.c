/* SPDX-License-Identifier: MIT */
/* Channels opened with .spsc: one sender and one receiver at a time, wherever they run. */
#include "chan/ledger.h"
#include "chan/single.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>

struct run {
    long_chan chan;
    long      count, received;
    bool      in_order;
};

static int send_count(void *arg)
{
    struct run *run = arg;
    int err = 0;

    for (long i = 0; i < run->count && !err; i++)
        err = leat_send(&run->chan, &i);
    leat_close(&run->chan);
    return err;
}

static int receive_count(void *arg)
{
    struct run *run = arg;
    long value;
    int err;

    run->in_order = true;
    while ((err = leat_recv(&run->chan, &value)) == 0)
        run->in_order &= value == run->received++;
    return err == -EPIPE ? 0 : err;
}

static void *send_on_thread(void *arg)
{
    return send_count(arg) == 0 ? arg : NULL;
}

static void *receive_on_thread(void *arg)
{
    return receive_count(arg) == 0 ? arg : NULL;
}

static void check(struct run *run)
{
    expect_eq(run->received, run->count);
    expect(run->in_order);
    leat_chan_destroy(&run->chan);
}

LEAT_TEST_TASK(spsc, passes_all_in_order_between_two_tasks)
{
    static const size_t capacities[] = { 0, 1, 2, 3, 64, 1000 };

    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct run run = { .count = 20000 };
        LEAT_SCOPE(scope);

        assert_ok(leat_chan_open(&run.chan, .capacity = capacities[i], .spsc = true));
        leat_spawn(&scope, send_count, &run);
        leat_spawn(&scope, receive_count, &run);
        expect_ok(leat_scope_join(&scope));
        check(&run);
    }
}

LEAT_TEST(spsc, passes_all_in_order_between_two_plain_threads)
{
    static const size_t capacities[] = { 1, 7, 128 };

    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        struct run run = { .count = 20000 };
        pthread_t sender, receiver;
        void *sent, *received;

        assert_ok(leat_chan_open(&run.chan, .capacity = capacities[i], .spsc = true));
        assert_ok(pthread_create(&sender, NULL, send_on_thread, &run));
        assert_ok(pthread_create(&receiver, NULL, receive_on_thread, &run));
        assert_ok(pthread_join(sender, &sent));
        assert_ok(pthread_join(receiver, &received));
        expect_not_null(sent);
        expect_not_null(received);
        check(&run);
    }
}

static int join_thread(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

LEAT_TEST_TASK(spsc, passes_all_in_order_from_a_thread_to_a_task)
{
    struct run run = { .count = 50000 };
    pthread_t sender;

    assert_ok(leat_chan_open(&run.chan, .capacity = 32, .spsc = true));
    assert_ok(pthread_create(&sender, NULL, send_on_thread, &run));
    expect_ok(receive_count(&run));
    expect_ok(leat_blocking(join_thread, &sender));
    check(&run);
}

LEAT_TEST_TASK(spsc, cancels_conserve_every_element)
{
    for (size_t round = 0; round < test_rounds(60, 3000); round++) {
        struct ledger ledger = { .sent = 0 };

        assert_ok(leat_chan_open(&ledger.chan, .capacity = 1 + round % 4, .spsc = true));
        {
            LEAT_SCOPE(scope);

            leat_spawn(&scope, ledger_send, &ledger);
            leat_spawn(&scope, ledger_receive, &ledger);
            (void)leat_sleep((leat_time)(round * 53 % 700) * LEAT_USEC);
            leat_scope_cancel(&scope);
            expect_err(leat_scope_join(&scope), -ECANCELED);
        }
        ledger_close(&ledger);
    }
}

LEAT_TEST_TASK(spsc, a_closed_channel_drains_and_then_says_so)
{
    long_chan chan;
    long value = 0;

    assert_ok(leat_chan_open(&chan, .capacity = 2, .spsc = true));
    expect_ok(leat_send(&chan, &(long){ 1 }));
    leat_close(&chan);
    expect_err(leat_send(&chan, &(long){ 2 }), -EPIPE);
    expect_ok(leat_recv(&chan, &value));
    expect_eq(value, 1);
    expect_err(leat_recv(&chan, &value), -EPIPE);
    leat_chan_destroy(&chan);
}

LEAT_TEST_TASK(spsc, a_select_may_send_to_it_twice_and_is_one_sender)
{
    struct run run = { .count = 1 };
    long_chan *chan = &run.chan;
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(chan, .capacity = 1, .spsc = true));
    expect_ok(leat_send(chan, &(long){ 0 }));
    leat_spawn(&scope, receive_count, &run);
    expect_ge(leat_select(LEAT_SEND(chan, &(long){ 1 }), LEAT_SEND(chan, &(long){ 1 })), 0);
    leat_close(chan);
    expect_ok(leat_scope_join(&scope));
    expect_eq(run.received, 2);
    expect(run.in_order);
    leat_chan_destroy(chan);
}

static int receive_one(void *arg)
{
    long value;

    return leat_recv((long_chan *)arg, &value);
}

static int two_receivers(void *arg)
{
    long_chan chan;
    LEAT_SCOPE(scope);

    (void)arg;
    expect_ok(leat_chan_open(&chan, .capacity = 1, .spsc = true));
    leat_spawn(&scope, receive_one, &chan);
    leat_spawn(&scope, receive_one, &chan);
    return leat_scope_join(&scope);
}

static void two_receivers_body(void)
{
    expect_ok(leat_run(two_receivers, NULL, NULL));
}

LEAT_TEST(spsc, a_second_receiver_is_a_checked_bug)
{
    expect_dies(two_receivers_body, 6, "two senders or two receivers at the same time");
}

/* Two that meet in the middle of a send, one after the other's mark was seen, one before. */
static void enter_twice_body(void)
{
    struct leat__bias bias = { .owner = LEAT__BIAS_SHARED };
    LEAT_ATOMIC(uintptr_t) side = 0;
    char mine = 0, other;

    expect(leat__single_enter(&side, &bias, &mine));
    expect(leat__single_enter(&side, &bias, &other));
}

static void overtaken_body(void)
{
    struct leat__bias bias = { .owner = LEAT__BIAS_SHARED };
    LEAT_ATOMIC(uintptr_t) side = 0;
    char mine = 0, other;

    expect(leat__single_enter(&side, &bias, &mine));
    store_relaxed(&side, (uintptr_t)&other); /* relaxed: one thread plays both */
    leat__single_leave(&side, &mine);
}

LEAT_TEST(spsc, two_senders_that_overlap_are_a_checked_bug)
{
    expect_dies(enter_twice_body, 6, "two senders or two receivers at the same time");
    expect_dies(overtaken_body, 6, "two senders or two receivers at the same time");
}
