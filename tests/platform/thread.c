/* SPDX-License-Identifier: MIT */
/* Threads, futex, clock, seed, support. */
#include "platform/thread.h"
#include "base/bits.h"
#include "harness/test.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "platform/seed.h"
#include "platform/support.h"
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What a thread found about itself. */
struct found {
    char name[16];
    int cpus, policy, id, err;
    sigset_t blocked;
    size_t stack_bytes;
};

static void look_about(void *arg)
{
    struct found *found = arg;
    cpu_set_t mask;
    pthread_attr_t attr;

    found->err = errno;
    CPU_ZERO(&mask);
    sched_getaffinity(0, sizeof mask, &mask);
    found->cpus = CPU_COUNT(&mask);
    prctl(PR_GET_NAME, found->name, 0, 0, 0);
    found->policy = sched_getscheduler(0);
    found->id = leat__thread_id();
    pthread_sigmask(SIG_BLOCK, NULL, &found->blocked);
    if (pthread_getattr_np(pthread_self(), &attr) == 0) {
        pthread_attr_getstacksize(&attr, &found->stack_bytes);
        pthread_attr_destroy(&attr);
    }
}

static struct found start_and_look(const struct leat__thread_options *options)
{
    struct leat__thread thread;
    struct found found = { .id = 0 };
    int err = leat__thread_start(&thread, options, look_about, &found);

    expect_ok(err);
    if (err == 0)
        leat__thread_join(&thread);
    return found;
}

LEAT_TEST(thread, options_are_given_to_the_thread)
{
    struct found found = start_and_look(&(struct leat__thread_options){
        .name = "a-name-too-long-by-far", .stack_bytes = 1 << 20, .bind_cpu = -1, .batch = true });

    expect_str_eq(found.name, "a-name-too-long");
    expect_eq(found.policy, SCHED_BATCH);
    expect_ne(found.id, leat__thread_id());
    expect_ge(found.stack_bytes, (size_t)1 << 20);
    expect_lt(found.stack_bytes, (size_t)2 << 20);
    expect_eq(found.err, 0);
}

LEAT_TEST(thread, stack_smaller_than_the_system_s_least_is_made_that)
{
    struct found found =
        start_and_look(&(struct leat__thread_options){ .stack_bytes = 1, .bind_cpu = -1 });

    expect_gt(found.id, 0);
}

LEAT_TEST(thread, blocked_signals_are_the_user_s_and_not_a_thread_s_own_faults)
{
    static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
    static const int users[] = { SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM };
    sigset_t before, after;
    struct found found;

    pthread_sigmask(SIG_BLOCK, NULL, &before);
    found = start_and_look(
        &(struct leat__thread_options){ .bind_cpu = -1, .block_signals = true });
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    for (size_t i = 0; i < LEAT__COUNT(faults); i++)
        expect(!sigismember(&found.blocked, faults[i]));
    for (size_t i = 0; i < LEAT__COUNT(users); i++) {
        expect(sigismember(&found.blocked, users[i]));
        expect_eq(sigismember(&after, users[i]), sigismember(&before, users[i]));
    }
    found = start_and_look(&(struct leat__thread_options){ .bind_cpu = -1 });
    expect(!sigismember(&found.blocked, SIGUSR1));
}

static void bind_and_start_others(void)
{
    struct leat__cpus cpus = { .count = 0 };
    struct found found;

    assert_ok(leat__cpus_probe(&cpus, NULL));
    assert_ok(leat__thread_bind(leat__cpus_nth(&cpus, 0)));
    found = start_and_look(&(struct leat__thread_options){ .bind_cpu = -1 });
    expect_eq(found.cpus, 1); /* inherited */
    found = start_and_look(&(struct leat__thread_options){ .bind_cpu = -1, .cpus = &cpus });
    expect_eq(found.cpus, (int)cpus.allowed);
    found = start_and_look(&(struct leat__thread_options){
        .bind_cpu = leat__cpus_nth(&cpus, cpus.allowed - 1), .cpus = &cpus });
    expect_eq(found.cpus, 1);
    assert_ok(leat__thread_unbind(&cpus));
    found = start_and_look(&(struct leat__thread_options){ .bind_cpu = -1 });
    expect_eq(found.cpus, (int)cpus.allowed);
    expect_err(leat__thread_bind(-1), -EINVAL);
    expect_err(leat__thread_bind(100000), -EINVAL);
    leat__cpus_fini(&cpus);
}

LEAT_TEST(thread, thread_of_a_bound_one_gets_every_cpu_back_when_asked)
{
    expect_child_ok(bind_and_start_others);
}

