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
    for (uint32_t i = 0; i < count; i++)
        leat_sim_expect(leat_spawn(&scope, sleeps, NULL) == 0);
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
    for (uint32_t i = 0; i < leat_sim_size(); i++)
        leat_sim_expect(leat_spawn(&scope, waits, NULL) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
}
