/* SPDX-License-Identifier: MIT */
/* Signals as a wait. */
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/process.h>
#include <leat/task.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#endif

static void unblock(int number)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, number);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* To the process, as a user's signal comes. TSan holds a signal back until the thread that got it
 * makes a call that TSan knows, and leat's system calls are none: there, to the calling thread. */
static void *run_send(void *arg)
{
    int number = *(int *)arg;

#ifdef UNDER_TSAN
    unblock(number);
    raise(number);
#else
    kill(getpid(), number);
#endif
    return NULL;
}

static void send_signal(int number)
{
    pthread_t thread;

    expect_eq(pthread_create(&thread, NULL, run_send, &number), 0);
    expect_eq(pthread_join(thread, NULL), 0);
}

LEAT_TEST_TASK(signals, signal_that_came_before_the_wait_is_kept)
{
    struct leat_signals *signals;

    signal(SIGUSR1, SIG_IGN); /* the second one may be delivered after the close */
    assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR1, SIGTERM }, 2));
    send_signal(SIGTERM);
    expect_eq(leat_signals_wait(signals), SIGTERM);
    send_signal(SIGUSR1);
    send_signal(SIGUSR1);
    expect_eq(leat_signals_wait(signals), SIGUSR1);
    leat_signals_close(signals);
}

static int kill_soon(void *arg)
{
    int err = leat_sleep(2 * LEAT_MSEC);

    send_signal(*(int *)arg);
    return err;
}

LEAT_TEST_TASK(signals, signal_wakes_a_waiter)
{
    struct leat_signals *signals;

    assert_ok(leat_signals_open(&signals, (const int[]){ SIGHUP }, 1));
    for (int i = 0; i < 20; i++) {
        LEAT_SCOPE(scope);
        expect_ok(leat_spawn(&scope, kill_soon, &(int){ SIGHUP }));
        expect_eq(leat_signals_wait(signals), SIGHUP);
        expect_ok(leat_scope_join(&scope));
    }
    leat_signals_close(signals);
}

LEAT_TEST_TASK(signals, wait_ends_at_deadline_and_cancel)
{
    struct leat_signals *signals;

    assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR2 }, 1));
    {
        LEAT_LIMIT(3 * LEAT_MSEC);
        expect_err(leat_signals_wait(signals), -ETIMEDOUT);
    }
    {
        LEAT_SCOPE(scope);
        leat_scope_cancel(&scope);
        send_signal(SIGUSR2);
        expect_err(leat_signals_wait(signals), -ECANCELED);
    }
    expect_eq(leat_signals_wait(signals), SIGUSR2); /* not lost */
    leat_signals_close(signals);
}

LEAT_TEST(signals, plain_thread_waits_too)
{
    struct leat_signals *signals;

    assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR1 }, 1));
    raise(SIGUSR1);
    expect_eq(leat_signals_wait(signals), SIGUSR1);
    {
        LEAT_LIMIT(3 * LEAT_MSEC);
        expect_err(leat_signals_wait(signals), -ETIMEDOUT);
    }
    leat_signals_close(signals);
}

LEAT_TEST(signals, bad_numbers_are_refused)
{
    static const int bad[] = { 0, -1, 32, 64, SIGKILL, SIGSTOP, SIGSEGV, SIGFPE, SIGURG };
    struct leat_signals *signals = NULL;
    int nine[9] = { 1, 2, 3, 10, 12, 13, 14, 15, 16 };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_err(leat_signals_open(&signals, &bad[i], 1), -EINVAL);
    expect_err(leat_signals_open(&signals, bad, 0), -EINVAL);
    expect_err(leat_signals_open(&signals, nine, 9), -EINVAL);
    expect_null(signals);
    leat_signals_close(NULL);
}

LEAT_TEST(signals, number_has_one_opener_at_a_time)
{
    struct leat_signals *first, *second = NULL;

    assert_ok(leat_signals_open(&first, (const int[]){ SIGUSR1, SIGUSR2 }, 2));
    expect_err(leat_signals_open(&second, (const int[]){ SIGHUP, SIGUSR2 }, 2), -EBUSY);
    expect_err(leat_signals_open(&second, (const int[]){ SIGHUP, SIGHUP }, 2), -EBUSY);
    assert_ok(leat_signals_open(&second, (const int[]){ SIGHUP }, 1)); /* nothing was kept */
    leat_signals_close(second);
    leat_signals_close(first);
    assert_ok(leat_signals_open(&second, (const int[]){ SIGUSR2 }, 1));
    leat_signals_close(second);
}

