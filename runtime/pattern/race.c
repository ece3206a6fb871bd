/* SPDX-License-Identifier: MIT */
/* The first of several. A scope's own race says what won, not who; so the runners decide among
 * themselves, by one compare-and-swap, and the winner cancels the scope. */
#include "base/check.h"
#include "lockfree/atomic.h"
#include "pattern/outcome.h"

#include <leat/pattern.h>
#include <leat/runtime.h>

#include <errno.h>

#define NOBODY SIZE_MAX

struct race {
    const struct leat_racer *racers;
    bool                     success;
    struct leat_scope       *scope; /* NULL: one after another, without a runtime */
    LEAT_ATOMIC(size_t) winner;
    LEAT_ATOMIC(int) error; /* the first of those that did not win */
    int result;
};

struct lane {
    struct race *race;
    size_t       index;
};

static int run_lane(void *arg)
{
    const struct lane       *lane = arg;
    struct race             *race = lane->race;
    const struct leat_racer *racer = &race->racers[lane->index];
    size_t                   nobody = NOBODY;
    int                      none = 0;
    int                      result = racer->fn(racer->arg);

    if (race->success && result < 0) {
        (void)cas_relaxed(&race->error, &none, result);            /* relaxed: the join orders it */
    } else if (cas_relaxed(&race->winner, &nobody, lane->index)) { /* relaxed: likewise */
        race->result = result;
        if (race->scope)
            leat_scope_cancel(race->scope);
    }
    return 0;
}

static int run_all(struct race *race, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && err == 0; i++) {
        struct lane lane = { race, i };

        leat__check(race->racers[i].fn != NULL,
                    "a racer needs a function: NULL was given in the place of one");
        err = race->scope ? leat_spawn_with(race->scope, run_lane, &lane, sizeof lane)
                          : run_lane(&lane);
        /* relaxed: without a scope it is our own; else a hint to start no more */
        if (load_relaxed(&race->winner) != NOBODY)
            return 0;
    }
    if (err)
        leat_scope_cancel(race->scope);
    return err;
}

int leat_race_between(const struct leat_racer *racers, size_t count,
                      const struct leat_race_options *options)
{
    static const struct leat_race_options defaults = { .size = sizeof defaults };
    struct race                           race = { .racers = racers };
    size_t                                winner;
    int                                   err;

    if (!options)
        options = &defaults;
    if (options->size != sizeof *options || options->deadline < 0)
        return -EINVAL;
    if (count == 0)
        return -ENODATA;
    race.success = options->success;
    store_relaxed(&race.winner, NOBODY); /* relaxed: nobody else has it yet */

    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT, .deadline = options->deadline);
    race.scope = leat_worker() >= 0 ? &scope : NULL;
    err = run_all(&race, count);
    (void)leat_scope_join(&scope);
    winner = load_relaxed(&race.winner); /* relaxed, both: the join ordered them */
    if (winner == NOBODY)
        return leat__outcome(err ? err : load_relaxed(&race.error));
    if (options->winner)
        *options->winner = winner;
    return leat__outcome(race.result);
}
