/* SPDX-License-Identifier: MIT */
/* A line on the terminal that tells how far it is, and the summary at the end. */
#ifndef LEATSUM_PROGRESS_H
#define LEATSUM_PROGRESS_H

#include "console.h"
#include "pipeline.h"

struct progress {
    struct console      *console;
    const struct counts *counts;
    leat_time            start;
};

/* A task: draws until it is cancelled. */
int progress_show(void *arg);

/* Say what was done and what it took: -v. */
int progress_summary(const struct progress *progress, uint64_t files, uint64_t bytes);

#endif
