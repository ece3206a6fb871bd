/* SPDX-License-Identifier: MIT */
/* A task for each item, whose computing is done where an executor says: the example's own code. */
#ifndef LEAT_PERF_APPROACHES_LEAT_H
#define LEAT_PERF_APPROACHES_LEAT_H

#include "../../examples/approaches/tasks.h"

#include "helper.h"

enum { ITEMS = 64 };

struct bench {
    const struct perf_args *args;
    struct leat_executor   *executor;
    struct item             items[ITEMS];
};

static void run(void *data)
{
    struct bench *bench = data;

    for (uint64_t i = 0; i < ITEMS; i++)
        bench->items[i] = (struct item){ .number = i, .executor = bench->executor };
    if (at_once(bench->items, ITEMS, wait_and_compute) != 0)
        perf_die("a task failed", 0);
}

static int measure(struct bench *bench, struct leat_executor *executor)
{
    uint64_t sum = 0;

    bench->executor = executor;
    perf_repeat_ns(bench->args, 1e6, run, bench);
    for (int i = 0; i < ITEMS; i++)
        sum += bench->items[i].digest;
    perf_check_value(sum);
    return 0;
}

#endif
