/* SPDX-License-Identifier: MIT */
/* A race has one winner, and nobody runs on when it returns. */
#include "harness/test.h"

#include <leat/leat.h>

#include <stdatomic.h>

struct runner {
    leat_time nap;
    int       answer;
    int       ended; /* out */
};

static int run(void *arg)
{
    struct runner *runner = arg;
    int err = leat_sleep(runner->nap);

    runner->ended = err ? err : 1;
    return err ? err : runner->answer;
}

LEAT_TEST_TASK(race, the_first_to_finish_wins_and_the_others_are_cancelled)
{
    struct runner runners[] = { { LEAT_HOUR, 1, 0 }, { LEAT_MSEC, 2, 0 }, { LEAT_HOUR, 3, 0 } };
    struct leat_racer racers[] = { { run, &runners[0] }, { run, &runners[1] },
                                   { run, &runners[2] } };
    size_t winner = 99;

    expect_eq(leat_race(racers, 3, .winner = &winner), 2);
    expect_eq(winner, 1);
    expect_err(runners[0].ended, -ECANCELED);
    expect_err(runners[2].ended, -ECANCELED);
    expect_ok(leat_cancelled());
}

LEAT_TEST_TASK(race, a_failure_wins_unless_success_is_asked_for)
{
    struct runner runners[] = { { LEAT_MSEC, -EIO, 0 }, { 400 * LEAT_MSEC, 7, 0 } };
    struct leat_racer racers[] = { { run, &runners[0] }, { run, &runners[1] } };
    size_t winner = 99;

    expect_err(leat_race(racers, 2, .winner = &winner), -EIO);
    expect_eq(winner, 0);
    expect_eq(leat_race(racers, 2, .winner = &winner, .success = true), 7);
    expect_eq(winner, 1);
}

LEAT_TEST_TASK(race, without_a_winner_gives_the_first_error)
{
    struct runner runners[] = { { 400 * LEAT_MSEC, -ENOENT, 0 }, { LEAT_MSEC, -EIO, 0 } };
    struct leat_racer racers[] = { { run, &runners[0] }, { run, &runners[1] } };
    size_t winner = 99;

    expect_err(leat_race(racers, 2, .success = true, .winner = &winner), -EIO);
    expect_eq(winner, 99);
    expect_eq(runners[0].ended, 1);
}

LEAT_TEST_TASK(race, of_nobody_has_no_data)
{
    expect_err(leat_race_between(NULL, 0, NULL), -ENODATA);
}

LEAT_TEST_TASK(race, its_deadline_ends_all)
{
    struct runner runners[] = { { LEAT_HOUR, 1, 0 }, { LEAT_HOUR, 2, 0 } };
    struct leat_racer racers[] = { { run, &runners[0] }, { run, &runners[1] } };

    expect_err(leat_race(racers, 2, .success = true, .deadline = leat_after(3 * LEAT_MSEC)),
               -ETIMEDOUT);
    expect_err(leat_race(racers, 2, .deadline = -1), -EINVAL);
}

static int race_for_long(void *arg)
{
    struct runner *runners = arg;
    struct leat_racer racers[] = { { run, &runners[0] }, { run, &runners[1] } };

    return leat_race_between(racers, 2, NULL);
}

LEAT_TEST_TASK(race, cancelled_from_outside_ends_everybody)
{
    for (int moment = 0; moment < 10; moment++) {
        struct runner runners[] = { { LEAT_HOUR, 1, 0 }, { LEAT_HOUR, 2, 0 } };
        LEAT_SCOPE(scope);

        leat_spawn(&scope, race_for_long, runners);
        (void)leat_sleep(moment * 100 * LEAT_USEC);
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
    }
}

static atomic_int started;

static int at_once(void *arg)
{
    atomic_fetch_add(&started, 1);
    return *(int *)arg;
}

LEAT_TEST_TASK(race, of_many_that_return_at_once_has_one_winner)
{
    int answers[100];
    struct leat_racer racers[100];

    for (int i = 0; i < 100; i++) {
        answers[i] = i;
        racers[i] = (struct leat_racer){ at_once, &answers[i] };
    }
    for (int round = 0; round < 50; round++) {
        size_t winner = 999;
        int result = leat_race(racers, 100, .winner = &winner);

        expect_eq((int)winner, result);
    }
}

LEAT_TEST(race, on_a_plain_thread_runs_one_after_another)
{
    int answers[] = { -EIO, 5, 6 };
    struct leat_racer racers[] = { { at_once, &answers[0] }, { at_once, &answers[1] },
                                   { at_once, &answers[2] } };
    size_t winner = 99;

    atomic_store(&started, 0);
    expect_eq(leat_race(racers, 3, .success = true, .winner = &winner), 5);
    expect_eq(winner, 1);
    expect_eq(atomic_load(&started), 2);
}
