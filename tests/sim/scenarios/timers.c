/* SPDX-License-Identifier: MIT */
/* Timers: none is early, and with nobody computing none is late by more than what the clock takes.
 * Sleeps reach from nothing to days, so that every level of the wheel is met. */
#include "sim/scenarios/scenario.h"

static uint32_t awake;

static leat_time draw_delay(void)
{
    static const leat_time scales[] = { LEAT_USEC, LEAT_MSEC, LEAT_SEC, LEAT_MINUTE, LEAT_HOUR };

    return (leat_time)leat_sim_choose(100) * scales[leat_sim_choose(5)] + leat_sim_choose(1000);
}

static int sleeps(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        leat_time when = leat_after(draw_delay());

        leat_sim_expect(leat_sleep_until(when) == 0);
        leat_sim_expect(leat_now() >= when);
        leat_sim_expect(leat_now() < when + 50 * LEAT_MSEC);
    }
    awake++;
    return 0;
}

SCENARIO(timers)
{
    uint32_t count = leat_sim_size();

    awake = 0;
    LEAT_SCOPE(scope);
    spawn_many(&scope, count, sleeps, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(awake == count);
}

/* ---- limits inside limits: the nearest ends the call, in its own words ---- */

static int waits(void *arg)
{
    leat_time outer = leat_after(draw_delay()), inner = leat_after(draw_delay());
    leat_time first = outer < inner ? outer : inner, ended;
    int err;

    (void)arg;
    LEAT_SCOPE(wide, .deadline = outer);
    {
        LEAT_SCOPE(narrow, .deadline = inner);

        err = leat_sleep(1000 * LEAT_HOUR);
        ended = leat_now();
        (void)leat_scope_join(&narrow);
    }
    /* Where both have passed by the time of the call, the outer one's word counts. */
    leat_sim_expect(err == (inner < outer ? -ETIMEDOUT : -ECANCELED) ||
                    (err == -ECANCELED && ended >= outer));
    leat_sim_expect(ended >= first);
    leat_sim_expect(ended < first + 50 * LEAT_MSEC);
    (void)leat_scope_join(&wide);
    return 0;
}

SCENARIO(limits)
{
    LEAT_SCOPE(scope);
    spawn_many(&scope, leat_sim_size(), waits, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
}

/* ---- most of those that are due at one instant have been cancelled from another worker ---- */

#define MANY 500
#define FEW  3

static struct leat_scope given_up;
static leat_time moment;

static int sleeps_till_the_moment(void *arg)
{
    int err = leat_sleep_until(moment);

    leat_sim_expect(err == 0 || (err == -ECANCELED && !arg));
    if (arg) {
        leat_sim_expect(leat_now() < moment + 50 * LEAT_MSEC);
        awake++;
    }
    return 0;
}

static int gives_up(void *arg)
{
    (void)arg;
    leat_sim_compute(3 * LEAT_MSEC);
    leat_sim_expect(leat_sleep_until(moment - (leat_time)leat_sim_choose(6) * 32 * LEAT_USEC) ==
                    0);
    leat_scope_cancel(&given_up);
    leat_sim_compute((leat_time)leat_sim_choose(8) * 64 * LEAT_USEC); /* they end behind this */
    return 0;
}

SCENARIO_OF(timers_of_the_given_up, .seeds = 200, .with = "watch=0")
{
    bool first = leat_sim_choose(2);
    LEAT_SCOPE(scope);

    awake = 0;
    moment = leat_now() + 100 * LEAT_MSEC;
    leat_sim_expect(leat_scope_open(&given_up, LEAT_SCOPE_OPTIONS(.on_error = LEAT_COLLECT)) == 0);
    leat_sim_expect(leat_spawn(&scope, gives_up, NULL) == 0);
    leat_sim_compute(10 * LEAT_MSEC); /* elsewhere, if there is another worker */
    for (uint32_t i = 0; i < MANY + FEW; i++) {
        bool stays = first ? i < FEW : i >= MANY;

        leat_sim_expect(leat_spawn(stays ? &scope : &given_up, sleeps_till_the_moment,
                                   stays ? &moment : NULL) == 0);
    }
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(awake == FEW);
    (void)leat_scope_close(&given_up);
}
