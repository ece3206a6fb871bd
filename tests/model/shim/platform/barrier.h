/* SPDX-License-Identifier: MIT */
/* barrier.h as the model checker sees it: both halves of the pair are fences. (A barrier on all
 * threads is more than that: it may order other threads at any instant. What holds with fences
 * holds with it.) */
#ifndef LEAT_PLATFORM_BARRIER_H
#define LEAT_PLATFORM_BARRIER_H

#include "lockfree/atomic.h"

static inline void leat__barrier_all(void)
{
    fence_seq_cst();
}

#endif
