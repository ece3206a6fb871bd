/* SPDX-License-Identifier: MIT */
/* Virtual threads, time and the invariants of the simulation itself. */
#include "harness/test.h"
#include "sim/sim.h"

#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct leat__sim_outcome outcome;

/* fn, the root task of a runtime. */
struct program {
    int (*fn)(void *arg);
    void *arg;
};

static int run_program(void *arg)
{
    struct program *program = arg;

    return leat_run(program->fn, program->arg, NULL);
}

static void simulate(int (*fn)(void *arg), void *arg, uint64_t seed)
{
    struct program program = { fn, arg };
    struct leat__sim_config config;

    leat__sim_draw(&config, seed);
    config.no_memory = config.no_thread = 0;
    leat__sim_once(run_program, &program, &config, &outcome);
    if (outcome.failed)
        test_fail("seed %llu: %s", (unsigned long long)seed, outcome.text);
}

static int nothing(void *arg)
{
    (void)arg;
    return 7;
}

/* Also where allocations and threads fail: what an earlier one left must not be asked for twice. */
LEAT_TEST(sim, a_seed_that_fails_to_start_a_runtime_does_so_again)
{
    enum { SEEDS = 100 };
    static uint64_t hashes[SEEDS];
    struct program program = { nothing, NULL };

    for (int round = 0; round < 2; round++)
        for (uint64_t seed = 0; seed < SEEDS && !test_failed(); seed++) {
            struct leat__sim_config config;

            leat__sim_draw(&config, seed);
            config.no_memory = config.no_thread = 50;
            config.faults_end = LEAT_NEVER;
            leat__sim_once(run_program, &program, &config, &outcome);
            if (outcome.failed)
                test_fail("seed %llu: %s", (unsigned long long)seed, outcome.text);
            if (round > 0)
                expect_eq(outcome.hash, hashes[seed]);
            hashes[seed] = outcome.hash;
        }
}

LEAT_TEST(sim, a_program_runs_and_returns)
{
    for (uint64_t seed = 1; seed <= 100 && !test_failed(); seed++) {
        simulate(nothing, NULL, seed);
        expect_eq(outcome.result, 7);
    }
}

static int sleeps_for_hours(void *arg)
{
    leat_time begin = leat_now(), *slept = arg;
    int err = leat_sleep(5 * LEAT_HOUR);

    *slept = leat_now() - begin;
    return err;
}

LEAT_TEST(sim, hours_pass_at_once)
{
    for (uint64_t seed = 1; seed <= 20 && !test_failed(); seed++) {
        leat_time slept = 0;

        simulate(sleeps_for_hours, &slept, seed);
        expect_eq(outcome.result, 0);
        expect_ge(slept, 5 * LEAT_HOUR);
        expect_lt(slept, 5 * LEAT_HOUR + LEAT_SEC);
    }
}

LEAT_TEST(sim, a_program_is_simulated_when_the_environment_says_so)
{
    leat_time slept = 0;
    int err;

    setenv("LEAT_SIM", "7:workers=2", 1);
    err = leat_run(sleeps_for_hours, &slept, NULL);
    setenv("LEAT_SIM", "seven", 1);
    expect_err(leat_run(nothing, NULL, NULL), -EINVAL);
    unsetenv("LEAT_SIM");
    expect_ok(err);
    expect_ge(slept, 5 * LEAT_HOUR);
}

LEAT_TEST(sim, without_a_seed_a_program_runs_as_usual)
{
    leat_time begin = leat_now();

    expect_eq(leat_run(nothing, NULL, NULL), 7);
    expect_ge(leat_now(), begin);
}

struct numbers {
    struct leat_chan *chan;
    int               sum;
};

static int sends(void *arg)
{
    struct numbers *numbers = arg;

    for (int i = 1; i <= 20; i++)
        if (leat_chan_send(numbers->chan, &i) != 0)
            return -1;
    return 0;
}

