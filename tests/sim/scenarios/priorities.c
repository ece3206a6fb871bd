/* SPDX-License-Identifier: MIT */
/* Classes of tasks: none waits for ever, each has its share of the turns, and what is ready in one
 * is run by whoever has nothing else. Turns are counted by the tasks themselves. */
#include "sim/scenarios/scenario.h"

enum kind { NORMAL, HIGH, LOW, PINNED, KINDS };

static const struct leat_task_options kinds[KINDS] = {
    [NORMAL] = { .size = sizeof kinds[0], .priority = LEAT_PRIORITY_NORMAL },
    [HIGH] = { .size = sizeof kinds[0], .priority = LEAT_PRIORITY_HIGH },
    [LOW] = { .size = sizeof kinds[0], .priority = LEAT_PRIORITY_LOW },
    [PINNED] = { .size = sizeof kinds[0], .pinned = true },
};

static uint32_t number[KINDS]; /* tasks of each kind */
static uint32_t turns, turns_of[KINDS], longest[KINDS], latest[KINDS], ended, wanted;

/* Gives way until there were enough turns, and sees how many others had between two of its own, and
 * before it began. */
static int takes_turns(void *arg)
{
    enum kind kind = (enum kind)(uintptr_t)arg;
    uint32_t last = turns;

    if (turns > latest[kind])
        latest[kind] = turns;
    while (turns < wanted) {
        leat_yield();
        if (turns_of[kind]++ > 0 && turns - last > longest[kind])
            longest[kind] = turns - last;
        last = ++turns;
    }
    ended++;
    return 0;
}

/* One worker, and tasks of all kinds that are always ready; in some seeds none is pinned. */
SCENARIO_OF(classes_take_turns, .seeds = 200, .with = "workers=1,watch=0,no_memory=0")
{
    uint32_t all = 0;
    LEAT_SCOPE(scope);

    turns = ended = 0;
    memset(turns_of, 0, sizeof turns_of);
    memset(longest, 0, sizeof longest);
    memset(latest, 0, sizeof latest);
    for (int kind = 0; kind < KINDS; kind++)
        all += number[kind] = kind == PINNED ? leat_sim_choose(4) : 1 + leat_sim_choose(3);
    wanted = 512 * (1 + number[LOW]) + leat_sim_choose(256);
    for (uintptr_t kind = 0; kind < KINDS; kind++)
        for (uint32_t i = 0; i < number[kind]; i++)
            leat_sim_expect(leat_spawn_opt(&scope, takes_turns, (void *)kind, &kinds[kind]) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == all);
    /* Of eight turns seven are for high ones, as documented, of 256 one at least for low ones; what
     * is pinned and what is not take turns at the eighth. Twice that, for where a look around the
     * world comes between, and each in its order. */
    leat_sim_expect(longest[HIGH] <= 2 * (number[HIGH] + all));
    leat_sim_expect(longest[NORMAL] <= 2 * 16 * (number[NORMAL] + 1));
    leat_sim_expect(longest[PINNED] <= 2 * 16 * (number[PINNED] + 1));
    leat_sim_expect(longest[LOW] <= 2 * 256 * number[LOW]);
    /* All of them begin likewise; of the normal turns one of four is for what is fresh. */
    leat_sim_expect(latest[HIGH] <= 2 * (number[HIGH] + all));
    leat_sim_expect(latest[NORMAL] <= 4 * 2 * 16 * (number[NORMAL] + 1));
    leat_sim_expect(latest[PINNED] <= 2 * 16 * (number[PINNED] + 1));
    leat_sim_expect(latest[LOW] <= 2 * 256 * number[LOW]);
    if (number[HIGH] > 1) /* one alone gives way to the next of the others each time */
        leat_sim_expect(turns_of[HIGH] > turns / 2);
    leat_sim_expect(turns_of[LOW] < turns / 64 + 2 * number[LOW] + 1);
}

/* ---- nobody else is there: each kind is run at once ---- */

static int ends_at_once(void *arg)
{
    (void)arg;
    ended++;
    return 0;
}

/* One that is awaited by the only other is run at once, of whatever kind it is: it does not come of
 * age first, for which a worker would look 256 times for others. */
#define ROUNDS  64
#define TICK_NS 50 /* what a look at the clock takes; there are fewer than eight in a round */

SCENARIO_OF(each_class_alone, .seeds = 200, .with = "workers=1,watch=0,no_memory=0,tick=50")
{
    enum kind kind = (enum kind)leat_sim_choose(KINDS);
    leat_time began = leat_now();

    ended = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn_opt(&scope, ends_at_once, NULL, &kinds[kind]) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(ended == ROUNDS);
    leat_sim_expect(leat_now() - began < 8 * ROUNDS * TICK_NS);
}

static int ends(void *arg)
{
    dwell();
    (void)arg;
    ended++;
    return 0;
}

SCENARIO(classes_alone)
{
    uint32_t count = leat_sim_size();

    ended = 0;
    LEAT_SCOPE(scope);
    for (uint32_t i = 0; i < count; i++) {
        leat_sim_expect(leat_spawn_opt(&scope, ends, NULL, &kinds[leat_sim_choose(KINDS)]) == 0);
        if (leat_sim_choose(8) == 0)
            dwell();
    }
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == count);
}

/* ---- from a plain thread, while the workers go to sleep ---- */

static struct leat_scope shop;
static struct leat_event served;

static int serves(void *arg)
{
    (void)arg;
    ended++;
    leat_event_set(&served);
    return 0;
}

static int orders_from_outside(void *arg)
{
    uint32_t count = (uint32_t)(uintptr_t)arg;

    for (uint32_t i = 0; i < count; i++) {
        const struct leat_task_options *how = &kinds[leat_sim_choose(PINNED)];

        leat_event_clear(&served);
        leat_sim_expect(leat_spawn_opt(&shop, serves, NULL, how) == 0);
        leat_sim_expect(leat_event_wait(&served) == 0);
        for (uint32_t k = leat_sim_choose(100); k > 0; k--)
            leat_sim_point();
    }
    return 0;
}

SCENARIO(classes_from_outside)
{
    uint32_t count = 1 + leat_sim_size() / 2;

    ended = 0;
    memset(&served, 0, sizeof served);
    leat_sim_expect(leat_scope_open(&shop, LEAT_SCOPE_OPTIONS(.on_error = LEAT_COLLECT)) == 0);
    leat_sim_expect(leat_blocking(orders_from_outside, (void *)(uintptr_t)count) == 0);
    leat_sim_expect(leat_scope_close(&shop) == 0);
    leat_sim_expect(ended == count);
}
