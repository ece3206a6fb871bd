/* SPDX-License-Identifier: MIT */
/* A task for each item, which computes on its worker. */
#include "leat.h"

#include <leat/remote.h>

static int app(void *arg)
{
    return measure(arg, leat_executor_inline());
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    struct bench     bench = { .args = &args };

    return leat_main(app, &bench, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