static int receives(void *arg)
{
    static const struct leat_chan_options options = { .size = sizeof options, .capacity = 3 };
    struct numbers *numbers = arg;
    struct leat_scope scope;
    int number, err;

    if (leat_chan_create(&numbers->chan, sizeof(int), &options) != 0)
        return -1;
    leat_scope_open(&scope, NULL);
    for (int i = 0; i < 4; i++)
        leat_spawn(&scope, sends, numbers);
    for (int i = 0; i < 80; i++) {
        err = leat_chan_recv(numbers->chan, &number);
        if (err)
            return err;
        numbers->sum += number;
    }
    err = leat_scope_close(&scope);
    leat_chan_free(numbers->chan);
    return err;
}

LEAT_TEST(sim, tasks_pass_numbers_under_every_strategy)
{
    for (uint64_t seed = 1; seed <= 200 && !test_failed(); seed++) {
        struct numbers numbers = { 0 };

        simulate(receives, &numbers, seed);
        expect_eq(outcome.result, 0);
        expect_eq(numbers.sum, 840);
    }
}

/* Whatever ran before it in the process. */
LEAT_TEST(sim, the_same_seed_gives_the_same_trace)
{
    enum { SEEDS = 200 };
    static uint64_t hashes[SEEDS];

    for (uint64_t seed = 0; seed < SEEDS && !test_failed(); seed++) {
        struct numbers numbers = { 0 };

        simulate(receives, &numbers, seed);
        hashes[seed] = outcome.hash;
    }
    for (uint64_t seed = SEEDS; seed-- > 0 && !test_failed();) {
        struct numbers numbers = { 0 };

        simulate(receives, &numbers, seed);
        if (outcome.hash != hashes[seed])
            test_fail("seed %llu gave %016llx, then %016llx", (unsigned long long)seed,
                      (unsigned long long)hashes[seed], (unsigned long long)outcome.hash);
    }
}

/* ---- what never ends is found, and said to be that ---- */

static int sleeps_for_ever(void *arg)
{
    (void)arg;
    while (leat_sleep(LEAT_HOUR) == 0)
        ;
    return 0;
}

static int polls_for_ever(void *arg)
{
    (void)arg;
    while (leat_sleep(LEAT_USEC) == 0)
        ;
    return 0;
}

static int spins_for_ever(void *arg)
{
    while (!arg)
        leat_sim_point();
    return 0;
}

static void expect_no_end(int (*fn)(void *arg), const char *with, const char *sentence)
{
    static struct leat_sim_report report;

    expect_eq(leat_sim_run(fn, NULL, LEAT_SIM_OPTIONS(.brief = true, .with = with,
                                                      .report = &report)),
              -ENOTRECOVERABLE);
    if (!strstr(report.text, sentence))
        test_fail("found instead: %s", report.text);
}

LEAT_TEST(sim, what_never_ends_is_found_by_virtual_time_by_points_and_by_a_clock_that_stands)
{
    expect_no_end(sleeps_for_ever, "time_max=36000000000000", "no end: ");
    expect_no_end(polls_for_ever, "points_max=200000", "no end: ");
    expect_no_end(spins_for_ever, "steps_max=100000", "livelock");
}

static int says_why_it_fails(void *arg)
{
    (void)arg;
    fputs("the reason\n", stderr);
    return -EIO;
}

static int count_in(FILE *file, const char *part)
{
    char line[1000];
    int count = 0;

    rewind(file);
    while (fgets(line, sizeof line, file))
        count += strstr(line, part) != NULL;
    return count;
}

LEAT_TEST(sim, what_a_failing_program_prints_is_seen_once_however_often_it_is_tried_anew)
{
    FILE *seen = tmpfile();
    int before = dup(STDERR_FILENO), err;

    assert_not_null(seen);
    fflush(stderr);
    assert_eq(dup2(fileno(seen), STDERR_FILENO), STDERR_FILENO);
    err = leat_sim_run(says_why_it_fails, NULL, LEAT_SIM_OPTIONS(.with = "workers=4,size=50"));
    fflush(stderr);
    dup2(before, STDERR_FILENO);
    close(before);
    expect_err(err, -EIO);
    expect_eq(count_in(seen, "the reason"), 1);
    expect_eq(count_in(seen, "the smallest that fails likewise"), 1);
    fclose(seen);
}
