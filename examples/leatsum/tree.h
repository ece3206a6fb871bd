/* SPDX-License-Identifier: MIT */
/* The job of printing sums of trees. */
#ifndef LEATSUM_TREE_H
#define LEATSUM_TREE_H

#include "pipeline.h"

struct tree {
    uint64_t files; /* printed */
    uint64_t bytes; /* of them */
    uint64_t failures;
};

source_fn tree_source; /* arg: struct tree */
print_fn  tree_print;

#endif
