/* SPDX-License-Identifier: MIT */
/* The work that every approach does. */
#ifndef LEAT_PERF_APPROACHES_WORK_H
#define LEAT_PERF_APPROACHES_WORK_H

#include <stdint.h>

enum { ITEMS = 64, ANSWER_NS = 3000000 };

/* About a millisecond of computing. */
uint64_t work_digest(uint64_t number);

/* The check value: the sum of all digests. */
uint64_t work_sum(const uint64_t digests[ITEMS]);

#endif
