/* SPDX-License-Identifier: MIT */
/* Scenarios: one use of the runtime each, with what must hold of it, run for as many seeds as there
 * is time. A file for each; `sim_scenarios --seeds N [NAME...]` runs them.
 *
 *     SCENARIO(semaphore)
 *     {
 *         ... as much as leat_sim_size() says, holding leat_sim_capacity() ...
 *         leat_sim_expect(permits == all);
 *     }
 *
 * The body is the root task of a runtime whose workers, schedule and faults the seed has drawn. In
 * SCENARIO_WITH_FAULTS, allocations, threads and operations fail in some seeds
 * (leat_sim_has_faults()): then calls may return -ENOMEM and the like, and what must hold is that
 * nothing is lost. Nothing in a body may depend on real time or addresses. State that a seed leaves
 * behind in statics is seen by the next, so set it at the beginning. */
#ifndef LEAT_TESTS_SIM_SCENARIO_H
#define LEAT_TESTS_SIM_SCENARIO_H

#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>

#define SCENARIO(name)             LEAT_TEST_SIM(scenario, name, .seeds = 200)
#define SCENARIO_WITH_FAULTS(name) LEAT_TEST_SIM(scenario, name, .seeds = 200, .faults = true)

/* Is this an error that a seed's faults explain? */
static inline bool is_fault(int err)
{
    return leat_sim_has_faults() && (err == -ENOMEM || err == -EAGAIN || err == -EIO);
}

#endif
