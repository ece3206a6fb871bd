/* SPDX-License-Identifier: MIT */
/* The end of a runtime with all kinds of things under way: detached tasks, calls in the pools,
 * plain threads that call in. Every task ends, each that was started runs once. */
#include "sim/scenarios/scenario.h"

static uint32_t started, ended, jobs;

static int lingers(void *arg)
{
    int err = 0;

    (void)arg;
    while (!err)
        err = leat_sleep((leat_time)(1 + leat_sim_choose(20)) * LEAT_MSEC);
    leat_sim_expect(err == -ECANCELED);
    ended++;
    return err;
}

static int job(void *arg)
{
    (void)arg;
    leat_sim_point();
    jobs++;
    return 0;
}

static int calls(void *arg)
{
    int err = leat_blocking(job, arg);

    leat_sim_expect(err == 0 || err == -ECANCELED || is_fault(err));
    ended++;
    return err;
}

SCENARIO_WITH_FAULTS(shutdown)
{
    uint32_t count = leat_sim_size();

    started = ended = jobs = 0;
    for (uint32_t i = 0; i < count; i++) {
        int err = leat_detach(leat_sim_choose(2) ? lingers : calls, NULL, NULL);

        leat_sim_expect(err == 0 || is_fault(err));
        started += err == 0;
        if (leat_sim_choose(3) == 0)
            leat_yield();
    }
    if (leat_sim_choose(2))
        leat_sim_expect(leat_sleep((leat_time)leat_sim_choose(50) * LEAT_MSEC) == 0);
}
