/* SPDX-License-Identifier: MIT */
/* Bugs planted in a runtime: the simulation must find each, in few seeds, and say which it is. */
#include "harness/test.h"
#include "platform/sanitize.h"
#include "sched/worker.h"

#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct leat_sim_report report;

/* fn fails within so many seeds, in these words; and what the report says of how to repeat it does
 * so. */
static void expect_found(int (*fn)(void *arg), uint64_t seeds, const char *words)
{
    char again[sizeof report.again];
    const char *with;
    int err = leat_sim_run(fn, NULL, LEAT_SIM_OPTIONS(.seeds = seeds, .report = &report));

    expect_err(err, -ENOTRECOVERABLE);
    expect_contains(report.text, words);
    expect_contains(report.again, "LEAT_SIM=");
    strcpy(again, report.again);
    with = strchr(again, ':');
    err = leat_sim_run(fn, NULL, LEAT_SIM_OPTIONS(.seed = report.seed, .report = &report,
                                                  .with = with ? with + 1 : NULL));
    expect_err(err, -ENOTRECOVERABLE);
    expect_contains(report.text, words);
}

/* ---- a wake that is not made ---- */

static struct leat__sched *sched;
static void (*real_wake)(struct leat__poller *poller);

static void plant_wake(void (*wake)(struct leat__poller *poller))
{
    for (unsigned i = 0; i < leat__sched_workers(sched); i++)
        leat__worker_poller(leat__sched_worker(sched, i))->wake = wake;
}

static void wake_nobody(struct leat__poller *poller)
{
    (void)poller;
}

static int hands_over(void *arg)
{
    struct leat_event *event = arg;

    leat_event_set(event);
    return 0;
}

/* A plain thread readies a task of a runtime whose workers are not woken for it. */
static int loses_a_wake(void *arg)
{
    struct leat_event event = { 0 };
    int err;

    (void)arg;
    sched = leat__worker_sched(leat__worker_current());
    real_wake = leat__worker_poller(leat__worker_current())->wake;
    plant_wake(wake_nobody);
    err = leat_blocking(hands_over, &event);
    plant_wake(real_wake); /* where it came when a worker was awake */
    return err ? err : leat_event_wait(&event);
}

LEAT_TEST(sim_planted, a_wake_that_is_not_made_is_a_lost_wake_up)
{
    expect_found(loses_a_wake, 50, "lost wake-up");
}

/* ---- a deadlock ---- */

static struct leat_mutex mutexes[2];

static int locks_in_order(void *arg)
{
    int first = (int)(intptr_t)arg;

    if (leat_mutex_lock(&mutexes[first]) != 0)
        return -1;
    leat_yield();
    if (leat_mutex_lock(&mutexes[!first]) != 0)
        return -1;
    leat_mutex_unlock(&mutexes[!first]);
    leat_mutex_unlock(&mutexes[first]);
    return 0;
}

static int locks_both(void *arg)
{
    (void)arg;
    memset(mutexes, 0, sizeof mutexes);
    LEAT_SCOPE(scope);
    for (intptr_t i = 0; i < 2; i++)
        leat_spawn(&scope, locks_in_order, (void *)i);
    return leat_scope_join(&scope);
}

LEAT_TEST(sim_planted, two_locks_in_two_orders_deadlock)
{
    int err = leat_sim_run(locks_both, NULL, LEAT_SIM_OPTIONS(.seeds = 50, .report = &report,
                                                              .with = "watch=0"));

    expect_err(err, -ENOTRECOVERABLE);
    expect_contains(report.text, "deadlock");
}

/* ---- a timer that is early ---- */

static leat_time (*real_fire)(struct leat__ticker *ticker, leat_time now);

static leat_time fire_early(struct leat__ticker *ticker, leat_time now)
{
    leat_time due = real_fire(ticker, now + 5 * LEAT_MSEC);

    return due == LEAT_NEVER ? due : due - 5 * LEAT_MSEC;
}

static int sleeps_too_little(void *arg)
{
    leat_time when = leat_after(LEAT_SEC);
    int err;

    (void)arg;
    sched = leat__worker_sched(leat__worker_current());
    real_fire = leat__worker_ticker(leat__sched_worker(sched, 0))->fire;
    for (unsigned i = 0; i < leat__sched_workers(sched); i++)
        leat__worker_ticker(leat__sched_worker(sched, i))->fire = fire_early;
    err = leat_sleep_until(when);
    leat_sim_expect(leat_now() >= when);
    return err;
}

