/* SPDX-License-Identifier: MIT */
/* membarrier.h as the model checker sees it: two fences. */
#ifndef LEAT_PLATFORM_MEMBARRIER_H
#define LEAT_PLATFORM_MEMBARRIER_H

#include "lockfree/atomic.h"

static inline bool leat__fence_usable(void)
{
    return true;
}

static inline void leat__fence_light(void)
{
    fence_seq_cst();
}

static inline void leat__fence_heavy(void)
{
    fence_seq_cst();
}

#endif
