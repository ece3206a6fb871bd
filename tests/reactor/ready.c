/* SPDX-License-Identifier: MIT */
/* Descriptors in a select: what is ready is seen, on either reactor and on plain threads, and the
 * operation that waited for it is gone when the select returns. */
#include "harness/test.h"
#include "reactor/fault.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

typedef leat_chan(int) int_chan;

static void open_pipe(int ends[2])
{
    assert_ok(pipe(ends));
}

static void close_pipe(const int ends[2])
{
    expect_ok(close(ends[0]));
    expect_ok(close(ends[1]));
}

/* Until the one who looks is sure to wait; an emulator on a busy machine takes its time. */
#define SOON ((TEST_EMULATED ? 50 : 2) * LEAT_MSEC)

static int write_soon(void *arg)
{
    const int *fd = arg;
    int err = leat_sleep(SOON);

    return err ? err : write(*fd, "x", 1) == 1 ? 0 : -EIO;
}

LEAT_TEST_TASK(select_fd, sees_what_is_ready_already)
{
    int ends[2];

    open_pipe(ends);
    expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_WRITABLE(ends[1])), 1);
    expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_DEFAULT), 1);
    assert_eq(write(ends[1], "x", 1), 1);
    expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_DEFAULT), 0);
    close_pipe(ends);
}

LEAT_TEST_TASK(select_fd, waits_until_one_of_several_is_ready)
{
    int ends[3][2];
    char byte;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 3; i++)
        open_pipe(ends[i]);
    for (int i = 0; i < 3; i++) {
        leat_spawn(&scope, write_soon, &ends[i][1]);
        expect_eq(leat_select(LEAT_READABLE(ends[0][0]), LEAT_READABLE(ends[1][0]),
                              LEAT_READABLE(ends[2][0])), i);
        expect_eq(read(ends[i][0], &byte, 1), 1);
    }
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < 3; i++)
        close_pipe(ends[i]);
}

LEAT_TEST_TASK(select_fd, a_peer_that_closes_makes_it_readable)
{
    int ends[2];
    char byte;

    open_pipe(ends);
    expect_ok(close(ends[1]));
    expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_AFTER(LEAT_MINUTE)), 0);
    expect_eq(read(ends[0], &byte, 1), 0);
    expect_ok(close(ends[0]));
}

LEAT_TEST_TASK(select_fd, a_descriptor_that_is_not_open_is_an_error)
{
    int ends[2];

    open_pipe(ends);
    close_pipe(ends);
    expect_err(leat_select(LEAT_READABLE(ends[0]), LEAT_AFTER(LEAT_MINUTE)), -EBADF);
    expect_err(leat_select(LEAT_WRITABLE(-1), LEAT_AFTER(LEAT_MINUTE)), -EBADF);
}

LEAT_TEST_TASK(select_fd, a_deadline_and_a_cancel_withdraw_it)
{
    int ends[2];

    open_pipe(ends);
    for (int i = 0; i < 20; i++) {
        LEAT_SCOPE(scope);

        expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_AFTER(LEAT_USEC * i)), 1);
        leat_scope_cancel(&scope);
        expect_err(leat_select(LEAT_READABLE(ends[0])), -ECANCELED);
        (void)leat_scope_join(&scope);
        LEAT_LIMIT(LEAT_USEC * i);
        expect_err(leat_select(LEAT_READABLE(ends[0])), -ETIMEDOUT);
    }
    close_pipe(ends);
}

struct race {
    int_chan chan;
    int      ends[2];
    long     sent, received, bytes;
};

static int send_numbers(void *arg)
{
    struct race *race = arg;
    int err = 0;

    for (int i = 0; i < 500 && !err; i++) {
        err = leat_send(&race->chan, &i);
        race->sent += !err;
    }
    return err;
}

static int write_bytes(void *arg)
{
    struct race *race = arg;

    for (int i = 0; i < 500; i++) {
        int err = i % 16 ? 0 : leat_sleep(10 * LEAT_USEC);

        if (err || write(race->ends[1], "x", 1) != 1)
            return err ? err : -EIO;
    }
    return 0;
}

