/* SPDX-License-Identifier: MIT */
/* A task for each item, which has a process compute. */
#include "leat.h"

#include <leat/procs.h>

static int app(void *arg)
{
    struct leat_procs *procs;
    int                err = leat_procs_open(&procs, NULL);

    if (err)
        return err;
    err = measure(arg, leat_procs_executor(procs));
    leat_procs_close(procs);
    return err;
}

int main(int argc, char **argv)
{
    leat_procs_main(argc, argv);

    struct perf_args args = perf_args_parse(argc, argv);
    struct bench     bench = { .args = &args };

    return leat_main(app, &bench, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
