/* SPDX-License-Identifier: MIT */
/* A memory barrier on every running thread of the process at once (membarrier(2)): the dear half of
 * a pair of fences, whose cheap half, fence_light() of lockfree/atomic.h, costs no instruction. */
#ifndef LEAT_PLATFORM_BARRIER_H
#define LEAT_PLATFORM_BARRIER_H

#include <stdbool.h>

/* Once per process, before the first of the other; again is fine. False: the kernel refuses. */
bool leat__barrier_prepare(void);

/* As if every other thread ran a full fence somewhere between the call and the return, and so does
 * the caller. */
void leat__barrier_all(void);

#endif