LEAT_TEST_TASK(select_fd, a_channel_and_a_descriptor_lose_nothing_to_each_other)
{
    struct race race = { .sent = 0 };
    LEAT_SCOPE(scope);

    open_pipe(race.ends);
    assert_ok(leat_chan_open(&race.chan, .capacity = 1));
    leat_spawn(&scope, send_numbers, &race);
    leat_spawn(&scope, write_bytes, &race);
    while (race.received < 500 || race.bytes < 500) {
        int number;
        char byte;
        int which = leat_select(LEAT_RECV(&race.chan, &number), LEAT_READABLE(race.ends[0]));

        assert_ge(which, 0);
        if (which == 0)
            expect_eq(number, race.received++);
        else
            race.bytes += read(race.ends[0], &byte, 1);
    }
    expect_ok(leat_scope_join(&scope));
    expect_eq(race.sent, 500);
    leat_chan_destroy(&race.chan);
    close_pipe(race.ends);
}

static void *write_later(void *arg)
{
    const int *fd = arg;

    (void)usleep(5000);
    return write(*fd, "x", 1) == 1 ? arg : NULL;
}

LEAT_TEST(select_fd, a_plain_thread_sees_it_and_its_channel)
{
    int_chan chan;
    int ends[2], number;
    pthread_t thread;
    void *ended;

    open_pipe(ends);
    assert_ok(leat_chan_open(&chan, .capacity = 1));
    expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_AFTER(5 * LEAT_MSEC)), 1);
    assert_ok(pthread_create(&thread, NULL, write_later, &ends[1]));
    expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_RECV(&chan, &number)), 0);
    assert_ok(pthread_join(thread, &ended));
    expect_not_null(ended);
    expect_ok(leat_send(&chan, &(int){ 1 }));
    {
        LEAT_LIMIT(LEAT_MINUTE);
        char byte;

        expect_eq(read(ends[0], &byte, 1), 1);
        expect_eq(leat_select(LEAT_READABLE(ends[0]), LEAT_RECV(&chan, &number)), 1);
    }
    leat_chan_destroy(&chan);
    close_pipe(ends);
}

struct relay {
    int_chan there, back;
    int      silent[2];
};

static int send_back(void *arg)
{
    struct relay *relay = arg;
    int number, err;

    while ((err = leat_recv(&relay->there, &number)) == 0)
        err = leat_send(&relay->back, &number);
    return err == -EPIPE ? 0 : err;
}

static void *choose_beside_a_descriptor(void *arg)
{
    struct relay *relay = arg;

    for (int i = 0; i < 200; i++) {
        int number = -1;

        if (leat_send(&relay->there, &i) ||
            leat_select(LEAT_READABLE(relay->silent[0]), LEAT_RECV(&relay->back, &number)) != 1 ||
            number != i)
            return NULL;
    }
    leat_close(&relay->there);
    return arg;
}

/* 200 wakes by a task, of a thread that waits for a descriptor too. */
LEAT_TEST_TASK(select_fd, timing_a_plain_thread_is_woken_at_once_beside_a_descriptor)
{
    leat_time best = LEAT_NEVER;

    for (int round = 0; round < 3; round++) {
        struct relay relay;
        pthread_t thread;
        void *ended;
        leat_time start = leat_now();
        LEAT_SCOPE(scope);

        open_pipe(relay.silent);
        assert_ok(leat_chan_open(&relay.there, .capacity = 1));
        assert_ok(leat_chan_open(&relay.back, .capacity = 1));
        leat_spawn(&scope, send_back, &relay);
        assert_ok(pthread_create(&thread, NULL, choose_beside_a_descriptor, &relay));
        expect_ok(leat_scope_join(&scope));
        assert_ok(pthread_join(thread, &ended));
        expect_not_null(ended);
        if (leat_now() - start < best)
            best = leat_now() - start;
        leat_chan_destroy(&relay.there);
        leat_chan_destroy(&relay.back);
        close_pipe(relay.silent);
    }
    expect_lt(best, 200 * LEAT_MSEC); /* looking every 2 ms took 400 at least */
}

static atomic_bool timed_out; /* often enough: now it waits for the close */

/* The other thread's cancel or time ends it, and whatever has won leaves nothing behind. */
static void *choose_until_cancelled(void *arg)
{
    struct relay *relay = arg;
    int number;

    for (int i = 0; i < 50; i++) {
        LEAT_LIMIT(LEAT_USEC * 20 * i);
        int found = leat_select(LEAT_READABLE(relay->silent[0]), LEAT_RECV(&relay->back, &number),
                                LEAT_AFTER(LEAT_USEC * 400));

        if (found != 2 && found != -ETIMEDOUT)
            return NULL;
    }
    atomic_store(&timed_out, true);
    return leat_select(LEAT_READABLE(relay->silent[0]), LEAT_RECV(&relay->back, &number)) == -EPIPE
               ? arg : NULL;
}

