/* SPDX-License-Identifier: MIT */
/* The timer wheel by itself, under a clock of the test's own, against a sorted list. */
#include "timer/wheel.h"
#include "base/random.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

struct shot {
    struct leat__timer timer;
    leat_time          when;
    leat_time          fired; /* the clock when it did, 0 before */
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

static void arm(struct leat__wheel *wheel, struct shot *shot, leat_time when)
{
    shot->timer.arg = shot;
    shot->when = when;
    leat__timer_arm(wheel, &shot->timer, when);
}

/* Looks until there is nothing more to do at that time. */
static leat_time advance(struct leat__wheel *wheel, leat_time to)
{
    leat_time due;

    clock_now = to;
    do {
        due = leat__wheel_fire(wheel, to);
    } while (due <= to);
    return due;
}

LEAT_TEST(wheel, an_empty_wheel_is_never_due)
{
    struct leat__wheel wheel;

    leat__wheel_init(&wheel, 12345, note);
    expect_eq(leat__wheel_fire(&wheel, 99999999), LEAT_NEVER);
}

LEAT_TEST(wheel, timers_fire_once_never_early_and_at_most_a_tick_late)
{
    enum { COUNT = 20000 };
    struct shot *shots = calloc(COUNT, sizeof *shots);
    struct leat__wheel wheel;
    struct leat__random random;
    leat_time start = 5 * LEAT_SEC, due;
    unsigned fired = 0;

    leat__random_init(&random, test_seed());
    leat__wheel_init(&wheel, start, note);
    clock_now = start;
    for (int i = 0; i < COUNT; i++) { /* from nanoseconds to weeks, in every level */
        unsigned bits = 1 + leat__random_below(&random, 50);

        arm(&wheel, &shots[i],
            start + (leat_time)(leat__random_next(&random) & ((UINT64_C(1) << bits) - 1)));
    }
    due = advance(&wheel, start);
    while (due != LEAT_NEVER) {
        assert_gt(due, clock_now); /* or a worker would spin */
        due = advance(&wheel, due);
    }
    for (int i = 0; i < COUNT; i++) {
        fired += shots[i].times;
        expect_ge(shots[i].fired, shots[i].when);
        expect_le(shots[i].fired, shots[i].when + 2 * LEAT__TICK_NS);
    }
    expect_eq(fired, COUNT);
    free(shots);
}

LEAT_TEST(wheel, a_disarmed_timer_does_not_fire_and_can_be_armed_again)
{
    enum { COUNT = 4000 };
    struct shot *shots = calloc(COUNT, sizeof *shots);
    struct leat__wheel wheel;
    struct leat__random random;
    leat_time due;

    leat__random_init(&random, test_seed());
    leat__wheel_init(&wheel, 0, note);
    for (int i = 0; i < COUNT; i++)
        arm(&wheel, &shots[i], 1 + leat__random_below(&random, 1u << 31));
    for (int i = 0; i < COUNT; i += 2)
        leat__timer_disarm(&shots[i].timer, &wheel);
    for (int i = 0; i < COUNT; i += 4) {
        leat__timer_disarm(&shots[i].timer, &wheel); /* twice is fine */
        arm(&wheel, &shots[i], 1 + leat__random_below(&random, 1u << 31));
    }
    for (due = advance(&wheel, 0); due != LEAT_NEVER;)
        due = advance(&wheel, due);
    for (int i = 0; i < COUNT; i++)
        expect_eq(shots[i].times, i % 4 == 2 ? 0u : 1u);
    free(shots);
}

LEAT_TEST(wheel, a_large_step_of_the_clock_fires_all_that_is_due)
{
    struct shot shots[64];
    struct leat__wheel wheel;

    memset(shots, 0, sizeof shots);
    leat__wheel_init(&wheel, 0, note);
    for (int i = 0; i < 63; i++)
        arm(&wheel, &shots[i], (leat_time)1 << i);
    expect_ge(advance(&wheel, 100LL * 365 * 24 * LEAT_HOUR), clock_now);
    for (int i = 0; i < 63; i++)
        expect_eq(shots[i].times, ((leat_time)1 << i) <= clock_now ? 1u : 0u);
    for (int i = 0; i < 63; i++)
        leat__timer_disarm(&shots[i].timer, &wheel);
}

LEAT_TEST(wheel, a_deadline_in_the_past_or_at_the_ends_of_time_is_taken)
{
    struct shot past, zero, negative, far;
    struct leat__wheel wheel;

    memset(&past, 0, sizeof past);
    zero = negative = far = past;
    leat__wheel_init(&wheel, LEAT_SEC, note);
    arm(&wheel, &past, 1);
    arm(&wheel, &zero, 0);
    arm(&wheel, &negative, INT64_MIN);
    arm(&wheel, &far, LEAT_NEVER - 1);
    (void)advance(&wheel, LEAT_SEC + 2 * LEAT__TICK_NS);
    expect_eq(past.times + zero.times + negative.times, 3u);
    expect_eq(far.times, 0u);
    leat__timer_disarm(&far.timer, &wheel);
    expect_eq(advance(&wheel, LEAT_HOUR), LEAT_NEVER);
}

LEAT_TEST(wheel, one_look_fires_a_limited_number_and_says_that_there_is_more)
{
    enum { COUNT = 1000 };
    struct shot *shots = calloc(COUNT, sizeof *shots);
    struct leat__wheel wheel;
    unsigned fired, before = 0, looks = 0;

    leat__wheel_init(&wheel, 0, note);
    for (int i = 0; i < COUNT; i++)
        arm(&wheel, &shots[i], LEAT_MSEC);
    do {
        (void)leat__wheel_fire(&wheel, LEAT_SEC);
        fired = 0;
        for (int i = 0; i < COUNT; i++)
            fired += shots[i].times;
        expect_le(fired - before, (unsigned)LEAT__WHEEL_FIRES);
        before = fired;
        looks++;
    } while (fired < COUNT && looks < COUNT);
    expect_eq(fired, COUNT);
    expect_eq(leat__wheel_fire(&wheel, LEAT_SEC), LEAT_NEVER);
    free(shots);
}

LEAT_TEST(wheel, many_timers_of_one_instant_are_moved_before_it_comes)
{
    enum { COUNT = 10000 };
    struct shot *shots = calloc(COUNT, sizeof *shots);
    struct leat__wheel wheel;
    leat_time due, when = 20 * LEAT_SEC + 12345;
    unsigned looks = 0, fired = 0;

    leat__wheel_init(&wheel, 0, note);
    for (int i = 0; i < COUNT; i++)
        arm(&wheel, &shots[i], when);
    for (due = 0; due < when; due = leat__wheel_fire(&wheel, due))
        clock_now = due;
    for (clock_now = due; fired < COUNT && looks < COUNT; looks++) {
        (void)leat__wheel_fire(&wheel, due);
        fired = 0;
        for (int i = 0; i < COUNT; i++)
            fired += shots[i].times;
    }
    expect_eq(fired, COUNT);
    expect_le(looks, (unsigned)COUNT / LEAT__WHEEL_FIRES + 1); /* nothing but firing was left */
    free(shots);
}

LEAT_TEST(wheel, timers_armed_and_disarmed_while_the_clock_runs_are_never_early)
{
    enum { COUNT = 500, STEPS = 40000 / TEST_SLOWDOWN };
    struct shot *shots = calloc(COUNT, sizeof *shots);
    struct leat__wheel wheel;
    struct leat__random random;
    leat_time now = LEAT_SEC;

    leat__random_init(&random, test_seed());
    leat__wheel_init(&wheel, now, note);
    for (int step = 0; step < STEPS; step++) {
        struct shot *shot = &shots[leat__random_below(&random, COUNT)];
        bool was_armed = load_relaxed(&shot->timer.wheel) != NULL;

        leat__timer_disarm(&shot->timer, &wheel);
        if (was_armed)
            expect_gt(shot->when + 2 * LEAT__TICK_NS, now); /* or it is late */
        else if (shot->times > 0)
            expect_ge(shot->fired, shot->when);
        shot->times = 0;
        arm(&wheel, shot, now + 1 + leat__random_below(&random, 1u << (1 + step % 31)));
        if (step % 3 == 0) {
            now += leat__random_below(&random, 1u << (10 + step % 17));
            (void)advance(&wheel, now);
        }
    }
    for (int i = 0; i < COUNT; i++)
        leat__timer_disarm(&shots[i].timer, &wheel);
    expect_eq(wheel.armed, wheel.ended);
    expect_eq(advance(&wheel, now + LEAT_HOUR), LEAT_NEVER);
    free(shots);
}

LEAT_TEST(wheel, the_next_due_time_of_few_timers_is_exact_to_a_tick)
{
    struct shot shot;
    struct leat__wheel wheel;
    leat_time due;

    memset(&shot, 0, sizeof shot);
    leat__wheel_init(&wheel, 0, note);
    arm(&wheel, &shot, 10 * LEAT_SEC);
    due = advance(&wheel, 0);
    expect_ge(due, 10 * LEAT_SEC); /* one wake-up for a long sleep, not one per level */
    expect_le(due, 10 * LEAT_SEC + LEAT__TICK_NS);
    leat__timer_disarm(&shot.timer, &wheel);
}

LEAT_TEST(wheel, a_slot_that_disarms_have_emptied_wakes_nobody)
{
    enum { COUNT = 40 };
    struct shot *shots = calloc(COUNT, sizeof *shots);
    struct leat__wheel wheel;
    struct shot last;
    leat_time due;

    memset(&last, 0, sizeof last);
    leat__wheel_init(&wheel, 0, note);
    for (int i = 0; i < COUNT; i++) /* in all levels that a day reaches */
        arm(&wheel, &shots[i], (leat_time)1 << (17 + i * 28 / COUNT));
    arm(&wheel, &last, (leat_time)1 << 46);
    for (int i = 0; i < COUNT; i++)
        leat__timer_disarm(&shots[i].timer, &wheel);
    due = advance(&wheel, 0);
    expect_ge(due, (leat_time)1 << 46);
    expect_eq(advance(&wheel, due), LEAT_NEVER);
    expect_eq(last.times, 1u);
    for (int i = 0; i < COUNT; i++)
        expect_eq(shots[i].times, 0u);
    free(shots);
}

LEAT_TEST(wheel, a_wheel_shared_by_a_lock_arms_disarms_and_fires_too)
{
    enum { COUNT = 200 };
    struct shot *shots = calloc(COUNT, sizeof *shots);
    struct leat__wheel wheel;
    leat_time due;

    leat__wheel_init(&wheel, 0, note);
    leat__wheel_share(&wheel);
    for (int i = 0; i < COUNT; i++)
        arm(&wheel, &shots[i], (i + 1) * LEAT_MSEC);
    for (int i = 0; i < COUNT; i += 2) /* every other one as another worker would */
        leat__timer_disarm(&shots[i].timer, i % 4 == 0 ? &wheel : NULL);
    expect_eq(leat__wheel_armed(&wheel), (uint64_t)COUNT / 2);
    leat__wheel_relieve(&wheel, 2 * LEAT_MSEC + LEAT__TICK_NS);
    expect_eq(shots[1].times, 1u);
    for (due = advance(&wheel, 0); due != LEAT_NEVER;)
        due = advance(&wheel, due);
    for (int i = 0; i < COUNT; i++)
        expect_eq(shots[i].times, i % 2 == 0 ? 0u : 1u);
    expect_eq(leat__wheel_armed(&wheel), 0u);
    free(shots);
}
