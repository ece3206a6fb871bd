/* SPDX-License-Identifier: MIT */
/* Select takes exactly one of its cases, any of those that can happen, and leaves no trace of the
 * others. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <unistd.h>

typedef leat_chan(long) long_chan;

static void open_chan(long_chan *chan, size_t capacity)
{
    expect_ok(leat_chan_open(chan, .capacity = capacity));
}

LEAT_TEST(select, the_case_that_can_happen_happens)
{
    long_chan empty, full, room;
    long value = 0;

    open_chan(&empty, 1);
    open_chan(&full, 1);
    open_chan(&room, 1);
    expect_ok(leat_try_send(&full, &(long){ 7 }));
    expect_eq(leat_select(LEAT_RECV(&empty, &value), LEAT_RECV(&full, &value)), 1);
    expect_eq(value, 7);
    expect_ok(leat_try_send(&full, &(long){ 8 }));
    expect_eq(leat_select(LEAT_SEND(&full, &(long){ 1 }), LEAT_RECV(&empty, &value),
                          LEAT_SEND(&room, &(long){ 2 })),
              2);
    expect_eq(leat_chan_length(room.chan), 1u);
    expect_eq(leat_chan_length(full.chan), 1u);
    leat_chan_destroy(&empty);
    leat_chan_destroy(&full);
    leat_chan_destroy(&room);
}

LEAT_TEST(select, default_and_a_time_that_has_come_do_not_wait)
{
    long_chan chan;
    long value;

    open_chan(&chan, 1);
    expect_eq(leat_select(LEAT_RECV(&chan, &value), LEAT_DEFAULT), 1);
    expect_eq(leat_select(LEAT_RECV(&chan, &value), LEAT_AFTER(0)), 1);
    expect_ok(leat_try_send(&chan, &(long){ 1 }));
    expect_eq(leat_select(LEAT_AFTER(0), LEAT_DEFAULT, LEAT_RECV(&chan, &value)), 2);
    expect_eq(leat_select(LEAT_DEFAULT, LEAT_AFTER(0), LEAT_RECV(&chan, &value)), 1);
    expect_eq(leat_select(LEAT_AFTER(LEAT_HOUR), LEAT_DEFAULT, LEAT_RECV(&chan, &value)), 1);
    leat_chan_destroy(&chan);
}

LEAT_TEST(select, a_closed_channel_ends_it_with_EPIPE_and_says_which)
{
    long_chan open, closed;
    long value;
    struct leat_case cases[2];

    open_chan(&open, 1);
    open_chan(&closed, 1);
    leat_close(&closed);
    expect_eq(leat_select(LEAT_RECV(&open, &value), LEAT_RECV(&closed, &value)), -EPIPE);
    cases[0] = LEAT_RECV(&open, &value);
    cases[1] = LEAT_SEND(&closed, &value);
    expect_eq(leat_select_cases(cases, 2), 1);
    expect_eq(cases[1].result, -EPIPE);
    cases[1] = (struct leat_case){ 0 }; /* never happens */
    expect_ok(leat_try_send(&open, &(long){ 3 }));
    expect_eq(leat_select_cases(cases, 2), 0);
    leat_chan_destroy(&open);
    leat_chan_destroy(&closed);
}

LEAT_TEST(select, too_many_cases_are_refused)
{
    struct leat_case cases[LEAT_SELECT_MAX + 1] = { { 0 } };

    expect_eq(leat_select_cases(cases, LEAT_SELECT_MAX + 1), -EINVAL);
}

LEAT_TEST_TASK(select, those_that_can_happen_happen_about_equally_often)
{
    enum { ROUNDS = 4000 };
    long_chan chans[4];
    long counts[4] = { 0 }, value;

    for (int i = 0; i < 4; i++)
        open_chan(&chans[i], 1);
    for (int round = 0; round < ROUNDS; round++) {
        int i;

        for (int k = 0; k < 4; k++)
            (void)!leat_try_send(&chans[k], &(long){ k });
        i = leat_select(LEAT_RECV(&chans[0], &value), LEAT_RECV(&chans[1], &value),
                        LEAT_RECV(&chans[2], &value), LEAT_RECV(&chans[3], &value));
        assert_ge(i, 0);
        expect_eq(value, i);
        counts[i]++;
    }
    for (int i = 0; i < 4; i++) { /* of 4,000, fairly drawn: 1,000 with a deviation of 27 */
        expect_gt(counts[i], 800);
        leat_chan_destroy(&chans[i]);
    }
}

struct late {
    long_chan *chan;
    long       value;
};

static int send_late(void *arg)
{
    struct late *late = arg;
    int err = leat_sleep(LEAT_MSEC);

    return err ? err : leat_send(late->chan, &late->value);
}

static int recv_late(void *arg)
{
    struct late *late = arg;
    int err = leat_sleep(LEAT_MSEC);

    return err ? err : leat_recv(late->chan, &late->value);
}

