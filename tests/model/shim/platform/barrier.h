/* SPDX-License-Identifier: MIT */
/* barrier.h as the model checker sees it: the dear half of a pair of fences. (A barrier on all
 * threads is more than that: it orders other threads at any instant, with or without a light fence.
 * What holds with the pair holds with it.) */
#ifndef LEAT_PLATFORM_BARRIER_H
#define LEAT_PLATFORM_BARRIER_H

#include "lockfree/atomic.h"

static inline void leat__barrier_all(void)
{
    model_fence_heavy(leat__site(barrier_all, ""));
}

#endif
