/* SPDX-License-Identifier: MIT */
/* membarrier.h as the model checker sees it: a pair of fences. */
#ifndef LEAT_PLATFORM_MEMBARRIER_H
#define LEAT_PLATFORM_MEMBARRIER_H

#include "lockfree/atomic.h"

static inline bool leat__fence_usable(void)
{
    return true;
}

static inline void leat__fence_light(void)
{
    fence_light();
}

static inline void leat__fence_heavy(void)
{
    model_fence_heavy(leat__site(fence_heavy, ""));
}

#endif
