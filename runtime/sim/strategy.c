/* SPDX-License-Identifier: MIT */
/* Who is next. A strategy that could let one run for ever, while it waits for another that it keeps
 * from running, is overruled after FAIR_POINTS: threads of a machine are fair in the end, and the
 * runtime may rely on that. */
#include "sim/core.h"

#define S leat__sim

#define FAIR_POINTS 20000

/* Points between two decisions at most: what is due happens at decisions only. */
#define BUDGET_MAX 200

/* What ends takes some thousand points, of virtual time some days where it tries again and again;
 * who waits for a wake that is lost goes on when a limit of years ends. */
#define POINTS_MAX 20000000
#define TIME_MAX   (20000 * LEAT_HOUR)

void leat__sim_strategy_begin(void)
{
    uint32_t length = S.config.length ? S.config.length : 1;

    S.lowest = UINT64_C(1) << 32;
    S.change[0] = leat__random_below(&S.random, length);
    S.change[1] = leat__random_below(&S.random, length);
    S.victim = leat__random_below(&S.random, 2 + S.config.workers);
}

void leat__sim_strategy_add(struct leat__vthread *vthread)
{
    vthread->priority = (UINT64_C(1) << 33) + (leat__random_next(&S.random) >> 32);
}

static void demote(struct leat__vthread *vthread)
{
    vthread->priority = S.lowest--;
}

/* Is it time for one of PCT's changes? */
static bool changes(void)
{
    bool now = false;

    for (int i = 0; i < 2; i++) {
        if (S.change[i] > S.points)
            continue;
        S.change[i] = UINT64_MAX;
        now = true;
    }
    return now;
}

static struct leat__vthread *highest(struct leat__vthread *const *ready, unsigned count)
{
    struct leat__vthread *best = ready[0];

    for (unsigned i = 1; i < count; i++)
        if (ready[i]->priority > best->priority)
            best = ready[i];
    return best;
}

/* Anybody but `not`, if there is another. */
static struct leat__vthread *any_but(struct leat__vthread *const *ready, unsigned count,
                                     const struct leat__vthread *not)
{
    struct leat__vthread *found = ready[leat__random_below(&S.random, count)];

    while (found == not)
        found = ready[leat__random_below(&S.random, count)];
    return found;
}

static struct leat__vthread *after(struct leat__vthread *const *ready, unsigned count, unsigned id)
{
    for (unsigned i = 0; i < count; i++)
        if (ready[i]->id > id)
            return ready[i];
    return ready[0];
}

/* Who could run for longer than is fair, and for the longest time; or NULL. */
static struct leat__vthread *overdue(struct leat__vthread *const *ready, unsigned count)
{
    struct leat__vthread *found = NULL;

    for (unsigned i = 0; i < count; i++)
        if (ready[i] != S.running && S.points - ready[i]->waits_since > FAIR_POINTS &&
            (!found || ready[i]->waits_since < found->waits_since))
            found = ready[i];
    return found;
}

struct leat__vthread *leat__sim_strategy_next(struct leat__vthread *const *ready, unsigned count,
                                              enum leat__sim_why why)
{
    struct leat__vthread *me = S.running, *next;
    switch (S.config.strategy) {
    case LEAT__SIM_PCT:
        next = overdue(ready, count);
        if (next || why == LEAT__SIM_YIELD || changes())
            demote(me);
        return next ? next : highest(ready, count);
    case LEAT__SIM_ROUND_ROBIN:
        return after(ready, count, me->id);
    case LEAT__SIM_STARVE:
        next = any_but(ready, count, why == LEAT__SIM_YIELD ? me : NULL);
        if (next->id == S.victim && leat__random_below(&S.random, 64) > 0)
            next = any_but(ready, count, next);
        return next;
    case LEAT__SIM_UNIFORM:
    default:
        return any_but(ready, count, why == LEAT__SIM_YIELD ? me : NULL);
    }
}

