/* SPDX-License-Identifier: MIT */
/* What the command line asked for. */
#ifndef LEATSUM_OPTIONS_H
#define LEATSUM_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct options {
    char **paths; /* files and directories, or with .check the lists; never empty */
    size_t path_count;

    bool     follow;  /* follow links met on a walk */
    bool     verbose; /* print a summary at the end */
    unsigned jobs;    /* CPUs to use; 0: all that this process may use */
    size_t   memory;  /* bytes of file contents in memory at once */

    bool check; /* the rest is about checking */
    bool ignore_missing;
    bool quiet;
    bool status;
    bool strict;
    bool warn;
};

#define OPTIONS_MEMORY_MIN ((size_t)64 << 10)

/* Fill *ret from the command line. Messages go to standard error, --help to standard output.
 * Returns -1 to go on, else the exit status to end with. */
int options_parse(struct options *ret, int argc, char **argv);

#endif