LEAT_TEST(sim_planted, a_timer_that_is_early_is_seen)
{
    expect_found(sleeps_too_little, 50, "leat_now() >= when");
}

/* ---- a race of the program's own ---- */

static int balance;

static int withdraws(void *arg)
{
    (void)arg;
    if (balance >= 60) {
        leat_sim_point();
        balance -= 60;
    }
    return 0;
}

static int pays_twice(void *arg)
{
    (void)arg;
    balance = 100;
    LEAT_SCOPE(scope);
    for (int i = 0; i < 2; i++)
        leat_spawn(&scope, withdraws, NULL);
    leat_scope_join(&scope);
    leat_sim_expect(balance >= 0);
    return 0;
}

LEAT_TEST(sim_planted, a_check_that_is_stale_by_the_time_of_the_act_is_found)
{
    expect_found(pays_twice, 2000, "balance >= 0");
}

/* ---- never ending ---- */

static int spins(void *arg)
{
    while (!arg)
        leat_yield();
    return 0;
}

LEAT_TEST(sim_planted, yielding_for_ever_is_a_livelock)
{
    int err = leat_sim_run(spins, NULL, LEAT_SIM_OPTIONS(.report = &report,
                                                         .with = "steps_max=100000"));

    expect_err(err, -ENOTRECOVERABLE);
    expect_contains(report.text, "livelock");
}

static int dies(void *arg)
{
    *(volatile int *)arg = 0;
    return 0;
}

LEAT_TEST(sim_planted, a_crash_is_reported_with_its_seed)
{
    int err = leat_sim_run(dies, NULL, LEAT_SIM_OPTIONS(.seed = 42, .report = &report));

    expect_err(err, -ENOTRECOVERABLE);
    expect_contains(report.text, "the process");
#if !LEAT__ASAN && !LEAT__TSAN /* which report it themselves */
    expect_contains(report.text, "Segmentation fault");
    expect_contains(report.text, "the last decisions");
#endif
    expect_eq(report.seed, 42);
}

/* ---- what is said ---- */

static bool says_that_it_failed(void)
{
    return true;
}

static int does_nothing(void *arg)
{
    (void)arg;
    return 0;
}

LEAT_TEST(sim_planted, what_another_framework_finds_is_reported_with_its_seed)
{
    int err = leat_sim_run(does_nothing, NULL, LEAT_SIM_OPTIONS(.seed = 42, .report = &report,
                                                                .failed = says_that_it_failed));

    expect_err(err, -ENOTRECOVERABLE);
    expect_contains(report.text, "an expectation of the test failed");
    expect_contains(report.text, "the last decisions");
    expect_eq(report.seed, 42);
}

static void fails_at_once(void)
{
    leat_sim_fail("it fails");
}

static void runs_a_test_by_name(void)
{
    static struct leat_sim_test test = { .suite = "said", .name = "by_name", .body = fails_at_once,
                                         .options = { .size = sizeof test.options } };
    char program[] = "a program", name[] = "said.by_name";
    char *args[] = { program, name, NULL };

    leat_sim_register(&test);
    program_invocation_name = program;
    _exit(leat_sim_main(2, args));
}

LEAT_TEST(sim_planted, the_command_that_repeats_a_test_is_told)
{
    expect_exits(runs_a_test_by_name, 1, "again: LEAT_SIM=1 'a program' said.by_name\n");
}

static void runs_what_is_not_there(void)
{
    char program[] = "a program", name[] = "said.nothing";
    char *args[] = { program, name, NULL };

    _exit(leat_sim_main(2, args));
}

LEAT_TEST(sim_planted, a_name_that_no_test_has_is_no_success)
{
    expect_exits(runs_what_is_not_there, 2, "no test has such a name");
}

static void runs_by_no_seed(void)
{
    setenv("LEAT_SIM", "1:strategy=4", 1);
    _exit(leat_sim_run(does_nothing, NULL, NULL) == -EINVAL ? 3 : 4);
}

LEAT_TEST(sim_planted, a_seed_that_is_none_is_refused_and_named)
{
    expect_exits(runs_by_no_seed, 3, "LEAT_SIM=1:strategy=4: expected a seed");
}