/* Now and then a shorter turn: in step with them, one can hold a lock at the end of each of its
 * turns, or whenever another is overdue, and the others never get it. No machine is so even. */
static uint32_t uneven(uint32_t budget)
{
    return leat__random_below(&S.random, 16) > 0 ? budget
                                                 : 1 + leat__random_below(&S.random, budget);
}

uint32_t leat__sim_strategy_budget(void)
{
    uint32_t budget = BUDGET_MAX;

    switch (S.config.strategy) {
    case LEAT__SIM_PCT:
        for (int i = 0; i < 2; i++)
            if (S.change[i] != UINT64_MAX && S.change[i] > S.points &&
                S.change[i] - S.points < budget)
                budget = (uint32_t)(S.change[i] - S.points);
        return uneven(budget);
    case LEAT__SIM_ROUND_ROBIN:
        return uneven(S.config.interval < budget ? S.config.interval : budget);
    case LEAT__SIM_STARVE:
    case LEAT__SIM_UNIFORM:
    default:
        return 1 + leat__random_below(&S.random, 2 * S.config.interval - 1);
    }
}

/* PCT: who has a higher priority runs at once. */
bool leat__sim_strategy_preempts(const struct leat__vthread *woken)
{
    return S.config.strategy == LEAT__SIM_PCT && S.me && woken->priority > S.me->priority;
}

void leat__sim_draw(struct leat__sim_config *config, uint64_t seed)
{
    static const uint32_t intervals[] = { 1, 2, 5, 10, 30, 100 };
    static const leat_time ticks[] = { 50, 200, 1 * LEAT_USEC, 5 * LEAT_USEC, 20 * LEAT_USEC };
    struct leat__random random, other;

    leat__random_init(&other, seed ^ UINT64_C(0x66696e65));
    leat__random_init(&random, seed ^ UINT64_C(0x6c656174));
    *config = (struct leat__sim_config){ .seed = seed, .steps_max = 5000000,
                                         .points_max = POINTS_MAX, .time_max = TIME_MAX };
    config->strategy = (enum leat__sim_strategy)leat__random_below(&random, LEAT__SIM_STRATEGIES);
    config->personality =
        (enum leat__sim_personality)leat__random_below(&random, LEAT__SIM_PERSONALITIES);
    config->interval = intervals[leat__random_below(&random, 6)];
    config->length = UINT32_C(64) << leat__random_below(&random, 10);
    config->tick = ticks[leat__random_below(&random, 5)];
    config->workers = 1 + leat__random_below(&random, leat__random_below(&random, 2) ? 3 : 8);
    config->capacity = 1 + leat__random_below(&random, leat__random_below(&random, 2) ? 3 : 64);
    config->size = 1 + leat__random_below(&random, leat__random_below(&random, 4) ? 10 : 100);
    config->watch = leat__random_below(&random, 4) == 0;
    config->fine = leat__random_below(&other, 4) == 0;
    config->barrier = leat__random_below(&other, 8) > 0;
    config->spurious = leat__random_below(&random, 4) == 0 ? 50 : 0;
    if (leat__random_below(&random, 4) > 0)
        return;
    config->no_memory = leat__random_below(&random, 2) * leat__random_below(&random, 20);
    config->no_thread = leat__random_below(&random, 2) * leat__random_below(&random, 200);
    config->io_error = leat__random_below(&random, 2) * leat__random_below(&random, 100);
    config->io_short = leat__random_below(&random, 2) * leat__random_below(&random, 500);
    config->io_late = leat__random_below(&random, 2) * leat__random_below(&random, 200);
    config->reorder = leat__random_below(&random, 2) * leat__random_below(&random, 500);
    config->faults_end = LEAT_SEC + (leat_time)leat__random_below(&random, 1000) * LEAT_MSEC;
    config->stall = leat__random_below(&random, 2) * leat__random_below(&random, 10);
    config->death = leat__random_below(&other, 2) * leat__random_below(&other, 300);
}
