/* SPDX-License-Identifier: MIT */
/* What the approaches in plain C share. */
#ifndef LEAT_PERF_APPROACHES_PLAIN_H
#define LEAT_PERF_APPROACHES_PLAIN_H

#include "../../examples/approaches/work.h"

#include "helper.h"

enum { ITEMS = 64 };

/* The same sum as the tasks'. */
static inline void check_digests(const uint64_t digests[ITEMS])
{
    uint64_t sum = 0;

    for (int i = 0; i < ITEMS; i++)
        sum += digests[i];
    perf_check_value(sum);
}

#endif
