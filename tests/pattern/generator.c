/* SPDX-License-Identifier: MIT */
/* A generator hands out values one at a time, in the name of whoever asks, and ends when asked. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>

struct range {
    int begin, end; /* in */
    int error;      /* in: returned at the end */
    int calls, given, refused, last; /* out */
};

static int count(struct leat_gen *gen, void *arg)
{
    struct range *range = arg;

    range->calls++;
    for (int i = range->begin; i < range->end; i++) {
        range->last = leat_yield_value(gen, &i);
        if (range->last)
            range->refused++;
        if (range->last)
            return range->last;
        range->given++;
    }
    return range->error;
}

static int add_all(struct range *range, long *sum)
{
    int value, err;
    LEAT_GEN(numbers, int, count, range);

    *sum = 0;
    while ((err = leat_next(&numbers, &value)) == 0)
        *sum += value;
    expect_err(leat_next(&numbers, &value), err); /* again: the same */
    return err;
}

static void steps_through(void)
{
    struct range range = { .end = 1000 };
    long sum;

    expect_err(add_all(&range, &sum), -ENODATA);
    expect_eq(sum, 499500);
    expect_eq(range.given, 1000);
    expect_eq(range.calls, 1);
}

LEAT_TEST_TASK(generator, gives_each_value_once_and_in_order)
{
    steps_through();
}

LEAT_TEST_TASK(generator, of_nothing_ends_at_the_first_step)
{
    struct range range = { 0 };
    long sum;

    expect_err(add_all(&range, &sum), -ENODATA);
    expect_eq(range.calls, 1);
}

LEAT_TEST_TASK(generator, that_fails_gives_its_error_behind_its_values)
{
    struct range range = { .end = 3, .error = -EIO };
    long sum;

    expect_err(add_all(&range, &sum), -EIO);
    expect_eq(sum, 3);
}

LEAT_TEST_TASK(generator, runs_only_as_far_as_it_is_asked)
{
    struct range range = { .end = 10 };
    int value;
    LEAT_GEN(numbers, int, count, &range);

    expect_eq(range.calls, 0);
    expect_ok(leat_next(&numbers, &value));
    expect_eq(range.given, 0); /* it stands in its first yield */
    expect_ok(leat_next(&numbers, &value));
    expect_eq(value, 1);
    expect_eq(range.given, 1);
}

LEAT_TEST_TASK(generator, closed_early_is_refused_its_yield_and_runs_to_its_end)
{
    for (int steps = 0; steps < 5; steps++) {
        struct range range = { .end = 10 };
        int value;
        LEAT_GEN(numbers, int, count, &range);

        for (int i = 0; i < steps; i++)
            expect_ok(leat_next(&numbers, &value));
        expect_ok(leat_gen_close(&numbers));
        expect_eq(range.calls, 1);
        expect_eq(range.refused, 1);
        expect_eq(range.given, steps > 0 ? steps - 1 : 0);
        expect_err(leat_next(&numbers, &value), -ENODATA);
        expect_ok(leat_gen_close(&numbers));
        expect_ok(leat_cancelled());
    }
}

static void note(void *arg)
{
    ++*(int *)arg;
}

struct cleanup {
    int ran, slept, under_shield;
};

static int clean_up(struct leat_gen *gen, void *arg)
{
    struct cleanup *cleanup = arg;
    int one = 1;
    LEAT_DEFER(note, &cleanup->ran);

    if (leat_yield_value(gen, &one)) {
        cleanup->slept = leat_sleep(LEAT_HOUR);
        LEAT_SHIELD (LEAT_SEC) {
            cleanup->under_shield = leat_sleep(LEAT_USEC);
        }
        return -ENOTEMPTY;
    }
    return 0;
}

LEAT_TEST_TASK(generator, closed_by_a_return_cleans_up_with_its_calls_cancelled)
{
    struct cleanup cleanup = { 0, 1, 1 };

    {
        int value;
        LEAT_GEN(ones, int, clean_up, &cleanup);
        expect_ok(leat_next(&ones, &value));
    }
    expect_eq(cleanup.ran, 1);
    expect_err(cleanup.slept, -ECANCELED);
    expect_ok(cleanup.under_shield);
}

