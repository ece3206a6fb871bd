/* SPDX-License-Identifier: MIT */
/* The same work (work.h) done in five ways, and how long each takes.
 *
 *     approaches [ITEMS]
 *
 * tasks.h has it as tasks; perf/approaches asks the same beside plain C. */
#include "tasks.h"

#include <leat/procs.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On a thread that may block: plain calls, as in any C program. */
static int block_and_compute(void *arg)
{
    work_wait();
    return compute(arg);
}

static int on_a_thread(void *arg)
{
    return leat_blocking(block_and_compute, arg);
}

static int in_sequence(struct item *items, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && !err; i++)
        err = wait_and_compute(&items[i]);
    return err;
}

struct approach {
    const char           *name;
    struct leat_executor *executor;
    leat_task_fn         *fn; /* NULL: one after the other */
};

static int compare(struct item *items, size_t count, struct leat_procs *procs)
{
    const struct approach approaches[] = {
        { "one after the other", leat_executor_inline(), NULL },
        { "tasks", leat_executor_inline(), wait_and_compute },
        { "tasks, computing pool", leat_executor_compute(), wait_and_compute },
        { "threads", leat_executor_inline(), on_a_thread },
        { "tasks, processes", leat_procs_executor(procs), wait_and_compute },
    };
    uint64_t sum = 0, first_sum = 0;

    printf("%-22s %10s %10s\n", "approach", "ms", "items/s");
    for (size_t i = 0; i < sizeof approaches / sizeof approaches[0]; i++) {
        const struct approach *approach = &approaches[i];
        leat_time begin = leat_now();
        double seconds;
        int err;

        for (size_t j = 0; j < count; j++)
            items[j] = (struct item){ .number = j, .executor = approach->executor };
        err = approach->fn ? at_once(items, count, approach->fn) : in_sequence(items, count);
        if (err)
            return err;
        seconds = (double)(leat_now() - begin) / LEAT_SEC;
        sum = 0;
        for (size_t j = 0; j < count; j++)
            sum += items[j].digest;
        if (i == 0)
            first_sum = sum;
        printf("%-22s %10.1f %10.0f%s\n", approach->name, seconds * 1e3,
               (double)count / seconds, sum == first_sum ? "" : "  WRONG");
    }
    return sum == first_sum ? 0 : 1;
}

static int app(void *arg)
{
    size_t count = *(size_t *)arg;
    struct leat_procs *procs;
    struct item *items;
    int err = leat_procs_open(&procs, NULL);

    if (err)
        return err;
    items = calloc(count, sizeof *items);
    err = items ? compare(items, count, procs) : -ENOMEM;
    free(items);
    leat_procs_close(procs);
    return err;
}

int main(int argc, char **argv)
{
    bool   help = argc > 1 && strcmp(argv[1], "--help") == 0;
    size_t count = 200;

    leat_procs_main(argc, argv);
    if (argc > 1)
        count = strtoul(argv[1], NULL, 10);
    if (count == 0 || count > 1000000) {
        fprintf(help ? stdout : stderr, "usage: approaches [ITEMS], from 1 to 1000000\n");
        return help ? 0 : 2;
    }
    return leat_main(app, &count, NULL);
}
