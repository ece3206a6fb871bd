/* SPDX-License-Identifier: MIT */
/* examples/leatsum on the tree: process start, walk, ordered output and all. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "helper.h"
#include "tree.h"

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    const char      *command[] = { PERF_LEATSUM, tree_root(), NULL };

    setenv("LEAT_WORKERS", argv[2], 1);
    for (int i = 0; i < args.samples; i++)
        tree_command(&args, command);
    return 0;
}
