/* SPDX-License-Identifier: MIT */
/* The decision point: what the shim of lockfree/atomic.h puts before each operation. */
#ifndef LEAT_SIM_POINT_H
#define LEAT_SIM_POINT_H

#include <stdbool.h>
#include <stdint.h>

/* Plain: they change only while the process has one thread that looks at them. */
extern bool     leat__sim_on;
extern uint32_t leat__sim_budget; /* points until the next decision */
extern bool     leat__sim_fine;   /* plain accesses of atomics are points too */

void leat__sim_decide(void);
void leat__sim_yield(void);

static inline void leat__sim_point(void)
{
    if (__builtin_expect(leat__sim_on, 1) && __builtin_expect(--leat__sim_budget == 0, 0))
        leat__sim_decide();
}

static inline void leat__sim_fine_point(void)
{
    if (__builtin_expect(leat__sim_fine, 0))
        leat__sim_point();
}

#endif
