/* SPDX-License-Identifier: MIT */
/* The fault seam: what tests make of an operation before it reaches the kernel.
 *
 *     static void third_read_fails(const struct leat__op *op, struct leat__fault *ret)
 *     {
 *         if (op->code == LEAT__OP_READ && ++reads == 3)
 *             ret->result = -EIO;
 *     }
 *     leat__fault_set(third_read_fails);
 *
 * Every leat__op_run passes here once, direct tries, both back ends and plain threads alike. In
 * normal use the hook is NULL: one load and a branch that is always predicted. */
#ifndef LEAT_REACTOR_FAULT_H
#define LEAT_REACTOR_FAULT_H

#include "lockfree/atomic.h"
#include "reactor/op.h"

#include <stddef.h>
#include <stdint.h>

enum leat__fault_cancel {
    LEAT__FAULT_CANCEL_RACES, /* as it comes */
    LEAT__FAULT_CANCEL_WINS,  /* the op is not begun; it ends when it is cancelled */
    LEAT__FAULT_CANCEL_LOSES, /* cancels are not passed on: the op ends by itself */
};

struct leat__fault {
    int     result;    /* negative: the op is not done and returns this */
    size_t  bytes_max; /* not 0: it is asked for no more than this */
    uint8_t late;      /* its completion is delivered so many looks at the reactor later */
    bool    ring;      /* it is not done directly, even if it could be */
    bool    crowded;   /* the ring has no room for it at first, nor for its cancel */
    bool    not_yet;   /* it comes back with -EAGAIN once, as for O_NONBLOCK on older kernels */
    enum leat__fault_cancel cancel;
};

/* Gets the op as its caller made it, and a fault that is all zero: none. On the caller's stack. */
typedef void leat__fault_fn(const struct leat__op *op, struct leat__fault *ret);

extern LEAT_ATOMIC(leat__fault_fn *) leat__fault_hook;

/* Any thread; operations that have begun are not changed. */
static inline void leat__fault_set(leat__fault_fn *hook)
{
    store_release(&leat__fault_hook, hook); /* pairs with the acquire in leat__op_run */
}

#endif
