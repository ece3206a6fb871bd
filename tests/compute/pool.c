/* SPDX-License-Identifier: MIT */
/* The compute pool from inside: its threads, its idleness, failing starts, stopping. */
#include "compute/pool.h"
#include "harness/pool.h"
#include "platform/clock.h"

#include <errno.h>

static int call_pool(void *pool, int (*fn)(void *arg), void *arg)
{
    return leat__compute_call(pool, fn, arg);
}

static void stop_pool(void *pool)
{
    leat__compute_stop(pool);
}

static void set_up(struct pool_fixture *fixture, unsigned threads)
{
    struct leat__compute *pool = NULL;

    *fixture = (struct pool_fixture){ .call = call_pool, .stop = stop_pool };
    expect_ok(leat__compute_create(&pool, &fixture->runtime, threads, NULL));
    fixture->pool = pool;
}

static void tear_down(struct pool_fixture *fixture)
{
    stop_pool(fixture->pool);
    leat__compute_destroy(fixture->pool);
}

LEAT_TEST(compute_pool, calls_in_turn_share_one_thread_timing)
{
    struct pool_fixture fixture;

    set_up(&fixture, 4);
    expect_eq(leat__compute_threads(fixture.pool), 0u);
    for (int i = 0; i < 200; i++) {
        expect_ok(leat__compute_call(fixture.pool, pool_nothing, NULL));
        test_doze(LEAT_MSEC * TEST_SLOWDOWN); /* for the thread to look again, or sleep */
    }
    expect_eq(leat__compute_threads(fixture.pool), 1u);
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, calls_at_once_run_on_all_threads_and_no_more)
{
    struct pool_fixture fixture;

    set_up(&fixture, 3);
    pool_call(&fixture, 6);
    pool_await_entered(&fixture, 3);
    test_doze(10 * LEAT_MSEC);
    expect_eq(load_relaxed(&fixture.entered), 3);
    expect_eq(leat__compute_threads(fixture.pool), 3u);
    store_release(&fixture.open, 1);
    pool_join_callers(&fixture, POOL_PASSED);
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, idle_pool_burns_no_cpu)
{
    struct pool_fixture fixture;
    leat_time before;

    set_up(&fixture, 2);
    store_release(&fixture.open, 1);
    pool_call(&fixture, 4);
    pool_join_callers(&fixture, POOL_PASSED);
    test_doze(10 * LEAT_MSEC);
    before = leat__clock_process_cpu();
    test_doze(200 * LEAT_MSEC);
    expect_lt(leat__clock_process_cpu() - before, 5 * LEAT_MSEC);
    tear_down(&fixture);
}

static void *call_often(void *arg)
{
    struct pool_caller *caller = arg;

    for (int i = 0; i < 20000 / TEST_SLOWDOWN; i++) {
        expect_ok(leat__compute_call(caller->fixture->pool, pool_nothing, NULL));
        if (i % 64 == 0)
            test_doze(LEAT_USEC); /* let the threads fall asleep now and then */
    }
    return NULL;
}

LEAT_TEST(compute_pool, callers_in_a_crowd_are_all_served)
{
    struct pool_fixture fixture;

    set_up(&fixture, 2);
    for (int i = 0; i < 4; i++)
        pool_call_by(&fixture, call_often);
    pool_join_callers(&fixture, 0);
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, without_any_thread_calls_are_refused)
{
    struct pool_fixture fixture;

    set_up(&fixture, 4);
    leat__compute_tune(fixture.pool, pool_start_some);
    pool_starts_left(0);
    pool_call(&fixture, 6);
    pool_join_callers(&fixture, -EAGAIN);
    expect_eq(load_relaxed(&fixture.entered), 0);
    pool_starts_left(1);
    expect_ok(leat__compute_call(fixture.pool, pool_nothing, NULL));
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, with_too_few_threads_calls_wait_for_those_there_are)
{
    struct pool_fixture fixture;

    set_up(&fixture, 4);
    leat__compute_tune(fixture.pool, pool_start_some);
    pool_starts_left(1);
    pool_call(&fixture, 6);
    pool_await_entered(&fixture, 1);
    test_doze(50 * LEAT_MSEC);
    store_release(&fixture.open, 1);
    pool_join_callers(&fixture, POOL_PASSED);
    expect_eq(load_relaxed(&fixture.entered), 6);
    expect_eq(leat__compute_threads(fixture.pool), 1u);
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, stop_finishes_running_and_queued_calls)
{
    struct pool_fixture fixture;

    set_up(&fixture, 1);
    pool_stop_beside_callers(&fixture);
    leat__compute_destroy(fixture.pool);
}
