/* SPDX-License-Identifier: MIT */
/* futex_shared.h as the simulation sees it: virtual processes share the program's memory. */
#ifndef LEAT_SIM_SHIM_PLATFORM_FUTEX_SHARED_H
#define LEAT_SIM_SHIM_PLATFORM_FUTEX_SHARED_H

#define leat__futex_shared_wait leat__kernel_futex_shared_wait
#define leat__futex_shared_wake leat__kernel_futex_shared_wake
#include_next "platform/futex_shared.h"
#undef leat__futex_shared_wait
#undef leat__futex_shared_wake

#include "platform/futex.h"
#include "sim/point.h"

#include <leat/time.h>

static inline void leat__futex_shared_wait(const void *word, uint32_t expected)
{
    if (leat__sim_on)
        (void)leat__futex_wait(word, expected, LEAT_NEVER);
    else
        leat__kernel_futex_shared_wait(word, expected);
}

static inline void leat__futex_shared_wake(const void *word, int count)
{
    if (leat__sim_on)
        leat__futex_wake(word, count);
    else
        leat__kernel_futex_shared_wake(word, count);
}

#endif
