/* SPDX-License-Identifier: MIT */
/* Time at the ends of its range (RELIABILITY R17): sums and differences saturate and never wrap, no
 * timer and no sleep is early, a deadline too far away to be told does not come, one long past has
 * passed. The wheel runs under a clock of the test's own, which jumps by centuries. */
#include "harness/test.h"
#include "base/clamp.h"
#include "base/random.h"
#include "timer/wheel.h"

#include <leat/leat.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CENTURY (100 * INT64_C(365) * 24 * LEAT_HOUR)

/* A time near an end of the range, near 0, near a power of two, or anywhere. */
static leat_time draw(struct leat__random *random)
{
    leat_time near = (leat_time)leat__random_below(random, 1u << 16) - (1 << 15);

    switch (leat__random_below(random, 5)) {
    case 0:
        return LEAT_NEVER - leat__random_below(random, 1u << 16);
    case 1:
        return INT64_MIN + leat__random_below(random, 1u << 16);
    case 2:
        return near;
    case 3:
        return (leat_time)(UINT64_C(1) << leat__random_below(random, 63)) + near;
    default:
        return (leat_time)leat__random_next(random);
    }
}

static leat_time clamp(__int128 exact)
{
    return exact > LEAT_NEVER ? LEAT_NEVER : exact < INT64_MIN ? INT64_MIN : (leat_time)exact;
}

static void report(const char *what, size_t properties, leat_time began)
{
    printf("R17 %s properties=%zu fail=%d seconds=%.1f\n", what, properties, test_failed(),
           (double)(leat_now() - began) / (double)LEAT_SEC);
}

LEAT_TEST(R17, sums_and_differences_saturate_and_never_wrap)
{
    size_t rounds = test_rounds(50000, 200000);
    leat_time began = leat_now();
    struct leat__random random;

    leat__random_init(&random, test_seed());
    for (size_t i = 0; i < rounds; i++) {
        leat_time a = draw(&random), b = draw(&random);
        bool never = a == LEAT_NEVER || b == LEAT_NEVER;

        assert_eq(leat__time_add(a, b), never ? LEAT_NEVER : clamp((__int128)a + b));
        assert_eq(leat__time_sub(a, b),
                  a == LEAT_NEVER ? LEAT_NEVER : clamp((__int128)a - b));
        assert_eq(leat__time_mul(a, b), clamp((__int128)a * b));
        assert_eq(leat__time_min(a, b), a < b ? a : b);
        assert_eq(leat__time_max(a, b), a < b ? b : a);
    }
    report("arithmetic", 5 * rounds, began);
}

LEAT_TEST(R17, a_deadline_lies_in_the_future_or_never_comes)
{
    size_t rounds = test_rounds(50000, 200000);
    leat_time began = leat_now();
    struct leat__random random;

    leat__random_init(&random, test_seed());
    for (size_t i = 0; i < rounds; i++) {
        leat_time delay = draw(&random);
        leat_time before = leat_now(), when = leat_after(delay), after = leat_now();

        assert_ge(when, leat__time_add(before, delay));
        assert_le(when, leat__time_max(1, leat__time_add(after, delay))); /* clamp.h, I3 */
        assert_ge(when, 1);
        if (delay >= 0)
            assert_ge(when, before); /* it did not wrap into the past */
    }
    report("deadlines", rounds, began);
}

/* ---- the wheel, under a clock that jumps ---- */

struct shot {
    struct leat__timer timer;
    leat_time          when, fired;
    unsigned           times;
};

static leat_time clock_now;

static void note(void *arg, uint64_t value)
{
    struct shot *shot = arg;

    (void)value;
    shot->fired = clock_now;
    shot->times++;
}

#define SHOTS 64

