/* SPDX-License-Identifier: MIT */
/* The stack advisor: what was measured (task/measure.h), said by name. */
#ifndef LEAT_OBSERVE_ADVISOR_H
#define LEAT_OBSERVE_ADVISOR_H

#include "task/runtime.h"

/* Calls line(arg, text) for each line of the report. The runtime measures. Returns 0 or -ENOMEM. */
int leat__advise(struct leat__runtime *runtime, void (*line)(void *arg, const char *text),
                 void *arg);

#endif
