/* SPDX-License-Identifier: MIT */
/* Timers of a worker that computes are fired by another, which relieves it: each once and in time,
 * whoever gives them up meanwhile, and whatever its own worker does with its wheel. */
#include "sim/scenarios/scenario.h"

static uint32_t ended;
static leat_time due, until;

/* ---- another one fires them ---- */

static int sleeps_and_computes(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 3; i++) {
        leat_time when = leat_after((leat_time)leat_sim_choose(20) * LEAT_MSEC);

        leat_sim_expect(leat_sleep_until(when) == 0);
        leat_sim_expect(leat_now() >= when);
        leat_sim_compute((leat_time)leat_sim_choose(8) * LEAT_MSEC);
    }
    ended++;
    return 0;
}

SCENARIO(timers_behind_hogs)
{
    uint32_t count = 1 + leat_sim_size() / 4;

    ended = 0;
    LEAT_SCOPE(scope);
    spawn_many(&scope, count, sleeps_and_computes, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == count);
}

/* ---- and while they are, those who wait with them are called elsewhere ---- */

/* A timer that is counted off twice, as it fires and as it is given up, leaves the last of those
 * who sleep for longer in a wheel that seems to be empty. */
#define AWAITED   32
#define LATERS    3
#define BESIDE_NS (20 * LEAT_MSEC)

static struct leat_event calls[AWAITED];
static uint32_t called;

static int waits_for_its_call(void *arg)
{
    LEAT_SCOPE(limit, .deadline = due);
    int err = leat_event_wait(arg);

    leat_sim_expect(err == 0 || (err == -ETIMEDOUT && leat_now() >= due));
    ended++;
    return 0;
}

static int sleeps_for_longer(void *arg)
{
    leat_sim_expect(leat_sleep_until(due + (leat_time)(uintptr_t)arg * BESIDE_NS) == 0);
    ended++;
    return 0;
}

/* On a worker of its own: one of them relieves the one that computes meanwhile, where it does. */
static int calls_them(void *arg)
{
    leat_time start = due + (leat_time)leat_sim_choose(1000) * LEAT_USEC;

    (void)arg;
    leat_sim_compute(3 * LEAT_MSEC);
    while (leat_now() < start) {
        leat_sim_compute(100 * LEAT_USEC);
        leat_yield();
    }
    while (called < AWAITED) {
        leat_event_set(&calls[called++]);
        leat_sim_compute((leat_time)leat_sim_choose(3) * 20 * LEAT_USEC);
        leat_yield();
    }
    ended++;
    return 0;
}

SCENARIO_OF(timers_given_up_beside_a_relief, .seeds = 200, .with = "watch=0,barrier=1")
{
    struct leat_stats stats;
    uint32_t callers;
    LEAT_SCOPE(scope);

    leat_sim_expect(leat_stats_read(&stats) == 0);
    callers = stats.workers - 1;
    ended = called = 0;
    memset(calls, 0, sizeof calls);
    due = leat_now() + BESIDE_NS / 2;
    spawn_many(&scope, callers, calls_them, NULL);
    leat_sim_compute(LEAT_MSEC); /* until each has a worker */
    for (uint32_t i = 0; i < AWAITED; i++)
        leat_sim_expect(leat_spawn(&scope, waits_for_its_call, &calls[i]) == 0);
    for (uintptr_t i = 1; i <= LATERS; i++)
        leat_sim_expect(leat_spawn(&scope, sleeps_for_longer, (void *)i) == 0);
    leat_yield();
    leat_sim_expect(leat_sleep(LEAT_MSEC) == 0); /* they have begun to wait */
    if (leat_sim_choose(2)) {
        leat_sim_compute(BESIDE_NS - 2 * LEAT_MSEC);
    } else { /* or it comes round just then, and fires them itself */
        leat_sim_expect(leat_sleep_until(due - LEAT_MSEC) == 0);
        leat_sim_compute(LEAT_MSEC + (leat_time)leat_sim_choose(1000) * LEAT_USEC);
    }
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == callers + AWAITED + LATERS);
}

/* ---- and the one that computes sets a timer while it is relieved ---- */

#define STAND_NS (7 * LEAT_MSEC) /* a worker that stands for so long was relieved before, too */
#define SLEEPERS  16
#define WAITS    8

static leat_time ends_at;

static int sleeps_till_the_end(void *arg)
{
    (void)arg;
    leat_sim_expect(leat_sleep_until(ends_at) == 0);
    ended++;
    return 0;
}

/* Looks around soon after the other begins to compute, a relief before it ends, and as it does. */
static int relieves(void *arg)
{
    (void)arg;
    while (leat_now() < until) {
        leat_time end = ends_at;
        const leat_time looks[] = { end - STAND_NS + LEAT_MSEC, end - LEAT_MSEC, end };

        for (int i = 0; i < 3; i++) {
            leat_sim_compute(looks[i] - leat_now());
            leat_sim_expect(leat_sleep(100 * LEAT_USEC) == 0);
        }
        while (leat_now() < until && ends_at == end)
            leat_sim_compute(100 * LEAT_USEC);
    }
    return 0;
}

/* From another worker on, once it has one. */
static int goes_to_relieve(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    leat_sim_compute(LEAT_MSEC);
    leat_sim_expect(leat_spawn_opt(&scope, relieves, NULL, LEAT_TASK_OPTIONS(.pinned = true)) ==
                    0);
    return leat_scope_join(&scope);
}

/* The limit passes while it computes. Who waits asks no clock, so it is seen when it is set. */
static int computes_and_waits(void *arg)
{
    struct leat_event never = { 0 };
    LEAT_SCOPE(scope);

    (void)arg;
    for (uint32_t i = 0; i < WAITS; i++) {
        ends_at = leat_after(STAND_NS);
        spawn_many(&scope, SLEEPERS, sleeps_till_the_end, NULL);
        leat_yield();
        {
            LEAT_SCOPE(limit, .deadline = ends_at - LEAT_MSEC / 2);

            leat_sim_compute(ends_at - leat_now());
            for (uint32_t j = leat_sim_choose(500); j > 0; j--) /* as long as the other needs */
                leat_sim_point();
            leat_sim_expect(leat_event_wait(&never) == -ETIMEDOUT);
        }
        leat_sim_expect(leat_now() < ends_at + 5 * LEAT_MSEC);
    }
    until = 0;
    return leat_scope_join(&scope);
}

SCENARIO_OF(timers_set_beside_a_relief, .seeds = 200,
            .with = "workers=2,strategy=0,fine=1,interval=50,tick=20000,watch=0,barrier=1")
{
    LEAT_SCOPE(scope);

    ended = 0;
    until = LEAT_NEVER;
    ends_at = leat_now() + STAND_NS;
    leat_sim_expect(leat_spawn(&scope, goes_to_relieve, NULL) == 0);
    leat_sim_compute(ends_at - leat_now());
    leat_sim_expect(leat_spawn_opt(&scope, computes_and_waits, NULL,
                                   LEAT_TASK_OPTIONS(.pinned = true)) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == WAITS * SLEEPERS);
}