LEAT_TEST_TASK(select, a_waiting_one_is_ended_by_whoever_comes_first)
{
    for (size_t capacity = 0; capacity < 2; capacity++) {
        long_chan in, out;
        struct late sender, receiver;
        long value = 0;
        LEAT_SCOPE(scope);

        open_chan(&in, capacity);
        open_chan(&out, 0);
        sender = (struct late){ &in, 5 };
        leat_spawn(&scope, send_late, &sender);
        expect_eq(leat_select(LEAT_RECV(&in, &value), LEAT_SEND(&out, &value),
                              LEAT_AFTER(LEAT_MINUTE)),
                  0);
        expect_eq(value, 5);
        receiver = (struct late){ &out, 0 };
        leat_spawn(&scope, recv_late, &receiver);
        expect_eq(leat_select(LEAT_RECV(&in, &value), LEAT_SEND(&out, &value)), 1);
        expect_ok(leat_scope_join(&scope));
        expect_eq(receiver.value, 5);
        leat_chan_destroy(&in);
        leat_chan_destroy(&out);
    }
}

LEAT_TEST_TASK(select, its_time_comes_when_nothing_else_does)
{
    long_chan chan;
    long value;
    leat_time start = leat_now();

    open_chan(&chan, 0);
    expect_eq(leat_select(LEAT_AFTER(2 * LEAT_MSEC), LEAT_RECV(&chan, &value),
                          LEAT_AFTER(LEAT_MINUTE)),
              0);
    expect_ge(leat_now() - start, 2 * LEAT_MSEC);
    expect_err(leat_try_send(&chan, &(long){ 1 }), -EAGAIN); /* nobody waits there any more */
    leat_chan_destroy(&chan);
}

LEAT_TEST_TASK(select, the_scopes_end_it_and_nothing_happened)
{
    long_chan in, out;
    long value = 1;

    open_chan(&in, 0);
    open_chan(&out, 0);
    {
        LEAT_LIMIT(2 * LEAT_MSEC);

        expect_eq(leat_select(LEAT_RECV(&in, &value), LEAT_SEND(&out, &value),
                              LEAT_AFTER(LEAT_MINUTE)),
                  -ETIMEDOUT);
    }
    {
        LEAT_SCOPE(scope);

        leat_scope_cancel(&scope);
        expect_eq(leat_select(LEAT_RECV(&in, &value), LEAT_DEFAULT), -ECANCELED);
        expect_ok(leat_scope_join(&scope));
    }
    expect_err(leat_try_send(&in, &value), -EAGAIN);
    expect_err(leat_try_recv(&out, &value), -EAGAIN);
    leat_chan_destroy(&in);
    leat_chan_destroy(&out);
}

static int return_nine(void *arg)
{
    return leat_sleep(*(leat_time *)arg) ? -1 : 9;
}

LEAT_TEST_TASK(select, a_task_s_end_is_a_case)
{
    leat_time soon = LEAT_MSEC;
    struct leat_task task, none = { NULL, 0 };
    long_chan chan;
    long value;
    int result = 0;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    open_chan(&chan, 0);
    assert_ok(leat_spawn_handle(&scope, &task, return_nine, &soon, NULL));
    expect_eq(leat_select(LEAT_RECV(&chan, &value), LEAT_DONE(&task, &result)), 1);
    expect_eq(result, 9);
    result = 0;
    expect_eq(leat_select(LEAT_DONE(&task, &result), LEAT_RECV(&chan, &value)), 0); /* again */
    expect_eq(result, 9);
    expect_eq(leat_select(LEAT_DONE(&none, NULL), LEAT_DEFAULT), -ESRCH);
    expect_ok(leat_scope_join(&scope));
    leat_chan_destroy(&chan);
}

struct swap {
    long_chan *mine, *theirs;
    long       sent, received;
    int        rounds;
};

/* Each offers and asks at once, on two channels in opposite roles. */
static int swap_values(void *arg)
{
    struct swap *swap = arg;

    for (int i = 0; i < swap->rounds; i++) {
        long value = 0;
        int which = leat_select(LEAT_SEND(swap->mine, &(long){ 1 }),
                                LEAT_RECV(swap->theirs, &value));

        if (which < 0)
            return which;
        swap->sent += which == 0;
        swap->received += which == 1;
    }
    return 0;
}

LEAT_TEST_TASK(select, two_selects_that_meet_pass_each_element_once)
{
    enum { ROUNDS = 3000 };
    long_chan a, b;
    struct swap one, two;
    LEAT_SCOPE(scope);

    open_chan(&a, 0);
    open_chan(&b, 0);
    one = (struct swap){ &a, &b, 0, 0, ROUNDS };
    two = (struct swap){ &b, &a, 0, 0, ROUNDS };
    leat_spawn(&scope, swap_values, &one);
    leat_spawn(&scope, swap_values, &two);
    expect_ok(leat_scope_join(&scope));
    expect_eq(one.sent, two.received);
    expect_eq(two.sent, one.received);
    leat_chan_destroy(&a);
    leat_chan_destroy(&b);
}

