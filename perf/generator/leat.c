/* SPDX-License-Identifier: MIT */
/* leat_next and leat_yield_value. */
#include <leat/leat.h>

#include "helper.h"

enum { STEPS = 10000000 };

static int count(struct leat_gen *gen, void *arg)
{
    int err = 0;

    (void)arg;
    for (uint64_t i = 0; err == 0; i++)
        err = leat_yield_value(gen, &i);
    return err;
}

struct steps {
    const struct perf_args *args;
    struct leat_gen        *gen;
    uint64_t                sum;
};

static void step_all(void *data)
{
    struct steps *steps = data;
    uint64_t value;

    for (int i = 0; i < STEPS; i++) {
        if (leat_next(steps->gen, &value))
            perf_die("a step failed", 0);
        steps->sum += value;
    }
}

static int app(void *arg)
{
    struct steps *steps = arg;
    uint64_t all = (uint64_t)STEPS * ((uint64_t)steps->args->samples + 1);
    LEAT_GEN(gen, uint64_t, count, NULL);

    steps->gen = &gen;
    perf_repeat_ns(steps->args, STEPS, step_all, steps);
    if (steps->sum != all * (all - 1) / 2)
        perf_die("a step was lost", 0);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    struct steps steps = { .args = &args };

    return leat_main(app, &steps, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
