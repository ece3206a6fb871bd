/* SPDX-License-Identifier: MIT */
/* A tree of scopes: each task runs once, no child outlives its scope, the first error is returned,
 * and a failure ends the siblings that wait. */
#include "sim/scenarios/scenario.h"

static uint32_t started, ended, spawned;

struct node {
    uint32_t depth, fails_at;
    bool     over; /* its scope was joined */
};

static int grow(void *arg);

static int children(struct node *node, uint32_t count)
{
    struct node child = { node->depth - 1, node->fails_at, false };
    int err;

    LEAT_SCOPE(scope);
    for (uint32_t i = 0; i < count; i++) {
        err = leat_spawn(&scope, grow, &child);
        if (err == 0)
            spawned++;
        else
            leat_sim_expect(err == -ECANCELED || err == -ETIMEDOUT || is_fault(err));
    }
    err = leat_scope_join(&scope);
    child.over = true;
    return err;
}

static int grow(void *arg)
{
    struct node *node = arg;
    uint32_t mine = ++started;
    int err = 0;

    leat_sim_expect(!node->over);
    if (mine == node->fails_at)
        err = -EPROTO;
    if (!err && leat_sim_choose(4) == 0)
        err = leat_sleep((leat_time)leat_sim_choose(1000) * LEAT_USEC);
    if (!err && leat_sim_choose(4) == 0)
        leat_yield();
    if (!err && node->depth > 0)
        err = children(node, 1 + leat_sim_choose(3));
    leat_sim_expect(!node->over);
    ended++;
    return err;
}

SCENARIO_WITH_FAULTS(scopes)
{
    struct node top = { 1 + leat_sim_size() % 4, 0, false };
    int err;

    started = ended = spawned = 0;
    err = children(&top, 1 + leat_sim_choose(5));
    leat_sim_expect(err == 0 || is_fault(err));
    leat_sim_expect(started == spawned && ended == started);
}

SCENARIO_WITH_FAULTS(scopes_that_fail)
{
    struct node top = { 2, 1 + leat_sim_choose(20), false };
    int err;

    started = ended = spawned = 0;
    err = children(&top, 2 + leat_sim_choose(4));
    leat_sim_expect(started == spawned && ended == started);
    if (started >= top.fails_at)
        leat_sim_expect(err == -EPROTO || is_fault(err));
    else
        leat_sim_expect(err == 0 || is_fault(err));
}

/* ---- a deadline over all of it ---- */

static int naps(void *arg)
{
    int err = 0;

    for (uint32_t i = 0; i < 1 + leat_sim_choose(8) && !err; i++)
        err = leat_sleep((leat_time)(1 + leat_sim_choose(30)) * LEAT_MSEC);
    ended++;
    (void)arg;
    return err;
}

SCENARIO(scopes_with_deadlines)
{
    leat_time begin = leat_now(), deadline = begin + (leat_time)leat_sim_choose(60) * LEAT_MSEC;
    uint32_t count = leat_sim_size();
    int err;

    ended = 0;
    {
        LEAT_SCOPE(scope, .deadline = deadline, .limit = leat_sim_choose(3));

        spawned = 0;
        for (uint32_t i = 0; i < count; i++)
            spawned += leat_spawn(&scope, naps, NULL) == 0;
        err = leat_scope_join(&scope);
    }
    leat_sim_expect(ended == spawned);
    leat_sim_expect(err == 0 || err == -ETIMEDOUT);
    if (err == -ETIMEDOUT)
        leat_sim_expect(leat_now() >= deadline);
}

/* ---- results are taken inside of a scope that is cancelled from around it ---- */

static bool begun;

static int answers_later(void *arg)
{
    (void)arg;
    if (leat_sim_choose(2))
        (void)leat_sleep(LEAT_USEC);
    return 0;
}

static int takes_results(void *arg)
{
    struct leat_ended result;
    LEAT_SCOPE(inner, .keep = true, .on_error = LEAT_COLLECT);

    (void)arg;
    spawned = ended = 0;
    for (uint32_t i = 1 + leat_sim_choose(3); i > 0; i--)
        spawned += leat_spawn(&inner, answers_later, NULL) == 0;
    begun = true;
    while (leat_scope_next(&inner, &result) == 0)
        ended++;
    leat_sim_expect(ended <= spawned);
    (void)leat_scope_join(&inner);
    return 0;
}

SCENARIO(results_inside_of_a_cancelled_scope)
{
    for (uint32_t i = 1 + leat_sim_size() / 4; i > 0; i--) {
        LEAT_SCOPE(around, .on_error = LEAT_COLLECT);

        begun = false;
        leat_sim_expect(leat_spawn(&around, takes_results, NULL) == 0);
        while (!begun)
            leat_yield();
        for (uint32_t k = leat_sim_choose(24); k > 0; k--)
            leat_sim_point();
        leat_scope_cancel(&around);
        (void)leat_scope_join(&around);
    }
}

/* ---- whose end ends the others is handed out before them ---- */

static int waits_long(void *arg)
{
    (void)arg;
    return leat_sleep(LONG);
}

static int wins(void *arg)
{
    (void)arg;
    hesitate();
    return 1;
}

SCENARIO(winners_come_first)
{
    for (uint32_t i = rounds_of_this_seed(); i > 0; i--) {
        struct leat_ended result;
        LEAT_SCOPE(race, .race = LEAT_RACE_FINISHED, .keep = true);

        spawn_many(&race, leat_sim_choose(3), waits_long, NULL);
        leat_sim_expect(leat_spawn(&race, wins, NULL) == 0);
        leat_sim_expect(leat_scope_next(&race, &result) == 0 && result.result == 1);
        leat_sim_expect(leat_scope_race(&race) == 1);
    }
}
