/* SPDX-License-Identifier: MIT */
/* quick.h as the model sees it: drivers play the scheduler (drivers/tasks.h). */
#ifndef LEAT_MODEL_SHIM_SCHED_QUICK_H
#define LEAT_MODEL_SHIM_SCHED_QUICK_H

#include "sched/sched.h"

#define leat__park_quick  leat__park_on
#define leat__ready_quick(worker, fiber) (leat__ready_on(worker, fiber), true)

#endif
