/* SPDX-License-Identifier: MIT */
/* How long a runnable task waits, counted in turns of all tasks: with many that only yield, and a
 * task beside them that never gives its worker back. */
#include "harness/test.h"

#include "lockfree/atomic.h"

#include <leat/leat.h>

#include <stdio.h>
#include <stdlib.h>

enum { TASKS = 10000, ROUNDS = 20 };

static LEAT_ATOMIC(uint64_t) turns; /* of all tasks, so far */
static LEAT_ATOMIC(bool)     over;

struct yielder {
    uint64_t waited_max; /* between two turns of its own, in turns of all */
};

static int yield_on(void *arg)
{
    struct yielder *self = arg;
    uint64_t last = fetch_add_relaxed(&turns, 1); /* relaxed: a count */

    while (!load_relaxed(&over)) { /* relaxed: sooner or later */
        uint64_t now;

        leat_yield();
        now = fetch_add_relaxed(&turns, 1);
        if (now - last > self->waited_max)
            self->waited_max = now - last;
        last = now;
        if (now > (uint64_t)TASKS * ROUNDS)
            store_relaxed(&over, true);
    }
    return 0;
}

/* Holds its worker until the others have had their turns. */
static int hog(void *arg)
{
    (void)arg;
    while (!load_relaxed(&over))
        cpu_relax();
    return 0;
}

struct crowd {
    struct yielder *yielders;
    bool            hogged;
};

static int run_crowd(void *arg)
{
    struct crowd *crowd = arg;

    LEAT_SCOPE(scope, .name = "crowd");
    if (crowd->hogged)
        leat_spawn_opt(&scope, hog, NULL, LEAT_TASK_OPTIONS(.name = "hog", .pinned = true));
    for (int i = 0; i < TASKS; i++)
        leat_spawn(&scope, yield_on, &crowd->yielders[i]);
    return leat_scope_join(&scope);
}

static uint64_t worst_wait(unsigned workers, bool hogged)
{
    struct crowd crowd = { calloc(TASKS, sizeof(struct yielder)), hogged };
    uint64_t worst = 0;

    store_relaxed(&turns, 0);
    store_relaxed(&over, false);
    expect_ok(leat_run(run_crowd, &crowd, LEAT_OPTIONS(.workers = workers)));
    for (int i = 0; i < TASKS; i++)
        if (crowd.yielders[i].waited_max > worst)
            worst = crowd.yielders[i].waited_max;
    free(crowd.yielders);
    printf("workers=%u hog=%d tasks=%d waited_max=%llu turns\n", workers, hogged, TASKS,
           (unsigned long long)worst);
    return worst;
}

LEAT_TEST(fairness, tasks_that_only_yield_take_turns)
{
    expect_le(worst_wait(1, false), 2 * TASKS);
}

/* What was queued behind the hog is taken from there after a millisecond or two. With only one
 * worker that makes turns, what else the machine does is not counted. */
LEAT_TEST(fairness, no_runnable_task_waits_for_more_than_ten_rounds_beside_a_hog)
{
    expect_le(worst_wait(2, true), 10 * TASKS);
}
