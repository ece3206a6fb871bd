/* SPDX-License-Identifier: MIT */
/* leat_compute as tasks see it. */
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/compute.h>
#include <leat/parallel.h>
#include <leat/runtime.h>
#include <leat/task.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

static int return_arg(void *arg)
{
    return *(int *)arg;
}

LEAT_TEST_TASK(compute, call_returns_what_fn_returned)
{
    expect_eq(leat_compute(return_arg, &(int){ 42 }), 42);
    expect_eq(leat_compute(return_arg, &(int){ -EDOM }), -EDOM);
}

static int note_policy(void *arg)
{
    *(int *)arg = sched_getscheduler(0);
    return leat_worker();
}

LEAT_TEST_TASK(compute, fn_runs_on_a_batch_thread_that_is_no_worker)
{
    int policy = -1;

    expect_eq(leat_compute(note_policy, &policy), -1);
    expect_eq(policy, SCHED_BATCH);
}

static int spin_until(void *arg)
{
    while (!load_acquire((LEAT_ATOMIC(int) *)arg))
        cpu_relax();
    return 0;
}

static int call_spin_until(void *arg)
{
    return leat_compute(spin_until, arg);
}

/* With one worker, the sleeps below would not end if the call held it. */
LEAT_TEST_TASK(compute, long_call_holds_no_worker)
{
    LEAT_ATOMIC(int) open = 0;

    LEAT_SCOPE(scope);
    expect_ok(leat_spawn(&scope, call_spin_until, &open));
    for (int i = 0; i < 5; i++)
        expect_ok(leat_sleep(LEAT_MSEC));
    store_release(&open, 1);
    expect_ok(leat_scope_join(&scope));
}

struct sum {
    uint64_t first, result;
};

static int sum_up(void *arg)
{
    struct sum *sum = arg;

    for (uint64_t i = 0; i < 100; i++)
        sum->result += sum->first + i;
    return 0;
}

static int call_sum_up(void *arg)
{
    return leat_compute(sum_up, arg);
}

LEAT_TEST_TASK(compute, ten_thousand_queued_calls_run_once_each)
{
    static struct sum sum[10000];
    int calls = 10000 / TEST_SLOWDOWN;

    LEAT_SCOPE(scope);
    for (int i = 0; i < calls; i++) {
        sum[i] = (struct sum){ .first = (uint64_t)i };
        expect_ok(leat_spawn(&scope, call_sum_up, &sum[i]));
    }
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < calls; i++)
        assert_eq(sum[i].result, (uint64_t)i * 100 + 4950);
}

static int compute_until_cancelled(void *arg)
{
    int err;

    (void)arg;
    while ((err = leat_cancelled()) == 0)
        cpu_relax();
    return err;
}

static int call_compute_until_cancelled(void *arg)
{
    return leat_compute(compute_until_cancelled, arg);
}

LEAT_TEST_TASK(compute, cancelled_inside_fn_answers_for_the_caller)
{
    LEAT_SCOPE(scope);
    expect_ok(leat_spawn(&scope, call_compute_until_cancelled, NULL));
    expect_ok(leat_sleep(2 * LEAT_MSEC));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_compute(compute_until_cancelled, NULL), -ETIMEDOUT);
    }
}

LEAT_TEST_TASK(compute, cancelled_caller_makes_no_call)
{
    struct sum sum = { 0 };

    LEAT_SCOPE(scope);
    leat_scope_cancel(&scope);
    expect_err(leat_compute(sum_up, &sum), -ECANCELED);
    expect_eq(sum.result, (uint64_t)0);
}

static int note_piece(void *data, size_t begin, size_t end)
{
    fetch_add_acq_rel((LEAT_ATOMIC(int) *)data, (int)(end - begin));
    return 0;
}

/* Without a suspension in between, in which the runtime would look at the clock. */
LEAT_TEST_TASK(compute, call_after_the_deadline_is_not_made)
{
    leat_time end = leat_now() + 3 * LEAT_MSEC;
    LEAT_ATOMIC(int) pieces = 0;
    struct sum sum = { 0 };
    LEAT_LIMIT(LEAT_MSEC);

    while (leat_now() < end)
        cpu_relax();
    expect_err(leat_compute(sum_up, &sum), -ETIMEDOUT);
    expect_eq(sum.result, (uint64_t)0);
    expect_err(leat_parallel_for(0, 100, note_piece, &pieces), -ETIMEDOUT);
    expect_eq(load_acquire(&pieces), 0);
}

LEAT_TEST_TASK(compute, cancels_at_any_moment_lose_no_call)
{
    for (int i = 0; i < 300 / TEST_SLOWDOWN; i++) {
        struct sum sum[8] = { { 0 } };

        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
        for (int j = 0; j < 8; j++)
            expect_ok(leat_spawn(&scope, call_sum_up, &sum[j]));
        if (i % 3)
            expect_ok(leat_sleep(i % 10 * 5 * LEAT_USEC));
        leat_scope_cancel(&scope);
        (void)leat_scope_join(&scope); /* 0 or -ECANCELED, as it comes */
        for (int j = 0; j < 8; j++)
            expect(sum[j].result == 0 || sum[j].result == 4950);
    }
}

/* One thread: what comes second waits in the queue. */
static int withdraw_queued(void *arg)
{
    LEAT_ATOMIC(int) open = 0;
    struct sum sum = { 0 };

    (void)arg;
    LEAT_SCOPE(scope);
    expect_ok(leat_spawn(&scope, call_spin_until, &open));
    expect_ok(leat_sleep(5 * LEAT_MSEC));
    {
        LEAT_LIMIT(5 * LEAT_MSEC);
        expect_err(leat_compute(sum_up, &sum), -ETIMEDOUT);
    }
    expect_eq(sum.result, (uint64_t)0);
    store_release(&open, 1);
    expect_ok(leat_scope_join(&scope));
    expect_ok(leat_compute(sum_up, &sum));
    expect_eq(sum.result, (uint64_t)4950);
    return 0;
}

LEAT_TEST(compute, queued_call_is_taken_back_at_the_deadline)
{
    expect_ok(leat_run(withdraw_queued, NULL, LEAT_OPTIONS(.workers = 1, .compute_threads = 1)));
}

static int note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    return 0;
}

LEAT_TEST(compute, plain_thread_calls_directly)
{
    pthread_t thread;

    expect_ok(leat_compute(note_thread, &thread));
    expect(pthread_equal(thread, pthread_self()));
}