LEAT_TEST_TASK(generator, closed_under_a_shield_has_its_calls_cancelled_all_the_same)
{
    struct cleanup cleanup = { 0, 1, 1 };
    int value;
    LEAT_GEN(ones, int, clean_up, &cleanup);

    expect_ok(leat_next(&ones, &value));
    LEAT_SHIELD (LEAT_NEVER) {
        expect_err(leat_gen_close(&ones), -ENOTEMPTY);
    }
    expect_err(cleanup.slept, -ECANCELED);
}

static int slow(struct leat_gen *gen, void *arg)
{
    int err = 0;

    for (int i = 0; err == 0; i++) {
        *(int *)arg = err = leat_sleep(i % 2 ? LEAT_HOUR : LEAT_USEC);
        if (!err)
            err = leat_yield_value(gen, &i);
    }
    return err;
}

LEAT_TEST_TASK(generator, is_bounded_by_the_scopes_of_who_asks)
{
    int value, result = 0;
    LEAT_GEN(numbers, int, slow, &result);

    expect_ok(leat_next(&numbers, &value));
    {
        LEAT_LIMIT((TEST_EMULATED ? 100 : 2) * LEAT_MSEC); /* the step begins before that */
        expect_err(leat_next(&numbers, &value), -ETIMEDOUT);
    }
    expect_err(result, -ETIMEDOUT); /* the generator's sleep met it */
    expect_err(leat_next(&numbers, &value), -ETIMEDOUT);
    expect_ok(leat_cancelled());
}

LEAT_TEST_TASK(generator, is_left_where_it_is_by_a_step_that_comes_too_late)
{
    struct range range = { .end = 10 };
    int value;
    LEAT_GEN(numbers, int, count, &range);

    expect_ok(leat_next(&numbers, &value));
    {
        LEAT_SCOPE(scope);
        leat_scope_cancel(&scope);
        expect_err(leat_next(&numbers, &value), -ECANCELED);
        (void)leat_scope_join(&scope);
    }
    expect_ok(leat_next(&numbers, &value));
    expect_eq(value, 1);
}

static int step_slow(void *arg)
{
    int value, err;
    LEAT_GEN(numbers, int, slow, arg);

    while ((err = leat_next(&numbers, &value)) == 0)
        ;
    return err;
}

LEAT_TEST_TASK(generator, is_cancelled_with_its_task_at_any_moment)
{
    for (int moment = 0; moment < 20; moment++) {
        int result = 0;
        LEAT_SCOPE(scope);

        leat_spawn(&scope, step_slow, &result);
        (void)leat_sleep(moment * 20 * LEAT_USEC);
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
    }
}

static int child(void *arg)
{
    int err = leat_sleep(10 * LEAT_USEC);

    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
    return err;
}

/* Its scope is joined before the yield. */
static int with_children(struct leat_gen *gen, void *arg)
{
    int done = 0, err = 0;

    (void)arg;
    while (err == 0) {
        {
            LEAT_SCOPE(scope);
            for (int i = 0; i < 3; i++)
                leat_spawn(&scope, child, &done);
            err = leat_scope_join(&scope);
        }
        if (!err)
            err = leat_yield_value(gen, &done);
    }
    return err;
}

LEAT_TEST_TASK(generator, may_run_tasks_between_its_yields)
{
    int value;
    LEAT_GEN(numbers, int, with_children, NULL);

    for (int i = 1; i <= 20; i++) {
        expect_ok(leat_next(&numbers, &value));
        expect_eq(value, 3 * i);
    }
}

static int double_them(struct leat_gen *gen, void *arg)
{
    struct leat_gen *source = arg;
    int value, err;

    while ((err = leat_next(source, &value)) == 0)
        if ((err = leat_yield_value(gen, &(int){ value * 2 })) != 0)
            return err;
    return err == -ENODATA ? 0 : err;
}

LEAT_TEST_TASK(generator, may_step_another)
{
    struct range range = { .end = 5 };
    int value, sum = 0, err;
    LEAT_GEN(numbers, int, count, &range);
    LEAT_GEN(doubled, int, double_them, &numbers);

    while ((err = leat_next(&doubled, &value)) == 0)
        sum += value;
    expect_err(err, -ENODATA);
    expect_eq(sum, 20);
}

