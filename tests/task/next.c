/* SPDX-License-Identifier: MIT */
/* Results one by one (leat_scope_next), and races. */
#include "harness/test.h"

#include <leat/leat.h>

#include <string.h>

static int sleep_then(void *arg)
{
    int n = *(int *)arg;
    int err = leat_sleep(n * LEAT_MSEC);

    return err ? err : n;
}

static int sleep_long(void *arg)
{
    (void)arg;
    return leat_sleep(LEAT_HOUR);
}

static int give(void *arg)
{
    return *(int *)arg;
}

static int fail_after_a_turn(void *arg)
{
    leat_yield();
    return *(int *)arg;
}

LEAT_TEST_TASK(next, results_come_in_the_order_in_which_tasks_finish)
{
    int delays[] = { 200, 1, 100 }, order[] = { 1, 100, 200 };
    struct leat_ended ended;
    LEAT_SCOPE(scope, .keep = true);

    for (int i = 0; i < 3; i++)
        expect_ok(leat_spawn_opt(&scope, sleep_then, &delays[i], LEAT_TASK_OPTIONS(.name = "d")));
    for (int i = 0; i < 3; i++) {
        assert_ok(leat_scope_next(&scope, &ended));
        expect_eq(ended.result, order[i]);
        expect_eq(*(int *)ended.arg, order[i]);
        expect_eq((void *)ended.fn, (void *)sleep_then);
        expect_str_eq(ended.name, "d");
        expect_ne(ended.id, 0);
    }
    expect_err(leat_scope_next(&scope, &ended), -ENODATA);
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(next, every_result_is_handed_out_once)
{
    enum { N = 2000 };
    static int values[N];
    static unsigned char seen[N];
    struct leat_ended ended;
    int count = 0;
    LEAT_SCOPE(scope, .keep = true);

    memset(seen, 0, sizeof seen);
    for (int i = 0; i < N; i++) {
        values[i] = i;
        expect_ok(leat_spawn(&scope, i % 3 ? give : fail_after_a_turn, &values[i]));
        if (i % 7 == 0) {
            assert_ok(leat_scope_next(&scope, &ended));
            expect_eq(seen[ended.result]++, 0);
            count++;
        }
    }
    while (leat_scope_next(&scope, &ended) == 0) {
        expect_eq(seen[ended.result]++, 0);
        count++;
    }
    expect_eq(count, N);
    expect_ok(leat_scope_join(&scope));
}

/* Spawn, and return when it has ended: when its result is there, or is being put there. */
static void spawn_and_await(struct leat_scope *scope, leat_task_fn *fn, void *arg)
{
    struct leat_task task;

    assert_ok(leat_spawn_handle(scope, &task, fn, arg, NULL));
    expect_ok(leat_task_join(task, NULL));
    leat_task_forget(task);
}

LEAT_TEST_TASK(next, the_first_failure_hides_no_result)
{
    enum { GOOD = 1, BAD = 2, CANCELLED = 4 };
    int good = 7, bad = -EIO, seen = 0;
    struct leat_ended ended;
    LEAT_SCOPE(scope, .keep = true);

    spawn_and_await(&scope, give, &good);
    expect_ok(leat_spawn(&scope, fail_after_a_turn, &bad));
    expect_ok(leat_spawn(&scope, sleep_long, NULL));
    for (int i = 0; i < 3; i++) {
        assert_ok(leat_scope_next(&scope, &ended));
        if (ended.result == -ECANCELED) /* who cancels stands before who is cancelled */
            expect_eq(seen & BAD, BAD);
        seen |= ended.result == 7 ? GOOD : ended.result == -EIO ? BAD : CANCELLED;
    }
    expect_eq(seen, GOOD | BAD | CANCELLED);
    expect_err(leat_scope_next(&scope, &ended), -ENODATA);
    expect_err(leat_scope_join(&scope), -EIO);
}

LEAT_TEST_TASK(next, what_is_left_is_handed_out_after_the_join)
{
    int values[] = { 1, 2, 3 }, sum = 0;
    struct leat_ended ended;
    LEAT_SCOPE(scope, .keep = true);

    for (int i = 0; i < 3; i++)
        expect_ok(leat_spawn(&scope, give, &values[i]));
    expect_ok(leat_scope_join(&scope));
    while (leat_scope_next(&scope, &ended) == 0)
        sum += ended.result;
    expect_eq(sum, 6);
    expect_err(leat_scope_next(&scope, &ended), -ENODATA);
}

LEAT_TEST_TASK(next, results_that_nobody_takes_are_dropped_with_the_scope)
{
    int value = 1;

    for (int i = 0; i < 1000; i++) {
        LEAT_SCOPE(scope, .keep = true);

        for (int k = 0; k < 5; k++)
            expect_ok(leat_spawn(&scope, give, &value));
    }
}

LEAT_TEST_TASK(next, the_scopes_own_deadline_is_a_timeout_and_an_outer_end_a_cancel)
{
    struct leat_ended ended;

    {
        LEAT_SCOPE(scope, .keep = true, .deadline = leat_after(3 * LEAT_MSEC));

        expect_ok(leat_spawn(&scope, sleep_long, NULL));
        /* The child meets the same deadline, so its result may come first. */
        int err = leat_scope_next(&scope, &ended);

        expect(err == -ETIMEDOUT || (err == 0 && ended.result == -ETIMEDOUT));
        expect_err(leat_scope_join(&scope), -ETIMEDOUT);
    }
    {
        LEAT_SCOPE(outer);

        leat_scope_cancel(&outer);
        {
            LEAT_SCOPE(scope, .keep = true);

            /* Pinned, or another worker might have ended it by now, and its result comes first. */
            expect_ok(leat_spawn_opt(&scope, sleep_long, NULL, LEAT_TASK_OPTIONS(.pinned = true)));
            expect_err(leat_scope_next(&scope, &ended), -ECANCELED);
            expect_err(leat_scope_join(&scope), -ECANCELED);
            expect_ok(leat_scope_next(&scope, &ended));
            expect_err(ended.result, -ECANCELED);
        }
    }
}

static int cancel_later(void *arg)
{
    (void)leat_sleep(2 * LEAT_MSEC);
    leat_scope_cancel(arg);
    return 0;
}

LEAT_TEST_TASK(next, a_cancel_from_outside_wakes_who_waits_for_a_result)
{
    struct leat_ended ended;
    LEAT_SCOPE(outer);
    LEAT_SCOPE(beside);

    {
        LEAT_SCOPE(scope, .keep = true);

        expect_ok(leat_spawn(&beside, cancel_later, &outer));
        expect_ok(leat_spawn(&scope, sleep_long, NULL));
        expect_err(leat_scope_next(&scope, &ended), -ECANCELED);
    }
    expect_ok(leat_scope_join(&beside));
}

LEAT_TEST_TASK(next, a_kept_copy_of_an_argument_is_not_handed_out)
{
    struct leat_ended ended;
    int value = 5;
    LEAT_SCOPE(scope, .keep = true);

    expect_ok(leat_spawn_with(&scope, give, &value, sizeof value));
    expect_ok(leat_scope_next(&scope, &ended));
    expect_eq(ended.result, 5);
    expect_null(ended.arg);
    expect_ok(leat_spawn_with(&scope, sleep_long, NULL, 0));
}

LEAT_TEST_TASK(race, the_first_to_finish_wins_and_the_others_are_cancelled)
{
    int delays[] = { 500000, 2, 600000 };
    leat_time start = leat_now();
    LEAT_SCOPE(scope, .race = LEAT_RACE_FINISHED);

    for (int i = 0; i < 3; i++)
        expect_ok(leat_spawn(&scope, sleep_then, &delays[i]));
    expect_ok(leat_spawn(&scope, sleep_long, NULL));
    expect_eq(leat_scope_race(&scope), 2);
    expect_lt(leat_now() - start, LEAT_HOUR);
    expect_eq(leat_scope_join(&scope), 2);
}

LEAT_TEST_TASK(race, the_first_to_finish_may_win_by_failing)
{
    int error = -EIO;
    LEAT_SCOPE(scope, .race = LEAT_RACE_FINISHED);

    expect_ok(leat_spawn(&scope, sleep_long, NULL));
    expect_ok(leat_spawn(&scope, fail_after_a_turn, &error));
    expect_err(leat_scope_race(&scope), -EIO);
}

LEAT_TEST_TASK(race, the_first_success_wins_over_earlier_failures)
{
    int error = -EIO, delay = 3;
    LEAT_SCOPE(scope, .race = LEAT_RACE_SUCCESS);

    expect_ok(leat_spawn(&scope, fail_after_a_turn, &error));
    expect_ok(leat_spawn(&scope, sleep_then, &delay));
    expect_ok(leat_spawn(&scope, sleep_long, NULL));
    expect_eq(leat_scope_race(&scope), 3);
}

LEAT_TEST_TASK(race, where_all_fail_the_first_error_is_returned)
{
    int first = -EIO, second = -ENOENT;
    LEAT_SCOPE(scope, .race = LEAT_RACE_SUCCESS);

    spawn_and_await(&scope, give, &first);
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_spawn(&scope, give, &second));
    expect_err(leat_scope_race(&scope), -EIO);
}