static LEAT_ATOMIC(int) handled;

static void note_handled(int number)
{
    store_relaxed(&handled, number);
}

LEAT_TEST(signals, close_restores_the_previous_action)
{
    struct sigaction action = { .sa_handler = note_handled }, now;
    struct leat_signals *signals;

    store_relaxed(&handled, 0);
    expect_eq(sigaction(SIGUSR1, &action, NULL), 0);
    assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR1 }, 1));
    raise(SIGUSR1);
    expect_eq(load_relaxed(&handled), 0);
    leat_signals_close(signals);
    expect_eq(sigaction(SIGUSR1, NULL, &now), 0);
    expect(now.sa_handler == note_handled);
    raise(SIGUSR1);
    expect_eq(load_relaxed(&handled), SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
}

static void die_of_second(void)
{
    struct leat_signals *signals;

    assert_ok(leat_signals_open(&signals, (const int[]){ SIGTERM }, 1));
    raise(SIGTERM);
    leat_signals_close(signals);
    raise(SIGTERM);
}

LEAT_TEST(signals, after_close_the_default_action_is_back)
{
    expect_dies(die_of_second, SIGTERM, NULL);
}

LEAT_TEST(signals, handler_leaves_errno_alone)
{
    struct leat_signals *signals;

    assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR1 }, 1));
    errno = ENOTTY;
    raise(SIGUSR1);
    expect_eq(errno, ENOTTY);
    expect_eq(leat_signals_wait(signals), SIGUSR1);
    leat_signals_close(signals);
}

/* ---- storms ---- */

static LEAT_ATOMIC(bool) storm_over;

static void *storm(void *arg)
{
    int number = *(int *)arg;

    unblock(number);
    while (!load_relaxed(&storm_over))
        raise(number); /* the handler runs here, beside whatever the others do */
    return NULL;
}

LEAT_TEST_TASK(signals, storm_of_one_starves_no_other)
{
    struct leat_signals *signals;
    int quiet = 0, number, loud = SIGUSR1;
    pthread_t stormer;

    store_relaxed(&storm_over, false);
    assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR1, SIGUSR2 }, 2));
    expect_eq(pthread_create(&stormer, NULL, storm, &loud), 0);
    for (int i = 0; i < 50; i++) {
        send_signal(SIGUSR2);
        while ((number = leat_signals_wait(signals)) == SIGUSR1)
            continue;
        quiet += number == SIGUSR2;
    }
    store_relaxed(&storm_over, true);
    pthread_join(stormer, NULL);
    expect_eq(quiet, 50);
    leat_signals_close(signals);
}

/* Handlers run on other threads while this one opens and closes; a descriptor is used by handlers
 * of its own opener only (the harness looks for strays, the sanitizers for freed memory). */
LEAT_TEST(signals, opening_and_closing_in_a_storm_is_safe)
{
    int number = SIGUSR1, pipe_fd[2];
    pthread_t stormer[2];
    char byte;

    if (TEST_EMULATED)
        test_skip("the emulator reads a signal's action twice: replaced in between, it jumps to 1");
    store_relaxed(&storm_over, false);
    signal(SIGUSR1, SIG_IGN);
    for (int i = 0; i < 2; i++)
        expect_eq(pthread_create(&stormer[i], NULL, storm, &number), 0);
    for (int i = 0; i < 2000 / TEST_SLOWDOWN; i++) {
        struct leat_signals *signals;

        assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR1 }, 1));
        if (i % 4 == 0)
            expect_eq(leat_signals_wait(signals), SIGUSR1);
        leat_signals_close(signals);
        /* The number is used again at once: no handler may write to it. */
        assert_eq(pipe(pipe_fd), 0);
        close(pipe_fd[1]);
        expect_eq(read(pipe_fd[0], &byte, 1), 0);
        close(pipe_fd[0]);
    }
    store_relaxed(&storm_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(stormer[i], NULL);
    signal(SIGUSR1, SIG_DFL);
}