/* ---- futex ---- */

static _Atomic(uint32_t) word;

static void wait_on_word(void *arg)
{
    int *err = arg;

    *err = 0;
    while (word == 0 && *err == 0)
        *err = leat__futex_wait(&word, 0, LEAT_NEVER);
    if (*err == -EAGAIN)
        *err = 0;
}

LEAT_TEST(futex, wake_ends_a_wait_without_a_deadline)
{
    struct leat__thread thread;
    int err = -1;

    word = 0;
    assert_ok(leat__thread_start(&thread, &(struct leat__thread_options){ .bind_cpu = -1 },
                                 wait_on_word, &err));
    usleep(2000);
    word = 1;
    leat__futex_wake(&word, INT_MAX);
    leat__thread_join(&thread);
    expect_ok(err);
}

LEAT_TEST(futex, wait_on_another_value_returns_at_once)
{
    word = 5;
    errno = 77;
    expect_err(leat__futex_wait(&word, 4, LEAT_NEVER), -EAGAIN);
    expect_eq(errno, 77);
}

LEAT_TEST(futex, deadline_is_never_early_and_may_lie_in_the_past)
{
    static const leat_time past[] = { 0, 1, -1, INT64_MIN };

    word = 0;
    for (size_t i = 0; i < LEAT__COUNT(past); i++)
        expect_err(leat__futex_wait(&word, 0, past[i]), -ETIMEDOUT);
    for (int i = 0; i < 20; i++) {
        leat_time deadline = leat_after(i * 100 * LEAT_USEC);
        int err;

        while ((err = leat__futex_wait(&word, 0, deadline)) == 0 || err == -EINTR)
            ;
        expect_err(err, -ETIMEDOUT);
        expect_ge(leat_now(), deadline);
    }
}

LEAT_TEST(futex, waking_nobody_on_unmapped_memory_is_harmless)
{
    errno = 77;
    leat__futex_wake((const void *)(uintptr_t)4096, 1);
    expect_eq(errno, 77);
}

/* ---- clock ---- */

LEAT_TEST(clock, time_never_goes_back)
{
    leat_time before = leat_now();

    expect_gt(before, 0);
    for (int i = 0; i < 100000; i++) {
        leat_time now = i % 2 ? leat_now() : leat__clock_now();

        assert_ge(now, before);
        before = now;
    }
}

LEAT_TEST(clock, far_deadlines_saturate)
{
    expect_eq(leat_after(LEAT_NEVER), LEAT_NEVER);
    expect_eq(leat_after(LEAT_NEVER - 1), LEAT_NEVER);
    expect_eq(leat_after(INT64_MIN), 1); /* passed, and none of what stands for no deadline */
    expect_ge(leat_after(LEAT_HOUR), leat_now() + LEAT_HOUR - LEAT_SEC);
    expect_le(leat_after(-LEAT_SEC), leat_now());
}

LEAT_TEST(clock, timespec_of_any_time_is_one_the_kernel_takes)
{
    static const leat_time times[] = { INT64_MIN, -1, 0, 1, LEAT_SEC - 1, LEAT_SEC, LEAT_NEVER };

    for (size_t i = 0; i < LEAT__COUNT(times); i++) {
        struct timespec time = leat__clock_timespec(times[i]);

        expect_ge(time.tv_sec, 0);
        expect_ge(time.tv_nsec, 0);
        expect_lt(time.tv_nsec, 1000000000);
        if (times[i] >= 0)
            expect_eq(time.tv_sec * LEAT_SEC + time.tv_nsec, times[i]);
    }
}

LEAT_TEST(clock, cpu_time_of_a_thread_is_part_of_the_process_s)
{
    leat_time thread = leat__clock_thread_cpu();

    for (volatile int i = 0; i < 1000000; i = i + 1)
        ;
    expect_gt(leat__clock_thread_cpu(), thread);
    thread = leat__clock_thread_cpu();
    expect_ge(leat__clock_process_cpu(), thread);
}

/* ---- seed, support ---- */

LEAT_TEST(seed, seeds_differ)
{
    uint64_t a = leat__seed(), b = leat__seed();

    expect_ne(a, b);
}

LEAT_TEST(support, this_machine_either_works_or_says_in_a_sentence_why_not)
{
    const char *sentence = NULL;
    int err = leat__platform_check(&sentence);

    if (err == 0) {
        expect_null(sentence);
    } else {
        expect_err(err, -ENOTSUP);
        expect_contains(sentence, "shadow stacks");
    }
}