static void *swap_on_thread(void *arg)
{
    return swap_values(arg) == 0 ? arg : NULL;
}

LEAT_TEST(select, plain_threads_select_too)
{
    enum { ROUNDS = 1000 };
    long_chan a, b;
    struct swap one, two;
    pthread_t thread;
    void *ended = NULL;

    open_chan(&a, 0);
    open_chan(&b, 0);
    one = (struct swap){ &a, &b, 0, 0, ROUNDS };
    two = (struct swap){ &b, &a, 0, 0, ROUNDS };
    assert_ok(pthread_create(&thread, NULL, swap_on_thread, &one));
    expect_ok(swap_values(&two));
    assert_ok(pthread_join(thread, &ended));
    expect_not_null(ended);
    expect_eq(one.sent, two.received);
    expect_eq(two.sent, one.received);
    leat_chan_destroy(&a);
    leat_chan_destroy(&b);
}

LEAT_TEST(select, it_does_not_talk_to_itself)
{
    long_chan chan;
    long value = 1;

    open_chan(&chan, 0);
    expect_eq(leat_select(LEAT_SEND(&chan, &value), LEAT_RECV(&chan, &value),
                          LEAT_AFTER(LEAT_MSEC)),
              2);
    leat_chan_destroy(&chan);
}

static int release_late(void *arg)
{
    int err = leat_sleep(LEAT_MSEC);

    leat_semaphore_release(arg, 2);
    return err;
}

LEAT_TEST_TASK(select, permits_of_a_semaphore_are_a_case_and_none_is_lost)
{
    struct leat_semaphore slots = { { 0 } };
    long_chan chan;
    long value;
    LEAT_SCOPE(scope);

    open_chan(&chan, 0);
    leat_semaphore_init(&slots, 1);
    expect_eq(leat_select(LEAT_RECV(&chan, &value), LEAT_ACQUIRE(&slots, 1)), 1);
    expect_eq(leat_select(LEAT_ACQUIRE(&slots, 1), LEAT_AFTER(LEAT_MSEC)), 1);
    leat_spawn(&scope, release_late, &slots);
    expect_eq(leat_select(LEAT_RECV(&chan, &value), LEAT_ACQUIRE(&slots, 2)), 1);
    expect_ok(leat_scope_join(&scope));
    leat_semaphore_release(&slots, 3);
    expect_eq(leat_semaphore_available(&slots), 3u);
    leat_chan_destroy(&chan);
}

static int return_none(void *arg)
{
    (void)arg;
    return 0;
}

/* A select with one of each, all of which can happen at any time. */
LEAT_TEST_TASK(select, one_of_each_kind_that_can_happen_happens_about_equally_often)
{
    enum { KINDS = 6, ROUNDS = 3000 };
    struct leat_semaphore permits = { { 0 } };
    struct leat_task task;
    long_chan full, room;
    long counts[KINDS] = { 0 }, value;
    int ends[2];
    LEAT_SCOPE(scope);

    open_chan(&full, 1);
    open_chan(&room, 1);
    assert_ok(pipe(ends));
    leat_semaphore_init(&permits, 1);
    assert_eq(write(ends[1], "x", 1), 1);
    assert_ok(leat_spawn_handle(&scope, &task, return_none, NULL, NULL));
    expect_eq(leat_select(LEAT_DONE(&task, NULL)), 0); /* from here on at once */
    for (int round = 0; round < ROUNDS; round++) {
        int i;

        (void)!leat_try_send(&full, &(long){ 1 });
        (void)!leat_try_recv(&room, &value);
        i = leat_select(LEAT_RECV(&full, &value), LEAT_SEND(&room, &(long){ 2 }),
                        LEAT_ACQUIRE(&permits, 1), LEAT_DONE(&task, NULL),
                        LEAT_READABLE(ends[0]), LEAT_WRITABLE(ends[1]),
                        LEAT_AFTER(LEAT_MINUTE));
        assert_ge(i, 0);
        assert_lt(i, KINDS);
        if (i == 2)
            leat_semaphore_release(&permits, 1);
        counts[i]++;
    }
    /* The start is drawn among seven, and who has the next place takes the time's turns. Of 3,000:
     * 429 or 857, with a deviation of 20 to 25. */
    for (int i = 0; i < KINDS; i++)
        expect_gt(counts[i], 300);
    expect_ok(leat_scope_join(&scope));
    expect_ok(close(ends[0]));
    expect_ok(close(ends[1]));
    leat_chan_destroy(&full);
    leat_chan_destroy(&room);
}
