/* SPDX-License-Identifier: MIT */
/* Calls that a caller may leave behind: on the heap, with a copy of their argument. To the pool
 * they are calls like others, run and refused by these functions instead of leat__offload_. */
#ifndef LEAT_BLOCKING_OWNED_H
#define LEAT_BLOCKING_OWNED_H

#include "task/offload.h"

#include <stdbool.h>
#include <stddef.h>

/* As leat_blocking_owned, on that pool. */
int leat__owned_call(struct leat__offload_pool *pool, int (*fn)(void *value), void *value,
                     size_t bytes, void (*drop)(void *value));

bool leat__owned_is(const struct leat__offload *call);

/* The call is gone when these return. */
void leat__owned_run(struct leat__offload *call);
void leat__owned_refuse(struct leat__offload *call, int err);

#endif
