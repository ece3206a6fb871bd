/* SPDX-License-Identifier: MIT */
/* The workers' counters, summed. */
#include "sched/sched.h"
#include "task/runtime.h"

#include <leat/runtime.h>

#include <errno.h>
#include <string.h>

int leat_stats_read(struct leat_stats *ret)
{
    struct leat__runtime *runtime = leat__runtime_current();
    struct leat__probe probe;

    if (!runtime)
        return -EPERM;
    leat__sched_probe(runtime->sched, &probe);
    memset(ret, 0, sizeof *ret);
    ret->reactor = runtime->reactor;
    ret->workers = leat__sched_workers(runtime->sched);
    ret->spawns = probe.spawns;
    ret->switches = probe.switches;
    ret->parks = probe.sleeps;
    ret->steals = probe.steals;
    ret->stolen = probe.steal_items;
    ret->wakes = probe.wakes;
    ret->inline_ops = probe.inline_ops;
    ret->reactor_ops = probe.ring_ops;
    ret->blocking_calls = probe.blocking_calls;
    ret->compute_calls = probe.compute_calls;
    ret->starved = probe.starved;
    ret->unguarded = leat__sched_unguarded(runtime->sched);
    return 0;
}
