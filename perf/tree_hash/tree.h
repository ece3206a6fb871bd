/* SPDX-License-Identifier: MIT */
/* tree.h: what the subjects share: which tree, which CPUs, and how their results are compared. */
#ifndef LEAT_PERF_TREE_HASH_TREE_H
#define LEAT_PERF_TREE_HASH_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "helper.h"

enum { DIGEST_BYTES = 32 };

/* The check value of a set of files, whatever their order: the exclusive or of their digests, cut
 * to 64 bits, plus their number. */
struct tree_sum {
    uint8_t  digest[DIGEST_BYTES];
    uint64_t files;
};

void tree_sum_add(struct tree_sum *sum, const uint8_t digest[DIGEST_BYTES]);
void tree_sum_merge(struct tree_sum *sum, const struct tree_sum *other);
void tree_sum_report(const struct tree_sum *sum);

const char *tree_root(void);

/* The clock of the question: wall time, or CPU time of this process and its reaped children. */
int64_t tree_clock_ns(const struct perf_args *args);

/* On a larger machine, all subjects have as many CPUs as they have workers. */
void tree_bind(int workers);

/* Run a command that prints lines as sha256sum does; report its time in ms and what it found.
 * The lines go to memory, not to a terminal or a disk. */
void tree_command(const struct perf_args *args, const char *const *argv);

#endif
