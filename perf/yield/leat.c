/* SPDX-License-Identifier: MIT */
/* Tasks that wait at a gate until all are there, and then yield. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

struct yields {
    struct leat_waitgroup gate;
    int                   each;
    atomic_int            up;
};

static int yielder(void *arg)
{
    struct yields *yields = arg;
    int            err;

    atomic_fetch_add(&yields->up, 1);
    err = leat_waitgroup_wait(&yields->gate);
    for (int i = 0; i < yields->each; i++)
        leat_yield();
    return err;
}

static double run_once(int tasks, int all)
{
    struct yields yields = { .each = all / tasks };
    int64_t       start;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    leat_waitgroup_add(&yields.gate, 1);
    for (int i = 0; i < tasks; i++)
        leat_spawn(&scope, yielder, &yields);
    while (atomic_load(&yields.up) < tasks)
        leat_yield();
    start = perf_now_ns();
    leat_waitgroup_done(&yields.gate);
    if (leat_scope_join(&scope))
        perf_die("a task failed", 0);
    return (double)(perf_now_ns() - start) / ((double)yields.each * tasks);
}

static int measure(void *arg)
{
    const struct perf_args *args = arg;
    int                     tasks = atoi(args->question + strlen("yield_"));
    int                     all = tasks > 1000 ? 5000000 : 10000000;

    for (int i = -1; i < args->samples; i++) { /* the first warms up */
        double each = run_once(tasks, all);

        if (i >= 0)
            perf_sample(each);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(measure, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
