/* SPDX-License-Identifier: MIT */
/* How a computation finds its lane: what leat_compute and every loop begin with. */
#ifndef LEAT_COMPUTE_ENTER_H
#define LEAT_COMPUTE_ENTER_H

#include "compute/lane.h"

struct leat_runtime;

typedef int leat__compute_fn(struct leat__lane *lane, void *arg);

/* Run fn where leat/compute.h says, on the pool of `runtime` or, when NULL, of the caller's. Jobs
 * that it forks run in the caller's name. Returns fn's result, or an error when it was not
 * called: as leat_compute_in. */
int leat__compute_enter_fn(struct leat_runtime *runtime, leat__compute_fn *fn, void *arg);

#endif
