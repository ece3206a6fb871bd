/* SPDX-License-Identifier: MIT */
/*
 * child.h: run one subject once and read what it prints. Subjects are processes, so that none
 * inherits another's heap, threads or warmed caches, and a crash is one subject's.
 */
#ifndef LEAT_PERF_RUNNER_CHILD_H
#define LEAT_PERF_RUNNER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SAMPLES_MAX = 256 };

enum child_end { CHILD_OK, CHILD_SKIPPED, CHILD_FAILED };

struct child_output {
    double   samples[SAMPLES_MAX];
    size_t   sample_count;
    bool     has_check;
    uint64_t check;
    double   peak_mb;     /* the largest resident set of it or of a process it waited for */
    char     reason[160]; /* why it was skipped or failed */
};

/* Runs argv[0] in a process group of its own, which is killed when the time is over or the runner
 * is interrupted. */
enum child_end child_run(const char *const *argv, int timeout_s, struct child_output *ret);

/* End on SIGINT and SIGTERM, taking the subject along. */
void child_handle_signals(void);

#endif
