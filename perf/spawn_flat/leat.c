/* SPDX-License-Identifier: MIT */
/* Empty tasks in a scope: a million at once, or one after the other. */
#include <leat/leat.h>

#include <string.h>

#include "helper.h"

enum { TASKS = 1000000 };

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void spawn_flat(void *data)
{
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    (void)data;
    for (int i = 0; i < TASKS; i++)
        leat_spawn(&scope, nothing, NULL);
    if (leat_scope_join(&scope))
        perf_die("a spawn failed", 0);
}

static void spawn_one(void *data)
{
    (void)data;
    for (int i = 0; i < TASKS; i++) {
        LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

        leat_spawn(&scope, nothing, NULL);
        if (leat_scope_join(&scope))
            perf_die("a spawn failed", 0);
    }
}

static int measure(void *arg)
{
    const struct perf_args *args = arg;
    struct leat_stats       stats;
    bool                    one = strcmp(args->question, "spawn_one") == 0;

    perf_repeat_ns(args, TASKS, one ? spawn_one : spawn_flat, NULL);
    if (leat_stats_read(&stats) || stats.spawns < (uint64_t)TASKS * ((uint64_t)args->samples + 1))
        perf_die("not all tasks were spawned", 0);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(measure, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
