/* SPDX-License-Identifier: MIT */
/* Operations as plain system calls: the direct try, what epoll does once a descriptor is ready,
 * and what a thread does that may sleep. The only callers are op.c and the back ends. */
#ifndef LEAT_REACTOR_CALL_H
#define LEAT_REACTOR_CALL_H

#include "reactor/op.h"

/* Whether the op is on a file, for which there is no readiness to wait for. */
static inline bool leat__op_is_on_file(const struct leat__op *op)
{
    return (op->code >= LEAT__OP_READ_AT && op->code <= LEAT__OP_SYNC);
}

/* Whether `bytes` is a length. */
static inline bool leat__op_has_bytes(const struct leat__op *op)
{
    return op->code <= LEAT__OP_WRITE_AT || op->code == LEAT__OP_RECV || op->code == LEAT__OP_SEND;
}

/* Do it if that takes no sleep. Returns its result, or -EAGAIN when it would have to wait.
 * `ready` says that the descriptor was just seen to be: then a plain call may stand in where the
 * kernel can't promise not to sleep, on descriptors that others have in use too. */
int leat__op_attempt(struct leat__op *op, bool ready);

/* Do it, and sleep for it where needed. Returns its result. An offload function: arg is the op. */
int leat__op_perform(void *arg);

/* What to poll for before another attempt. */
unsigned leat__op_events(const struct leat__op *op);

/* All of leat__op_run on a thread that is no worker's. */
int leat__op_run_alone(struct leat__op *op);

#endif
