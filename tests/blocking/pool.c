/* SPDX-License-Identifier: MIT */
/* The blocking pool from inside: growing, shrinking, failing to start threads, stopping. Its
 * callers are plain threads here, which wait by the same protocol as tasks. */
#include "blocking/pool.h"
#include "harness/pool.h"
#include "platform/clock.h"

#include <leat/task.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int call_pool(void *pool, int (*fn)(void *arg), void *arg)
{
    return leat__blocking_call(pool, fn, arg);
}

static void stop_pool(void *pool)
{
    leat__blocking_stop(pool, 0);
}

static void set_up(struct pool_fixture *fixture, unsigned threads_max)
{
    struct leat__blocking *pool = NULL;

    *fixture = (struct pool_fixture){ .call = call_pool, .stop = stop_pool };
    expect_ok(leat__blocking_create(&pool, &fixture->runtime, threads_max, NULL));
    fixture->pool = pool;
}

static void tear_down(struct pool_fixture *fixture)
{
    stop_pool(fixture->pool);
    leat__blocking_destroy(fixture->pool);
}

static void await_threads(struct pool_fixture *fixture, unsigned want_threads, unsigned want_idle)
{
    unsigned threads, idle;

    for (;;) {
        leat__blocking_count(fixture->pool, &threads, &idle);
        if (threads == want_threads && idle == want_idle)
            return;
        test_doze(LEAT_MSEC / 4);
    }
}

LEAT_TEST(blocking_pool, unused_pool_starts_no_thread)
{
    struct pool_fixture fixture;
    unsigned threads, idle;

    set_up(&fixture, 4);
    leat__blocking_count(fixture.pool, &threads, &idle);
    expect_eq(threads, 0u);
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, calls_in_turn_share_one_thread)
{
    struct pool_fixture fixture;

    set_up(&fixture, 4);
    for (int i = 0; i < 100; i++) {
        expect_ok(leat__blocking_call(fixture.pool, pool_nothing, NULL));
        await_threads(&fixture, 1, 1);
    }
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, grows_to_its_limit_and_shrinks_to_nothing)
{
    struct pool_fixture fixture;

    set_up(&fixture, 5); /* of which a program's calls get three */
    leat__blocking_tune(fixture.pool, 20 * LEAT_MSEC, leat__thread_start);
    pool_call(&fixture, 5);
    pool_await_entered(&fixture, 3);
    test_doze(5 * LEAT_MSEC);
    expect_eq(load_relaxed(&fixture.entered), 3);
    await_threads(&fixture, 3, 0);
    store_release(&fixture.open, 1);
    pool_join_callers(&fixture, POOL_PASSED);
    await_threads(&fixture, 0, 0);
    /* and grows again */
    expect_ok(leat__blocking_call(fixture.pool, pool_nothing, NULL));
    tear_down(&fixture);
}

static long switches_of(int thread_id)
{
    char path[64], line[256];
    long switches = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/status", thread_id);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &switches) == 1)
            break;
    if (file)
        fclose(file);
    return switches;
}

static int note_id(void *arg)
{
    *(int *)arg = leat__thread_id();
    return 0;
}

LEAT_TEST(blocking_pool, idle_thread_does_not_wake)
{
    struct pool_fixture fixture;
    int id = 0;
    long before;

    set_up(&fixture, 4);
    expect_ok(leat__blocking_call(fixture.pool, note_id, &id));
    await_threads(&fixture, 1, 1);
    test_doze(20 * LEAT_MSEC);
    before = switches_of(id);
    test_doze(300 * LEAT_MSEC);
    expect_eq(switches_of(id), before);
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, queued_call_is_taken_back_at_the_deadline)
{
    struct pool_fixture fixture;

    set_up(&fixture, 1);
    pool_call(&fixture, 1);
    pool_await_entered(&fixture, 1);
    {
        LEAT_LIMIT(10 * LEAT_MSEC);
        expect_err(leat__blocking_call(fixture.pool, pool_pass_gate, &fixture), -ETIMEDOUT);
    }
    expect_eq(load_relaxed(&fixture.entered), 1);
    store_release(&fixture.open, 1);
    pool_join_callers(&fixture, POOL_PASSED);
    tear_down(&fixture);
}

/* ---- starts that fail ---- */

LEAT_TEST(blocking_pool, without_any_thread_calls_are_refused)
{
    struct pool_fixture fixture;

    set_up(&fixture, 4);
    leat__blocking_tune(fixture.pool, LEAT_SEC, pool_start_some);
    pool_starts_left(0);
    pool_call(&fixture, 6); /* some of them queue up behind a start that will fail */
    pool_join_callers(&fixture, -EAGAIN);
    expect_eq(load_relaxed(&fixture.entered), 0);
    expect_gt(pool_starts_failed(), 0);
    pool_starts_left(1);
    expect_ok(leat__blocking_call(fixture.pool, pool_nothing, NULL));
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, with_too_few_threads_calls_wait_for_those_there_are)
{
    struct pool_fixture fixture;

    set_up(&fixture, 4);
    leat__blocking_tune(fixture.pool, LEAT_SEC, pool_start_some);
    pool_starts_left(1);
    pool_call(&fixture, 6);
    pool_await_entered(&fixture, 1);
    test_doze(50 * LEAT_MSEC);
    expect_eq(load_relaxed(&fixture.entered), 1);
    store_release(&fixture.open, 1);
    pool_join_callers(&fixture, POOL_PASSED);
    expect_eq(load_relaxed(&fixture.entered), 6);
    tear_down(&fixture);
}

/* ---- stopping ---- */

LEAT_TEST(blocking_pool, stop_finishes_running_and_queued_calls)
{
    struct pool_fixture fixture;

    set_up(&fixture, 1);
    pool_stop_beside_callers(&fixture);
    leat__blocking_destroy(fixture.pool);
}

static char logged[256];

static void note_line(void *arg, enum leat_log_level level, const char *line)
{
    struct pool_fixture *fixture = arg;

    expect_eq((int)level, (int)LEAT_LOG_WARN);
    snprintf(logged, sizeof logged, "%s", line);
    store_release(&fixture->open, 1);
}

LEAT_TEST(blocking_pool, stop_names_the_call_that_holds_it_up)
{
    struct pool_fixture fixture;
    leat_time begin;

    set_up(&fixture, 2);
    fixture.runtime.log = note_line;
    fixture.runtime.log_arg = &fixture;
    fixture.runtime.log_level = LEAT_LOG_WARN;
    pool_call(&fixture, 1);
    pool_await_entered(&fixture, 1);
    begin = leat__clock_now();
    tear_down(&fixture);
    expect_ge(leat__clock_now() - begin, LEAT_SEC);
    pool_join_callers(&fixture, POOL_PASSED);
    expect_contains(logged, "a blocking call of pool_pass_gate");
    expect_contains(logged, "held up the shutdown for 1 s");
}
