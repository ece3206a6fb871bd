/* SPDX-License-Identifier: MIT */
/* leat_blocking as tasks see it: results, overlap, cancels and deadlines. */
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/pool.h>
#include <leat/runtime.h>
#include <leat/task.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct gate {
    LEAT_ATOMIC(int) entered, open, left;
};

static int pass_gate(void *arg)
{
    struct gate *gate = arg;

    fetch_add_acq_rel(&gate->entered, 1);
    while (!load_acquire(&gate->open))
        test_doze(LEAT_MSEC / 4);
    fetch_add_acq_rel(&gate->left, 1);
    return 7;
}

static int call_pass_gate(void *arg)
{
    return leat_blocking(pass_gate, arg) == 7 ? 0 : -EBADMSG;
}

static void await_entered(struct gate *gate, int count)
{
    while (load_acquire(&gate->entered) < count)
        expect_ok(leat_sleep(LEAT_MSEC));
}

static int count_up(void *arg)
{
    fetch_add_relaxed((LEAT_ATOMIC(int) *)arg, 1);
    return 0;
}

static int call_count_up(void *arg)
{
    return leat_blocking(count_up, arg);
}

static int return_arg(void *arg)
{
    return *(int *)arg;
}

LEAT_TEST_TASK(blocking, call_returns_what_fn_returned)
{
    expect_eq(leat_blocking(return_arg, &(int){ 42 }), 42);
    expect_eq(leat_blocking(return_arg, &(int){ -ENOTTY }), -ENOTTY);
}

static int note_thread(void *arg)
{
    *(pthread_t *)arg = pthread_self();
    return leat_worker();
}

LEAT_TEST_TASK(blocking, fn_runs_on_a_thread_that_is_no_worker)
{
    pthread_t thread, before = pthread_self();

    expect_eq(leat_blocking(note_thread, &thread), -1);
    expect(!pthread_equal(thread, before));
}

static int call_again(void *arg)
{
    pthread_t inner;

    (void)arg;
    expect_eq(leat_blocking(note_thread, &inner), -1);
    expect(pthread_equal(inner, pthread_self()));
    return 0;
}

LEAT_TEST_TASK(blocking, call_inside_a_call_stays_on_its_thread)
{
    expect_ok(leat_blocking(call_again, NULL));
}

static int look_at_mask(void *arg)
{
    sigset_t mask;

    (void)arg;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, SIGTERM) * 2 + sigismember(&mask, SIGSEGV);
}

LEAT_TEST_TASK(blocking, pool_threads_take_no_signals_but_their_faults)
{
    expect_eq(leat_blocking(look_at_mask, NULL), 2);
}

LEAT_TEST_TASK(blocking, sleeping_calls_overlap)
{
    struct gate gate = { 0 };

    LEAT_SCOPE(scope);
    for (int i = 0; i < 20; i++)
        expect_ok(leat_spawn(&scope, call_pass_gate, &gate));
    await_entered(&gate, 20); /* all are inside before the first may leave */
    store_release(&gate.open, 1);
    expect_ok(leat_scope_join(&scope));
    expect_eq(load_relaxed(&gate.left), 20);
}

LEAT_TEST_TASK(blocking, ten_thousand_queued_calls_run_once_each)
{
    LEAT_ATOMIC(int) count = 0;
    int calls = 10000 / TEST_SLOWDOWN;

    LEAT_SCOPE(scope);
    for (int i = 0; i < calls; i++)
        expect_ok(leat_spawn(&scope, call_count_up, &count));
    expect_ok(leat_scope_join(&scope));
    expect_eq(load_relaxed(&count), calls);
}

LEAT_TEST_TASK(blocking, cancelled_caller_makes_no_call)
{
    LEAT_ATOMIC(int) count = 0;

    LEAT_SCOPE(scope);
    leat_scope_cancel(&scope);
    expect_err(leat_blocking(count_up, &count), -ECANCELED);
    expect_eq(load_relaxed(&count), 0);
}

static int doze_and_tell(void *arg)
{
    test_doze(30 * LEAT_MSEC * TEST_SLOWDOWN);
    *(bool *)arg = true;
    return 7;
}

