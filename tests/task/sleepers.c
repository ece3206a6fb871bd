/* SPDX-License-Identifier: MIT */
/* Many tasks asleep at once: none is early, none is lost, whatever order they wake in. */
#include <leat/leat.h>

#include "base/random.h"
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "sched/worker.h"
#include "task/runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLEEPERS = 20000 / TEST_SLOWDOWN, MILLION = 1000000 };

static struct sleeper {
    leat_time when;
    bool      early, woke;
} sleepers[SLEEPERS];

static int sleep_once(void *arg)
{
    struct sleeper *sleeper = arg;
    int             err = leat_sleep_until(sleeper->when);

    sleeper->early = leat_now() < sleeper->when;
    sleeper->woke = true;
    return err;
}

static void run_sleepers(leat_time spread)
{
    struct leat__random random;
    leat_time           base = leat_after(200 * LEAT_MSEC);
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    leat__random_init(&random, test_seed());
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){ .when = base };
        if (spread > 0)
            sleepers[i].when += leat__random_below(&random, (uint32_t)spread);
        expect_ok(leat_spawn(&scope, sleep_once, &sleepers[i]));
    }
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < SLEEPERS; i++) {
        assert_true(sleepers[i].woke);
        assert_true(!sleepers[i].early);
    }
}

LEAT_TEST_TASK(sleepers, thousands_that_sleep_until_one_instant_all_wake_and_none_is_early)
{
    run_sleepers(0);
}

LEAT_TEST_TASK(sleepers, thousands_that_sleep_until_random_instants_all_wake_and_none_is_early)
{
    run_sleepers(LEAT_SEC / 2);
}

/* ---- a million: tests/release million ---- */

static LEAT_ATOMIC(size_t) asleep, awake;

static int sleep_until_all_do(void *arg)
{
    const leat_time *when = arg;
    int err;

    fetch_add_relaxed(&asleep, 1);
    err = leat_sleep_until(*when);
    if (err == 0 && leat_now() >= *when)
        fetch_add_relaxed(&awake, 1);
    return err;
}

/* A figure of /proc/self/status or /proc/meminfo in KiB; 0 where it is not there. */
static size_t kib_of(const char *path, const char *name)
{
    FILE *file = fopen(path, "re");
    char line[256];
    size_t kib = 0;

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
            kib = strtoul(line + strlen(name) + 1, NULL, 10);
    if (file)
        fclose(file);
    return kib;
}

static size_t used_kib(void)
{
    return kib_of("/proc/self/status", "VmRSS") + kib_of("/proc/self/status", "VmPTE");
}

/* Each sleeps on a stack of its own; all are woken at one instant, and joined. */
LEAT_TEST_TASK(million, tasks_sleep_at_once_are_all_woken_and_joined)
{
    size_t count = getenv("LEAT_TEST_CAMPAIGN") && TEST_SLOWDOWN == 1 ? MILLION : SLEEPERS;
    size_t before = used_kib(), each;
    leat_time when = leat_after(count == MILLION ? 30 * LEAT_SEC : LEAT_SEC / 2);
    struct leat_stats stats;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    if (count == MILLION && kib_of("/proc/meminfo", "MemAvailable") < 6000000)
        test_skip("a million tasks need 6 GB of free memory");
    store_relaxed(&asleep, 0);
    store_relaxed(&awake, 0);
    for (size_t i = 0; i < count; i++)
        expect_ok(leat_spawn(&scope, sleep_until_all_do, &when));
    while (load_relaxed(&asleep) < count)
        expect_ok(leat_sleep(LEAT_MSEC));
    if (count == MILLION)
        expect_lt(leat_now(), when); /* all at once */
    each = (used_kib() - before) * 1024 / count;
    expect_ok(leat_scope_join(&scope));
    expect_eq(load_relaxed(&awake), count);
    expect_ok(leat_stats_read(&stats));
    printf("tasks=%zu bytes_each=%zu unguarded=%llu\n", count, each,
           (unsigned long long)stats.unguarded);
    if (count == MILLION)
        expect_lt(each, (size_t)5000);
}

/* ---- more stacks than the kernel guards ---- */

enum { GUARDED = 10, WITHOUT = 1000 };

struct parked {
    struct leat_event *release;
    LEAT_ATOMIC(size_t) count;
};

/* Each needs a stack of its own however long it takes to start them all. */
static int wait_for_release(void *arg)
{
    struct parked *parked = arg;

    fetch_add_relaxed(&parked->count, 1);
    return leat_event_wait(parked->release);
}

/* As on a machine without guard markers: two mappings a stack, and no more of them after some. */
LEAT_TEST_TASK(sleepers, tasks_beyond_the_limit_of_guards_run_without_and_are_counted)
{
    struct leat__stacks *stacks = &leat__runtime_current()->sched->stacks;
    struct leat_event release = { 0 };
    struct parked parked = { .release = &release };
    struct leat_stats before, after;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    if (stacks->guard == LEAT__GUARD_NONE)
        test_skip("this machine guards no stacks");
    expect_ok(leat_stats_read(&before));
    expect_eq(before.unguarded, 0u);
    pthread_mutex_lock(&stacks->lock);
    stacks->guard = LEAT__GUARD_MPROTECT;
    stacks->guard_max = stacks->counts.guarded + GUARDED;
    pthread_mutex_unlock(&stacks->lock);
    for (int i = 0; i < WITHOUT; i++)
        expect_ok(leat_spawn(&scope, wait_for_release, &parked));
    while (load_relaxed(&parked.count) < WITHOUT)
        expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_stats_read(&after));
    leat_event_set(&release);
    expect_ok(leat_scope_join(&scope));
    expect_ge(after.unguarded, (uint64_t)WITHOUT - GUARDED - 200); /* 200: guarded, free before */
    expect_le(after.unguarded, (uint64_t)WITHOUT + 200);
}
