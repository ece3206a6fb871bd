/* SPDX-License-Identifier: MIT */
/* membarrier.h as the simulation sees it: the light fence is a decision point too, for it stands
 * between a store and a load whose order is all that matters. */
#ifndef LEAT_SIM_SHIM_PLATFORM_MEMBARRIER_H
#define LEAT_SIM_SHIM_PLATFORM_MEMBARRIER_H

#include_next "platform/membarrier.h"

#include "sim/point.h"

#define leat__fence_light() (leat__sim_point(), (leat__fence_light)())

#endif
