/* SPDX-License-Identifier: MIT */
/* What one does without leat: find, xargs and sha256sum, one process per worker. */
#include "helper.h"
#include "tree.h"

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    const char      *command[] = {
             "sh", "-c",        "find \"$1\" -type f -print0 | xargs -0 -P \"$2\" sha256sum",
             "sh", tree_root(), argv[2],
             NULL
    };

    for (int i = 0; i < args.samples; i++)
        tree_command(&args, command);
    return 0;
}
