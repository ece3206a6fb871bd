/* SPDX-License-Identifier: MIT */
/* The compute pool from inside: its threads, its idleness, failing starts, stopping. */
#include "compute/pool.h"
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "task/runtime.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#define CALLERS_MAX 8

static void doze(leat_time length)
{
    struct timespec ts = leat__clock_timespec(length);

    nanosleep(&ts, NULL);
}

struct fixture {
    struct leat__runtime  runtime;
    struct leat__compute *pool;
    LEAT_ATOMIC(int) entered, open;

    struct caller {
        struct fixture *fixture;
        pthread_t       thread;
        LEAT_ATOMIC(int) id;
        int             result;
    } caller[CALLERS_MAX];
    int callers;
};

static void set_up(struct fixture *fixture, unsigned threads)
{
    *fixture = (struct fixture){ .callers = 0 };
    expect_ok(leat__compute_create(&fixture->pool, &fixture->runtime, threads, NULL));
}

static void tear_down(struct fixture *fixture)
{
    leat__compute_stop(fixture->pool);
    leat__compute_destroy(fixture->pool);
}

static int pass_gate(void *arg)
{
    struct fixture *fixture = arg;

    fetch_add_acq_rel(&fixture->entered, 1);
    while (!load_acquire(&fixture->open))
        doze(LEAT_MSEC / 4);
    return 7;
}

static void *run_caller(void *arg)
{
    struct caller *caller = arg;

    store_release(&caller->id, leat__thread_id());
    caller->result = leat__compute_call(caller->fixture->pool, pass_gate, caller->fixture);
    return NULL;
}

static void call(struct fixture *fixture, int count)
{
    while (count-- > 0) {
        struct caller *caller = &fixture->caller[fixture->callers++];

        caller->fixture = fixture;
        expect_eq(pthread_create(&caller->thread, NULL, run_caller, caller), 0);
    }
}

static void join_callers(struct fixture *fixture, int result)
{
    for (int i = 0; i < fixture->callers; i++) {
        expect_eq(pthread_join(fixture->caller[i].thread, NULL), 0);
        expect_err(fixture->caller[i].result, result);
    }
    fixture->callers = 0;
}

static void await_entered(struct fixture *fixture, int count)
{
    while (load_acquire(&fixture->entered) < count)
        doze(LEAT_MSEC / 4);
}

