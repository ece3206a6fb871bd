/* SPDX-License-Identifier: MIT */
/* quick.h as the simulation sees it: it wants to know of each suspension (sim/cancel.c). */
#ifndef LEAT_SIM_SHIM_SCHED_QUICK_H
#define LEAT_SIM_SHIM_SCHED_QUICK_H

#include "sched/sched.h"

#define leat__park_quick  leat__park_on
#define leat__ready_quick(worker, fiber) (leat__ready_on(worker, fiber), true)

#endif
