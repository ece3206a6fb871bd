/* SPDX-License-Identifier: MIT */
/* A fence with a cheap and a dear side. Two threads that each store, then fence, then load, see at
 * least one of the stores; with this pair one of them, the frequent one, pays nothing:
 *
 *     frequent                              rare
 *       store mine                            store mine
 *       leat__fence_light()   <- pairs ->     leat__fence_heavy()
 *       load theirs                           load theirs
 *
 * The light one only keeps the compiler from moving accesses; the heavy one is a system call that
 * has every CPU which runs a thread of the process execute a full fence (some microseconds). Both
 * are sequentially consistent fences to each other, which is how the model checker plays them.
 * Light does not pair with light. */
#ifndef LEAT_PLATFORM_MEMBARRIER_H
#define LEAT_PLATFORM_MEMBARRIER_H

#include <stdbool.h>

/* Can the kernel do it? Where not, nobody may rely on light fences. Constant; any thread. */
bool leat__fence_usable(void);

void leat__fence_heavy(void);

static inline void leat__fence_light(void)
{
    __asm__ volatile("" ::: "memory");
}

#endif
