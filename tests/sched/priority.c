/* SPDX-License-Identifier: MIT */
/* Classes of tasks: the higher run first, and the lower run all the same. */
#include "harness/test.h"

#include "lockfree/atomic.h"

#include <leat/leat.h>

#include <errno.h>

enum { EACH = 50, BUSY = 4 };

/* ---- what is queued: on one worker, so that the order is known ---- */

static unsigned ran; /* in order */
static unsigned last_high, first_low;
static struct leat_waitgroup all;

static int run_high(void *arg)
{
    (void)arg;
    last_high = ran++;
    leat_waitgroup_done(&all);
    return 0;
}

static int run_normal(void *arg)
{
    (void)arg;
    ran++;
    leat_waitgroup_done(&all);
    return 0;
}

static int run_low(void *arg)
{
    (void)arg;
    if (ran < first_low)
        first_low = ran;
    ran++;
    leat_waitgroup_done(&all);
    return 0;
}

static int queue_all(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    leat_waitgroup_add(&all, 3 * EACH);
    for (int i = 0; i < EACH; i++) {
        leat_spawn_opt(&scope, run_low, NULL, LEAT_TASK_OPTIONS(.priority = LEAT_PRIORITY_LOW));
        leat_spawn(&scope, run_normal, NULL);
        leat_spawn_opt(&scope, run_high, NULL, LEAT_TASK_OPTIONS(.priority = LEAT_PRIORITY_HIGH));
    }
    expect_ok(leat_waitgroup_wait(&all));
    return leat_scope_join(&scope);
}

LEAT_TEST(priority, higher_classes_run_first_and_lower_ones_now_and_then)
{
    ran = last_high = 0;
    first_low = 3 * EACH;
    expect_ok(leat_run(queue_all, NULL, LEAT_OPTIONS(.workers = 1)));
    expect_eq(ran, 3u * EACH);
    expect_lt(last_high, EACH + EACH / 4u); /* one turn of eight is a normal one's */
    expect_gt(first_low, EACH / 2u);        /* not before it was passed over for long */
    expect_lt(first_low, 2u * EACH);        /* but before the last of the normal ones */
}

/* ---- none starves: higher ones are there all the time ---- */

static LEAT_ATOMIC(bool) low_ran, normal_ran;
static LEAT_ATOMIC(unsigned) turns;

static int yield_until_all_ran(void *arg)
{
    (void)arg;
    while (!load_relaxed(&low_ran) || !load_relaxed(&normal_ran)) { /* relaxed: sooner or later */
        fetch_add_relaxed(&turns, 1); /* relaxed: a count */
        leat_yield();
    }
    return 0;
}

/* A task that has begun, and one that has not. */
static int be_marked(void *arg)
{
    LEAT_ATOMIC(bool) *mark = arg;

    leat_yield();
    store_relaxed(mark, true); /* relaxed: sooner or later */
    return 0;
}

static void outrun(enum leat_priority busy)
{
    LEAT_SCOPE(scope);

    store_relaxed(&low_ran, false);
    store_relaxed(&normal_ran, false);
    store_relaxed(&turns, 0);
    for (int i = 0; i < BUSY; i++)
        leat_spawn_opt(&scope, yield_until_all_ran, NULL, LEAT_TASK_OPTIONS(.priority = busy));
    leat_spawn_opt(&scope, be_marked, &low_ran, LEAT_TASK_OPTIONS(.priority = LEAT_PRIORITY_LOW));
    leat_spawn_opt(&scope, be_marked, &normal_ran, NULL);
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(priority, low_and_normal_tasks_run_beside_high_ones_that_never_stop)
{
    outrun(LEAT_PRIORITY_HIGH);
}

LEAT_TEST_TASK(priority, low_tasks_run_beside_normal_ones_that_never_stop)
{
    outrun(LEAT_PRIORITY_NORMAL);
}

/* ---- waits, cancels, several workers ---- */

static int pass_on(void *arg)
{
    struct leat_chan *chan = arg;
    int number;
    int err;

    for (int i = 0; i < EACH; i++) {
        err = leat_chan_recv(chan, &number);
        if (!err)
            err = leat_chan_send(chan, &number);
        if (err)
            return err;
        if (i % 8 == 0)
            (void)leat_sleep(10 * LEAT_USEC);
    }
    return 0;
}

LEAT_TEST_TASK(priority, tasks_of_all_classes_wait_and_wake_each_other)
{
    struct leat_chan *chan;
    static const struct leat_chan_options options = { .size = sizeof options, .capacity = 2 };
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_create(&chan, sizeof(int), &options));
    for (int i = 0; i < 12; i++)
        leat_spawn_opt(&scope, pass_on, chan,
                       LEAT_TASK_OPTIONS(.priority = (enum leat_priority)(i % 3)));
    for (int i = 0; i < 2; i++)
        expect_ok(leat_chan_send(chan, &i));
    expect_ok(leat_scope_join(&scope));
    leat_chan_free(chan);
}

static int sleep_long(void *arg)
{
    (void)arg;
    return leat_sleep(LEAT_HOUR);
}

LEAT_TEST_TASK(priority, tasks_of_all_classes_are_cancelled)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < 30; i++)
        leat_spawn_opt(&scope, sleep_long, NULL,
                       LEAT_TASK_OPTIONS(.priority = (enum leat_priority)(i % 3)));
    expect_ok(leat_sleep(LEAT_MSEC));
    leat_scope_cancel(&scope);
    expect_eq(leat_scope_join(&scope), -ECANCELED);
}

LEAT_TEST_TASK(priority, what_is_no_class_is_refused)
{
    LEAT_SCOPE(scope);

    expect_eq(leat_spawn_opt(&scope, sleep_long, NULL,
                             LEAT_TASK_OPTIONS(.priority = (enum leat_priority)3)),
              -EINVAL);
    expect_eq(leat_scope_join(&scope), -EINVAL);
}
