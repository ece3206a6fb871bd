/* SPDX-License-Identifier: MIT */
/* The world of a simulation without descriptors: every operation says so. */
#include "sim/reactor.h"

#include <errno.h>

void leat__sim_world_begin(void)
{
}

void leat__sim_world_end(void)
{
}

int leat__sim_world_attempt(struct leat__op *op)
{
    (void)op;
    return -ENOSYS;
}

int leat__sim_world_take(struct leat__op *op)
{
    (void)op;
    return -ENOSYS;
}

void leat__sim_world_cancel(struct leat__op *op)
{
    leat__sim_op_done(op, -ECANCELED);
}

int leat__sim_world_perform(struct leat__op *op)
{
    (void)op;
    return -ENOSYS;
}