LEAT_TEST_TASK(race, without_children_nobody_wins)
{
    LEAT_SCOPE(scope, .race = LEAT_RACE_SUCCESS);

    expect_ok(leat_scope_race(&scope));
}

LEAT_TEST_TASK(race, a_kept_race_shows_every_result)
{
    int delay = 1, results[2];
    struct leat_ended ended;
    LEAT_SCOPE(scope, .race = LEAT_RACE_SUCCESS, .keep = true);

    expect_ok(leat_spawn(&scope, sleep_long, NULL));
    expect_ok(leat_spawn(&scope, sleep_then, &delay));
    expect_eq(leat_scope_race(&scope), 1);
    for (int i = 0; i < 2; i++) {
        assert_ok(leat_scope_next(&scope, &ended));
        results[i] = ended.result;
    }
    expect_eq(results[0], 1);
    expect_err(results[1], -ECANCELED);
}

LEAT_TEST_TASK(race, the_winner_stands_before_those_it_ended)
{
    struct leat_ended ended;

    for (size_t i = test_rounds(300, 3000); i > 0; i--) {
        int value = 1;
        LEAT_SCOPE(scope, .race = LEAT_RACE_FINISHED, .keep = true);

        for (int k = 0; k < 3; k++)
            expect_ok(leat_spawn(&scope, sleep_long, NULL));
        expect_ok(leat_spawn(&scope, give, &value));
        assert_ok(leat_scope_next(&scope, &ended));
        expect_eq(ended.result, 1);
        expect_eq(leat_scope_race(&scope), 1);
    }
}

static void next_without_keep(void)
{
    struct leat_ended ended;
    LEAT_SCOPE(scope);

    expect_ok(leat_scope_next(&scope, &ended));
}

LEAT_TEST(next, a_scope_that_keeps_nothing_is_a_checked_bug)
{
    expect_dies(next_without_keep, 6, ".keep = true");
}
