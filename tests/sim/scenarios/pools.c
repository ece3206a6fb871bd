/* SPDX-License-Identifier: MIT */
/* Calls in the pools: each that was started runs once and is waited for, or its memory is dropped
 * once; fork and join visits each number once; calls from outside come in and are answered. */
#include "sim/scenarios/scenario.h"

#include <leat/parallel.h>

static uint32_t calls, answers, made, dropped;

/* A spawn that failed ends those who were spawned already. */
static bool is_faults(int err)
{
    return is_fault(err) || (leat_sim_has_faults() && err == -ECANCELED);
}

/* ---- calls on the caller's memory ---- */

struct call {
    uint32_t started, number;
    bool     over;
};

static int doubles(void *arg)
{
    struct call *call = arg;

    leat_sim_expect(call->started++ == 0 && !call->over);
    leat_sim_point();
    if (leat_sim_choose(4) == 0)
        (void)leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
    leat_sim_expect(!call->over);
    call->number *= 2;
    calls++;
    return 0;
}

static int asks(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    struct call call = { 0, me, false };
    int err;
    LEAT_LIMIT(draw_limit());

    err = leat_sim_choose(2) ? leat_blocking(doubles, &call) : leat_compute(doubles, &call);
    call.over = true;
    if (err == 0)
        leat_sim_expect(call.number == 2 * me && call.started == 1);
    else
leat_sim_expect((err == -ETIMEDOUT || is_faults(err)) && call.started == 0);
    answers += err == 0;
    return 0;
}

SCENARIO_WITH_FAULTS(pools)
{
    int err = 0;

    calls = answers = 0;
    {
        LEAT_SCOPE(scope);

        for (uintptr_t i = 0; i < leat_sim_size(); i++)
            (void)leat_spawn(&scope, asks, (void *)i);
        err = leat_scope_join(&scope);
    }
    leat_sim_expect(err == 0 || is_fault(err));
    leat_sim_expect(calls == answers);
}

/* ---- calls that are left to themselves ---- */

struct owned {
    uint32_t *memory;
    bool      answered;
};

static int uses_its_own(void *arg)
{
    struct owned *owned = arg;

    leat_sim_expect(*owned->memory == 1);
    (void)leat_sleep((leat_time)leat_sim_choose(500) * LEAT_USEC);
    leat_sim_expect(*owned->memory == 1);
    owned->answered = true;
    calls++;
    return 0;
}

static void drop(void *arg)
{
    struct owned *owned = arg;

    leat_sim_expect(*owned->memory == 1);
    *owned->memory = 2;
    dropped++;
}

static uint32_t memory[100];

static int asks_and_goes(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    struct owned owned = { &memory[me], false };
    int err;
    LEAT_LIMIT(draw_limit());

    memory[me] = 1;
    made++;
    err = leat_blocking_owned(uses_its_own, &owned, sizeof owned, drop);
    if (err == 0) {
        leat_sim_expect(owned.answered && memory[me] == 1);
        drop(&owned);
    } else {
        leat_sim_expect(err == -ETIMEDOUT || is_faults(err));
        leat_sim_expect(owned.memory == NULL && !owned.answered);
    }
    return 0;
}

/* After leat_run, which waits for them. */
static bool something_was_kept(void)
{
    return dropped != made;
}

SCENARIO_OF(calls_that_own, .seeds = 200, .faults = true, .failed = something_was_kept)
{
    calls = dropped = made = 0;
    LEAT_SCOPE(scope);
    for (uintptr_t i = 0; i < leat_sim_size(); i++)
        (void)leat_spawn(&scope, asks_and_goes, (void *)i);
    (void)leat_scope_join(&scope);
}

/* ---- fork and join ---- */

static uint8_t visited[400];

static int visits(void *arg, size_t begin, size_t end)
{
    (void)arg;
    for (size_t i = begin; i < end; i++) {
        leat_sim_point();
        leat_sim_expect(visited[i]++ == 0);
    }
    return 0;
}

static int loops(void *arg)
{
    size_t each = 4 * leat_sim_size() / 4, begin = (size_t)(uintptr_t)arg * each;
    size_t seen = 0;
    int err;
    LEAT_LIMIT(draw_limit());

    err = leat_parallel_for(begin, begin + each, visits, NULL);
    leat_sim_expect(err == 0 || err == -ETIMEDOUT);
    for (size_t i = begin; i < begin + each; i++)
        seen += visited[i];
    leat_sim_expect(err ? seen <= each : seen == each);
    return 0;
}

SCENARIO(fork_and_join)
{
    memset(visited, 0, sizeof visited);
    LEAT_SCOPE(scope);
    for (uintptr_t i = 0; i < 4; i++)
        leat_sim_expect(leat_spawn(&scope, loops, (void *)i) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
}

/* ---- from outside ---- */

static struct leat_runtime *runtime;
static struct leat_chan *chan;

static int answers_inside(void *arg)
{
    uint32_t number = (uint32_t)(uintptr_t)arg;

    dwell();
    leat_sim_expect(leat_worker() >= 0);
    leat_sim_expect(leat_chan_send(chan, &number) == 0);
    answers++;
    return (int)number;
}

/* On a pool's thread: calls in, and talks to tasks by a channel, as a plain thread does. */
static int calls_in(void *arg)
{
    for (uint32_t i = 0; i < 1 + leat_sim_size() / 10; i++) {
        uint32_t number = i;

        if (leat_sim_choose(2))
            leat_sim_expect(leat_call(runtime, answers_inside, (void *)(uintptr_t)i) == (int)i);
        else
            leat_sim_expect(leat_chan_send(chan, &number) == 0);
    }
    (void)arg;
    return 0;
}

static int asks_outside(void *arg)
{
    return leat_blocking(calls_in, arg);
}

SCENARIO(calls_from_outside)
{
    struct leat_chan_options options = { .size = sizeof options };
    uint32_t number, threads = 1 + leat_sim_choose(3);

    options.capacity = leat_sim_choose(2) ? leat_sim_capacity() : 0;
    runtime = leat_runtime_current();
    answers = 0;
    leat_sim_expect(leat_chan_create(&chan, sizeof number, &options) == 0);
    {
        LEAT_SCOPE(scope);

        spawn_many(&scope, threads, asks_outside, NULL);
        for (uint32_t i = threads * (1 + leat_sim_size() / 10); i > 0; i--)
            leat_sim_expect(leat_chan_recv(chan, &number) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_chan_free(chan);
}