static void jump_through(struct leat__random *random)
{
    struct leat__wheel *wheel = malloc(sizeof *wheel);
    struct shot shots[SHOTS] = { 0 };
    leat_time start;

    assert_not_null(wheel);
    clock_now = start = draw(random);
    leat__wheel_init(wheel, clock_now, note);
    for (int i = 0; i < SHOTS; i++) {
        shots[i].timer.arg = &shots[i];
        shots[i].when = draw(random);
        leat__timer_arm(wheel, &shots[i].timer, shots[i].when);
    }
    for (int i = 0; i < 20; i++) {
        leat_time due;
        leat_time step = leat__random_below(random, 1u << 30);

        clock_now = leat__time_add(clock_now, i & 1 ? CENTURY : step);
        due = leat__wheel_fire(wheel, clock_now);
        assert_gt(due, clock_now == LEAT_NEVER ? 0 : clock_now); /* or a worker would spin */
    }
    for (int i = 0; i < SHOTS; i++) {
        /* What was armed late fires at the next tick; the wheel knows no time before 0. */
        leat_time from = leat__time_max(leat__time_max(shots[i].when, start), 0);
        leat_time latest = leat__time_add(from, 2 * LEAT__TICK_NS);

        expect_le(shots[i].times, 1);
        if (shots[i].times)
            expect_ge(shots[i].fired, shots[i].when); /* never early */
        else if (latest != LEAT_NEVER)
            expect_gt(latest, clock_now); /* never lost */
        leat__timer_disarm(&shots[i].timer, wheel);
    }
    free(wheel);
}

LEAT_TEST(R17, timers_are_never_early_under_a_clock_that_jumps_by_centuries)
{
    size_t rounds = test_rounds(2000, 10000);
    leat_time began = leat_now();
    struct leat__random random;

    leat__random_init(&random, test_seed());
    for (size_t i = 0; i < rounds && !test_failed(); i++)
        jump_through(&random);
    report("timers", rounds * (SHOTS + 20), began);
}

/* ---- the real calls ---- */

static int sleep_for_ever(void *arg)
{
    (void)arg;
    return leat_sleep(LEAT_NEVER);
}

static int sleep_until_never(void *arg)
{
    (void)arg;
    return leat_sleep_until(LEAT_NEVER);
}

static int sleep_for_centuries(void *arg)
{
    (void)arg;
    return leat_sleep(2 * CENTURY);
}

LEAT_TEST_TASK(R17, sleeps_at_the_ends_of_time_return_at_once_or_never)
{
    static const leat_time past[] = { 0, -1, INT64_MIN, INT64_MIN + 1, -CENTURY };
    static leat_task_fn *const endless[] = { sleep_for_ever, sleep_until_never,
                                             sleep_for_centuries };
    leat_time begin = leat_now();

    for (size_t i = 0; i < sizeof past / sizeof past[0]; i++) {
        expect_ok(leat_sleep(past[i]));
        expect_ok(leat_sleep_until(past[i]));
    }
    expect_lt(leat_now() - begin, 5 * LEAT_SEC);
    for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
        LEAT_SCOPE(scope);

        leat_spawn(&scope, endless[i], NULL);
        expect_ok(leat_sleep(2 * LEAT_MSEC));
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED); /* it was still asleep */
    }
}

LEAT_TEST_TASK(R17, limits_at_the_ends_of_time_have_passed_or_never_come)
{
    {
        LEAT_LIMIT(LEAT_NEVER);
        expect_ok(leat_sleep(LEAT_MSEC));
        expect_ok(leat_cancelled());
    }
    {
        LEAT_SCOPE(scope, .deadline = LEAT_NEVER);
        expect_ok(leat_sleep(LEAT_USEC));
        expect_ok(leat_scope_join(&scope));
    }
    {
        LEAT_SCOPE(scope, .deadline = 1); /* the first nanosecond after the boot */
        expect_err(leat_sleep(LEAT_USEC), -ETIMEDOUT);
        expect_ok(leat_scope_join(&scope));
    }
    {
        LEAT_SCOPE(scope, .deadline = INT64_MIN);
        expect_err(leat_scope_join(&scope), -EINVAL);
    }
}

LEAT_TEST_TASK(R17, no_sleep_is_shorter_than_asked_for)
{
    struct leat__random random;
    leat_time began = leat_now();
    size_t rounds = test_rounds(300, 3000);

    leat__random_init(&random, test_seed());
    for (size_t i = 0; i < rounds; i++) {
        leat_time delay = leat__random_below(&random, 300000), begin = leat_now();

        expect_ok(leat_sleep(delay));
        assert_ge(leat_now() - begin, delay);
    }
    report("sleeps", rounds, began);
}