LEAT_TEST(select_fd, a_plain_thread_s_deadlines_and_a_close_end_it)
{
    struct relay relay;
    pthread_t thread;
    void *ended;

    atomic_store(&timed_out, false);
    open_pipe(relay.silent);
    assert_ok(leat_chan_open(&relay.back, .capacity = 1));
    assert_ok(pthread_create(&thread, NULL, choose_until_cancelled, &relay));
    for (int i = 0; i < 5000 && !atomic_load(&timed_out); i++)
        (void)usleep(1000);
    (void)usleep(10000);
    leat_close(&relay.back);
    assert_ok(pthread_join(thread, &ended));
    expect_not_null(ended);
    leat_chan_destroy(&relay.back);
    close_pipe(relay.silent);
}

/* ---- with faults at its operations ---- */

static struct {
    struct leat__fault fault;
    int                nth; /* poll operation, from 0; -1: every one */
    atomic_int         seen;
} plan;

static void harm_polls(const struct leat__op *op, struct leat__fault *ret)
{
    if (op->code == LEAT__OP_POLL) {
        int number = atomic_fetch_add(&plan.seen, 1);

        if (plan.nth < 0 || number == plan.nth)
            *ret = plan.fault;
    }
}

static void begin_harm(struct leat__fault fault, int nth)
{
    plan.fault = fault;
    plan.nth = nth;
    atomic_store(&plan.seen, 0);
    leat__fault_set(harm_polls);
}

static int send_soon(void *arg)
{
    int_chan *chan = arg;
    int err = leat_sleep(SOON), value = 7;

    return err ? err : leat_send(chan, &value);
}

/* Two pipes and a channel, each of which becomes ready in turn. Returns the first error. */
static int meet_each(void)
{
    int ends[2][2], value, found = 0, err = 0;
    int_chan chan;
    char byte;

    open_pipe(ends[0]);
    open_pipe(ends[1]);
    if (leat_chan_open(&chan, .capacity = 1))
        abort();
    for (int i = 0; i < 3 && found >= 0; i++) {
        LEAT_SCOPE(scope);

        if (i < 2)
            leat_spawn(&scope, write_soon, &ends[i][1]);
        else
            leat_spawn(&scope, send_soon, &chan);
        found = leat_select(LEAT_READABLE(ends[0][0]), LEAT_READABLE(ends[1][0]),
                            LEAT_RECV(&chan, &value));
        if (found >= 0)
            expect_eq(found, i);
        else
            err = found;
        expect_ok(leat_scope_join(&scope)); /* so the byte is there, whatever was said of it */
        if (i < 2)
            expect_eq(read(ends[i][0], &byte, 1), 1);
    }
    leat_chan_destroy(&chan);
    close_pipe(ends[0]);
    close_pipe(ends[1]);
    return err;
}

LEAT_TEST_TASK(select_fd, each_of_its_operations_may_fail)
{
    int polls;

    begin_harm((struct leat__fault){ 0 }, -1); /* how many there are, unharmed */
    expect_ok(meet_each());
    polls = atomic_load(&plan.seen);
    expect_ge(polls, 6);
    for (int n = 0; n < polls; n++) {
        begin_harm((struct leat__fault){ .result = -EIO }, n);
        expect_err(meet_each(), -EIO);
    }
    leat__fault_set(NULL);
}

LEAT_TEST_TASK(select_fd, its_operations_may_be_late)
{
    begin_harm((struct leat__fault){ .late = 3 }, -1);
    expect_ok(meet_each());
    leat__fault_set(NULL);
}

LEAT_TEST_TASK(select_fd, its_operations_may_find_the_ring_crowded)
{
    begin_harm((struct leat__fault){ .crowded = true }, -1);
    expect_ok(meet_each());
    leat__fault_set(NULL);
}

/* Held: it comes back when it is cancelled, and not before. */
LEAT_TEST_TASK(select_fd, an_operation_that_never_ends_is_got_back)
{
    int silent[2], value;
    int_chan chan;

    open_pipe(silent);
    assert_ok(leat_chan_open(&chan, .capacity = 1));
    begin_harm((struct leat__fault){ .cancel = LEAT__FAULT_CANCEL_WINS }, -1);
    for (int i = 0; i < 20; i++) {
        LEAT_SCOPE(scope);

        leat_spawn(&scope, send_soon, &chan);
        expect_eq(leat_select(LEAT_READABLE(silent[0]), LEAT_RECV(&chan, &value)), 1);
        expect_eq(value, 7);
        expect_ok(leat_scope_join(&scope));
    }
    leat__fault_set(NULL);
    leat_chan_destroy(&chan);
    close_pipe(silent);
}