static void await_asleep(LEAT_ATOMIC(int) *id)
{
    while (load_acquire(id) == 0)
        doze(LEAT_MSEC / 4);
    test_await_asleep(load_acquire(id));
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

LEAT_TEST(compute_pool, calls_in_turn_share_one_thread_timing)
{
    struct fixture fixture;

    set_up(&fixture, 4);
    expect_eq(leat__compute_threads(fixture.pool), 0u);
    for (int i = 0; i < 200; i++) {
        expect_ok(leat__compute_call(fixture.pool, nothing, NULL));
        doze(LEAT_MSEC * TEST_SLOWDOWN); /* for the thread to look again, or sleep */
    }
    expect_eq(leat__compute_threads(fixture.pool), 1u);
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, calls_at_once_run_on_all_threads_and_no_more)
{
    struct fixture fixture;

    set_up(&fixture, 3);
    call(&fixture, 6);
    await_entered(&fixture, 3);
    doze(10 * LEAT_MSEC);
    expect_eq(load_relaxed(&fixture.entered), 3);
    expect_eq(leat__compute_threads(fixture.pool), 3u);
    store_release(&fixture.open, 1);
    join_callers(&fixture, 7);
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, idle_pool_burns_no_cpu)
{
    struct fixture fixture;
    leat_time before;

    set_up(&fixture, 2);
    store_release(&fixture.open, 1);
    call(&fixture, 4);
    join_callers(&fixture, 7);
    doze(10 * LEAT_MSEC);
    before = leat__clock_process_cpu();
    doze(200 * LEAT_MSEC);
    expect_lt(leat__clock_process_cpu() - before, 5 * LEAT_MSEC);
    tear_down(&fixture);
}

static void *call_often(void *arg)
{
    struct caller *caller = arg;

    for (int i = 0; i < 20000 / TEST_SLOWDOWN; i++) {
        expect_ok(leat__compute_call(caller->fixture->pool, nothing, NULL));
        if (i % 64 == 0)
            doze(LEAT_USEC); /* let the threads fall asleep now and then */
    }
    return NULL;
}

LEAT_TEST(compute_pool, callers_in_a_crowd_are_all_served)
{
    struct fixture fixture;

    set_up(&fixture, 2);
    for (int i = 0; i < 4; i++) {
        struct caller *caller = &fixture.caller[fixture.callers++];

        caller->fixture = &fixture;
        expect_eq(pthread_create(&caller->thread, NULL, call_often, caller), 0);
    }
    join_callers(&fixture, 0);
    tear_down(&fixture);
}

static LEAT_ATOMIC(int) starts_left; /* until they fail */

static int start_some(struct leat__thread *thread, const struct leat__thread_options *options,
                      void (*fn)(void *arg), void *arg)
{
    if (fetch_sub_relaxed(&starts_left, 1) > 0)
        return leat__thread_start(thread, options, fn, arg);
    doze(20 * LEAT_MSEC); /* time for others to rely on this one */
    return -EAGAIN;
}

LEAT_TEST(compute_pool, without_any_thread_calls_are_refused)
{
    struct fixture fixture;

    set_up(&fixture, 4);
    leat__compute_tune(fixture.pool, start_some);
    store_relaxed(&starts_left, 0);
    call(&fixture, 6);
    join_callers(&fixture, -EAGAIN);
    expect_eq(load_relaxed(&fixture.entered), 0);
    store_relaxed(&starts_left, 1);
    expect_ok(leat__compute_call(fixture.pool, nothing, NULL));
    tear_down(&fixture);
}

LEAT_TEST(compute_pool, with_too_few_threads_calls_wait_for_those_there_are)
{
    struct fixture fixture;

    set_up(&fixture, 4);
    leat__compute_tune(fixture.pool, start_some);
    store_relaxed(&starts_left, 1);
    call(&fixture, 6);
    await_entered(&fixture, 1);
    doze(50 * LEAT_MSEC);
    store_release(&fixture.open, 1);
    join_callers(&fixture, 7);
    expect_eq(load_relaxed(&fixture.entered), 6);
    expect_eq(leat__compute_threads(fixture.pool), 1u);
    tear_down(&fixture);
}

/* Each caller's call has begun, or is queued. */
static void await_queued(struct fixture *fixture)
{
    for (int i = 0; i < fixture->callers; i++)
        await_asleep(&fixture->caller[i].id);
}

struct stopper {
    struct leat__compute *pool;
    LEAT_ATOMIC(int) id;
};

static void *run_stop(void *arg)
{
    struct stopper *stopper = arg;

    store_release(&stopper->id, leat__thread_id());
    leat__compute_stop(stopper->pool);
    return NULL;
}

LEAT_TEST(compute_pool, stop_finishes_running_and_queued_calls)
{
    struct fixture fixture;
    struct stopper stopper = { .id = 0 };
    pthread_t thread;

    set_up(&fixture, 1);
    call(&fixture, 4);
    await_entered(&fixture, 1);
    await_queued(&fixture);
    stopper.pool = fixture.pool;
    expect_eq(pthread_create(&thread, NULL, run_stop, &stopper), 0);
    await_asleep(&stopper.id);
    expect_err(leat__compute_call(fixture.pool, nothing, NULL), -EPIPE);
    store_release(&fixture.open, 1);
    expect_eq(pthread_join(thread, NULL), 0);
    join_callers(&fixture, 7);
    leat__compute_destroy(fixture.pool);
}
