/* SPDX-License-Identifier: MIT */
/* Channels' options and batches: oneshot, a budget of bytes, done and join, many at once. */
#include "harness/test.h"

#include <leat/leat.h>

typedef leat_chan(long) long_chan;

LEAT_TEST(chan_options, a_oneshot_takes_one_and_closes_itself)
{
    long_chan chan;
    long value = 0;

    assert_ok(leat_chan_open(&chan, .oneshot = true));
    expect_ok(leat_send(&chan, &(long){ 7 }));
    expect_err(leat_send(&chan, &(long){ 8 }), -EPIPE);
    expect_ok(leat_recv(&chan, &value));
    expect_eq(value, 7);
    expect_err(leat_recv(&chan, &value), -EPIPE);
    leat_chan_destroy(&chan);
    expect_err(leat_chan_open(&chan, .oneshot = true, .capacity = 2), -EINVAL);
}

LEAT_TEST(chan_options, a_budget_of_bytes_is_a_capacity)
{
    long_chan chan;

    assert_ok(leat_chan_open(&chan, .budget_bytes = 10 * sizeof(long) + 1));
    expect_eq(leat_chan_capacity(chan.chan), 10u);
    for (long i = 0; i < 10; i++)
        expect_ok(leat_try_send(&chan, &i));
    expect_err(leat_try_send(&chan, &(long){ 10 }), -EAGAIN);
    leat_chan_destroy(&chan);
    expect_err(leat_chan_open(&chan, .budget_bytes = 1), -EINVAL);
    expect_err(leat_chan_open(&chan, .budget_bytes = 64, .capacity = 1), -EINVAL);
}

LEAT_TEST_TASK(chan_options, a_batch_is_sent_in_part_when_its_time_is_up)
{
    static const long numbers[] = { 0, 1, 2, 3, 4 };
    long got[5];
    long_chan chan;

    assert_ok(leat_chan_open(&chan, .capacity = 3));
    {
        LEAT_LIMIT(50 * LEAT_MSEC);

        expect_eq(leat_send_many(&chan, numbers, 5), 3);
        expect_err(leat_send_many(&chan, numbers + 3, 2), -ETIMEDOUT);
        expect_eq(leat_send_many(&chan, numbers + 3, 0), 0);
        expect_eq(leat_recv_many(&chan, got, 0), 0);
    }
    expect_eq(leat_recv_many(&chan, got, 0), 0);
    expect_eq(leat_recv_many(&chan, got, 2), 2);
    expect_eq(leat_send_many(&chan, numbers + 3, 2), 2);
    expect_eq(leat_recv_many(&chan, got + 2, 3), 3);
    for (long i = 0; i < 5; i++)
        expect_eq(got[i], i);
    leat_close(&chan);
    expect_err(leat_send_many(&chan, numbers, 5), -EPIPE);
    expect_err(leat_recv_many(&chan, got, 5), -EPIPE);
    leat_chan_destroy(&chan);
}

struct work {
    long_chan chan;
    long      done;
};

static int work_off(void *arg)
{
    struct work *work = arg;
    long batch[4];
    ssize_t count;

    while ((count = leat_recv_many(&work->chan, batch, 4)) > 0)
        for (ssize_t i = 0; i < count; i++) {
            int err = leat_sleep(10 * LEAT_USEC);

            if (err)
                return err;
            work->done++;
            leat_chan_done(work->chan.chan);
        }
    return count == -EPIPE ? 0 : (int)count;
}

LEAT_TEST_TASK(chan_options, join_waits_until_all_that_was_sent_is_done)
{
    struct work work = { .done = 0 };
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(&work.chan, .capacity = 5));
    expect_ok(leat_chan_join(work.chan.chan)); /* nothing was sent */
    leat_spawn(&scope, work_off, &work);
    for (long i = 1; i <= 30; i++) {
        expect_ok(leat_send(&work.chan, &i));
        if (i % 10 == 0) {
            expect_ok(leat_chan_join(work.chan.chan));
            expect_eq(work.done, i);
        }
    }
    leat_close(&work.chan);
    expect_ok(leat_scope_join(&scope));
    leat_chan_destroy(&work.chan);
}

static void done_too_often_body(void)
{
    long_chan chan;

    expect_ok(leat_chan_open(&chan, .capacity = 1));
    leat_chan_done(chan.chan);
}

LEAT_TEST(chan_options, done_without_an_element_is_a_checked_bug)
{
    expect_dies(done_too_often_body, 6, "called more often than elements were sent");
}