LEAT_TEST_TASK(blocking, running_call_is_waited_for_beyond_the_deadline)
{
    bool done = false;

    for (int tries = 0; !done && tries < 100; tries++) {
        LEAT_LIMIT(5 * LEAT_MSEC * TEST_SLOWDOWN);
        int result = leat_blocking(doze_and_tell, &done);

        /* On a busy machine the deadline may come before a thread has begun it. */
        expect_eq(result, done ? 7 : -ETIMEDOUT); /* its result came, and is not lost */
        expect_err(leat_cancelled(), -ETIMEDOUT);
    }
    expect(done);
}

static int await_cancel(void *arg)
{
    int err;

    (void)arg;
    while ((err = leat_cancelled()) == 0)
        test_doze(LEAT_MSEC / 4);
    return err;
}

LEAT_TEST_TASK(blocking, cancelled_inside_fn_answers_for_the_caller)
{
    {
        LEAT_LIMIT(10 * LEAT_MSEC);
        expect_err(leat_blocking(await_cancel, NULL), -ETIMEDOUT);
    }
    /* The thread remembers nothing of that scope. */
    expect_eq(leat_blocking(return_arg, &(int){ 1 }), 1);
}

static int ask_cancelled(void *arg)
{
    (void)arg;
    return leat_cancelled();
}

LEAT_TEST_TASK(blocking, shield_of_the_caller_holds_inside_fn)
{
    LEAT_SCOPE(scope);
    leat_scope_cancel(&scope);
    leat_shield();
    expect_ok(leat_blocking(ask_cancelled, NULL));
    leat_unshield();
    expect_err(leat_blocking(ask_cancelled, NULL), -ECANCELED);
}

static int call_await_cancel(void *arg)
{
    (void)arg;
    return leat_blocking(await_cancel, NULL);
}

LEAT_TEST_TASK(blocking, cancels_at_any_moment_lose_no_call)
{
    for (int i = 0; i < 300 / TEST_SLOWDOWN; i++) {
        LEAT_ATOMIC(int) count = 0;

        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
        for (int j = 0; j < 4; j++) {
            expect_ok(leat_spawn(&scope, call_count_up, &count));
            expect_ok(leat_spawn(&scope, call_await_cancel, NULL));
        }
        expect_ok(leat_sleep(i % 10 * 20 * LEAT_USEC));
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
        expect_le(load_relaxed(&count), 4);
    }
}

LEAT_TEST(blocking, plain_thread_calls_directly)
{
    pthread_t thread;

    expect_eq(leat_blocking(note_thread, &thread), -1);
    expect(pthread_equal(thread, pthread_self()));
}

LEAT_TEST(blocking, plain_thread_in_an_ended_scope_makes_no_call)
{
    LEAT_ATOMIC(int) count = 0;

    LEAT_LIMIT(-1);
    expect_err(leat_blocking(count_up, &count), -ETIMEDOUT);
    expect_eq(load_relaxed(&count), 0);
}

/* With one thread only, a second call has to wait in the queue. */
static int withdraw_queued(void *arg)
{
    struct gate gate = { 0 };
    LEAT_ATOMIC(int) count = 0;

    (void)arg;
    LEAT_SCOPE(outer);
    expect_ok(leat_spawn(&outer, call_pass_gate, &gate));
    await_entered(&gate, 1);
    {
        LEAT_SCOPE(inner, .on_error = LEAT_COLLECT);
        expect_ok(leat_spawn(&inner, call_count_up, &count));
        expect_ok(leat_spawn(&inner, call_count_up, &count));
        expect_ok(leat_sleep(5 * LEAT_MSEC));
        leat_scope_cancel(&inner);
        expect_err(leat_scope_join(&inner), -ECANCELED);
    }
    {
        LEAT_LIMIT(5 * LEAT_MSEC);
        expect_err(leat_blocking(count_up, &count), -ETIMEDOUT);
    }
    store_release(&gate.open, 1);
    expect_ok(leat_scope_join(&outer));
    expect_eq(load_relaxed(&count), 0);
    expect_ok(leat_blocking(count_up, &count));
    expect_eq(load_relaxed(&count), 1);
    return 0;
}

LEAT_TEST(blocking, queued_call_is_taken_back_by_cancel_and_deadline)
{
    expect_ok(leat_run(withdraw_queued, NULL, LEAT_OPTIONS(.workers = 1, .blocking_max = 1)));
}
