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
#include <string.h>

#define SCENARIO(name)             SCENARIO_OF(name, .seeds = 200)
#define SCENARIO_WITH_FAULTS(name) SCENARIO_OF(name, .seeds = 200, .faults = true)

/* With options of leat_sim_run. */
#define SCENARIO_OF(name, ...)                                                                     \
    static void name##_is_run(void);                                                               \
    LEAT_TEST_SIM(scenario, name, __VA_ARGS__)                                                     \
    {                                                                                              \
        name##_is_run();                                                                           \
    }                                                                                              \
    static void name##_is_run(void)

/* Longer than a simulation may take (runtime/sim/strategy.c): who waits for so long waits for a
 * wake. */
#define LONG (100000 * LEAT_HOUR)

/* Is this an error that a seed's faults explain? */
static inline bool is_fault(int err)
{
    return leat_sim_has_faults() && (err == -ENOMEM || err == -EAGAIN || err == -EIO);
}

/* Memory that nobody uses any more is filled with this, and is to stay so. */
#define GRAVE 0xa5

static inline void bury(void *at, size_t bytes)
{
    memset(at, GRAVE, bytes);
}

static inline bool is_at_rest(const void *at, size_t bytes)
{
    const unsigned char *from = at;

    for (size_t i = 0; i < bytes; i++)
        if (from[i] != GRAVE)
            return false;
    return true;
}

/* For LEAT_LIMIT: none, one that has passed already, or one that ends some of what waits. */
static inline leat_time draw_limit(void)
{
    switch (leat_sim_choose(4)) {
    case 0: return (leat_time)leat_sim_choose(3) * LEAT_USEC;
    case 1: return (leat_time)leat_sim_choose(1000) * LEAT_USEC;
    default: return LONG;
    }
}

/* For this many others' steps, about: in time, or none. */
static inline void hesitate(void)
{
    for (uint32_t i = leat_sim_choose(12); i > 0; i--)
        leat_sim_point();
    if (leat_sim_choose(4) == 0)
        leat_yield();
}

/* Each with the same argument; there is memory for all. */
static inline void spawn_many(struct leat_scope *scope, uint32_t count, leat_task_fn *fn, void *arg)
{
    for (; count > 0; count--)
        leat_sim_expect(leat_spawn(scope, fn, arg) == 0);
}

/* How often to do what shows seldom, and costs little. */
#define ROUNDS_MAX 32

static inline uint32_t rounds_of_this_seed(void)
{
    return 1 + leat_sim_size() * (ROUNDS_MAX - 1) / 100;
}

/* Nothing, or what lets others run, for up to a millisecond. Its error is the next call's too. */
static inline void dwell(void)
{
    switch (leat_sim_choose(6)) {
    case 0: leat_yield(); break;
    case 1: (void)leat_sleep((leat_time)leat_sim_choose(1000) * LEAT_USEC); break;
    case 2: leat_sim_point(); break;
    default: break;
    }
}

#endif