static int step_elsewhere(void *arg)
{
    int value, err = leat_next((struct leat_gen *)arg, &value);

    leat_yield();
    return err ? err : value;
}

LEAT_TEST_TASK(generator, may_be_stepped_by_other_tasks_one_after_another)
{
    struct range range = { .end = 100 };
    LEAT_GEN(numbers, int, count, &range);

    for (int i = 0; i < 50; i++) {
        LEAT_SCOPE(scope, .race = LEAT_RACE_FINISHED);
        leat_spawn(&scope, step_elsewhere, &numbers);
        expect_eq(leat_scope_race(&scope), i);
    }
}

LEAT_TEST_TASK(generator, many_are_open_at_once)
{
    enum { MANY = 500 };
    static struct leat_gen gens[MANY];
    static struct range ranges[MANY];
    int value;

    memset(ranges, 0, sizeof ranges);
    for (int i = 0; i < MANY; i++) {
        ranges[i] = (struct range){ .begin = i, .end = i + 3 };
        expect_ok(leat_gen_open(&gens[i], count, &ranges[i], sizeof value));
    }
    for (int step = 0; step < 2; step++)
        for (int i = 0; i < MANY; i++) {
            expect_ok(leat_next(&gens[i], &value));
            expect_eq(value, i + step);
        }
    for (int i = 0; i < MANY; i++)
        expect_ok(leat_gen_close(&gens[i]));
}

LEAT_TEST_TASK(generator, bad_options_are_remembered)
{
    struct leat_gen gen;
    int value;

    expect_err(leat_gen_open(&gen, count, NULL, 0), -EINVAL);
    expect_err(leat_next(&gen, &value), -EINVAL);
    expect_err(leat_gen_close(&gen), -EINVAL);
}

/* ---- bugs of the caller ---- */

static int yield_in_a_scope(struct leat_gen *gen, void *arg)
{
    int one = 1;
    LEAT_SCOPE(scope);

    (void)arg;
    return leat_yield_value(gen, &one);
}

static int step_into_a_scope(void *arg)
{
    int value;
    LEAT_GEN(gen, int, yield_in_a_scope, arg);

    return leat_next(&gen, &value);
}

static void run_into_a_scope(void)
{
    (void)!leat_run(step_into_a_scope, NULL, NULL);
}

LEAT_TEST(generator, that_yields_inside_its_scope_is_stopped_with_a_sentence)
{
    expect_dies(run_into_a_scope, SIGABRT, "a generator yielded inside a scope");
}

static int yield_from_outside(void *arg)
{
    struct range range = { .end = 9 };
    int value = 0;
    LEAT_GEN(gen, int, count, &range);

    (void)arg;
    expect_ok(leat_next(&gen, &value));
    return leat_yield_value(&gen, &value);
}

static void run_yield_from_outside(void)
{
    (void)!leat_run(yield_from_outside, NULL, NULL);
}

LEAT_TEST(generator, that_is_not_running_may_not_be_yielded_from)
{
    expect_dies(run_yield_from_outside, SIGABRT, "only a generator's own function may yield");
}

static int take_wrong_size(void *arg)
{
    struct range range = { .end = 9 };
    long value;
    LEAT_GEN(gen, int, count, &range);

    (void)arg;
    return leat_next(&gen, &value);
}

static void run_take_wrong_size(void)
{
    (void)!leat_run(take_wrong_size, NULL, NULL);
}

LEAT_TEST(generator, values_of_another_size_are_refused)
{
    expect_dies(run_take_wrong_size, SIGABRT, "values have the size given at its start");
}

/* ---- plain threads ---- */

static void *step_on_thread(void *arg)
{
    int result = 0, value;

    (void)arg;
    steps_through();
    {
        LEAT_GEN(numbers, int, slow, &result);
        expect_ok(leat_next(&numbers, &value));
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_next(&numbers, &value), -ETIMEDOUT);
    }
    {
        LEAT_GEN(numbers, int, slow, &result);
        expect_ok(leat_next(&numbers, &value));
    }
    expect_err(result, 0); /* refused at its yield */
    return NULL;
}

LEAT_TEST(generator, works_on_a_plain_thread)
{
    pthread_t thread;

    step_on_thread(NULL);
    assert_ok(pthread_create(&thread, NULL, step_on_thread, NULL));
    pthread_join(thread, NULL);
}
