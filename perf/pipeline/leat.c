/* SPDX-License-Identifier: MIT */
/* leat_pipeline, as its users write it: a function a stage. */
#include <leat/leat.h>

#include "helper.h"

enum { NUMBERS = 1000000 };

static int make(void *out, void *arg)
{
    uint64_t *next = arg;

    if (*next == NUMBERS)
        return -ENODATA;
    *(uint64_t *)out = (*next)++;
    return 0;
}

static int add_one(const void *in, void *out, void *arg)
{
    (void)arg;
    *(uint64_t *)out = *(const uint64_t *)in + 1;
    return 0;
}

static int sum_up(const void *in, void *out, void *arg)
{
    (void)out;
    *(uint64_t *)arg += *(const uint64_t *)in;
    return 0;
}

static void run(void *data)
{
    uint64_t *sum = data;
    uint64_t next = 0;
    struct leat_source numbers = { make, &next, sizeof next };
    struct leat_stage stages[] = {
        { .fn = add_one, .out_bytes = sizeof next, .capacity = 64 },
        { .fn = add_one, .out_bytes = sizeof next, .capacity = 64 },
        { .fn = add_one, .out_bytes = sizeof next, .capacity = 64 },
        { .fn = sum_up, .arg = sum, .capacity = 64 },
    };
    int err;

    *sum = 0;
    err = leat_pipeline(&numbers, stages, 4);
    if (err)
        perf_die("the pipeline failed", -err);
}

static int app(void *arg)
{
    uint64_t sum;

    perf_repeat_ns(arg, NUMBERS, run, &sum);
    perf_check_value(sum);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(app, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
