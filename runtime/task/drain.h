/* SPDX-License-Identifier: MIT */
/* Detached tasks: the runtime's own scope, and what becomes of it at the end. */
#ifndef LEAT_TASK_DRAIN_H
#define LEAT_TASK_DRAIN_H

#include <leat/time.h>

struct leat__runtime;

void leat__drain_init(struct leat__runtime *runtime);

/* The root task, when its function has returned: give detached tasks `patience` to end by
 * themselves, cancel them, and wait for them. */
void leat__drain(struct leat__runtime *runtime, leat_time patience);

#endif
