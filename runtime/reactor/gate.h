/* SPDX-License-Identifier: MIT */
/* Who is inside a handle (stream, listener), so that it can be shut while calls are pending and
 * closed when none is left. An fd that is closed under a call may be another file's by the time the
 * kernel looks at it; so every call counts, from before its first system call to after its last,
 * and ops that were gathered but not submitted count with it.
 *
 *     int err = leat__gate_enter(&stream->gate, LEAT__GATE_READER);
 *     if (err)
 *         return err;                                // shut: -ECANCELED
 *     ... ops with .gate = &stream->gate ...
 *     leat__gate_leave(&stream->gate, LEAT__GATE_READER);
 *
 *     leat__gate_shut(&stream->gate);                // pending ops are cancelled, later calls fail
 *     leat__gate_close(&stream->gate);               // and waited for
 *     close(stream->fd);
 *
 * All-zero memory is an open gate. Shutting claims the waits of the pending ops; each caller then
 * cancels its own op, so nobody but its caller ever needs to reach an op in the kernel. (A plain
 * thread has none there: it waits until its descriptor is ready.)
 *
 * INVARIANTS
 *   I1  word counts the calls inside. SHUT is never taken back.
 *   I2  An op that waits is in `waiting` from before its submission until it is done, and it went
 *       in under the lock with SHUT not set; shut sets SHUT first and then takes the lock, so it
 *       either finds the op or the op finds SHUT.
 *   I3  CLOSING is set after `closer` was published. Whoever leaves last then ends the closer's
 *       wait, and touches the gate no more once it has woken it.
 *
 * ORDERING
 *   O1  leave releases what the call did with the handle to the closer's acquire. */
#ifndef LEAT_REACTOR_GATE_H
#define LEAT_REACTOR_GATE_H

#include "base/list.h"
#include "lockfree/atomic.h"
#include "lockfree/lock.h"
#include "task/wait.h"

#include <stdbool.h>
#include <stdint.h>

struct leat__op;

#define LEAT__GATE_SHUT    UINT32_C(1)
#define LEAT__GATE_CLOSING UINT32_C(2)
#define LEAT__GATE_READER  UINT32_C(4) /* marks: at most one caller of each at a time */
#define LEAT__GATE_WRITER  UINT32_C(8)
#define LEAT__GATE_COUNT   UINT32_C(16)

struct leat__gate {
    LEAT_ATOMIC(uint32_t) word;
    struct leat__lock     lock;
    struct leat__list     waiting; /* ops; a zero head is an empty one */
    struct leat__ticket   closer;
};

/* Count the caller in; `mark` is a mark or 0. Returns -ECANCELED when the gate is shut. */
int  leat__gate_enter(struct leat__gate *gate, uint32_t mark);
void leat__gate_leave(struct leat__gate *gate, uint32_t mark);

/* A call in a loop looks whether to go on. */
static inline bool leat__gate_is_shut(struct leat__gate *gate)
{
    /* relaxed: a hint; an op that has to wait looks again under the lock */
    return (load_relaxed(&gate->word) & LEAT__GATE_SHUT) != 0;
}

/* Refuse later calls and cancel the pending ones. Any thread, any number of times; never blocks. */
void leat__gate_shut(struct leat__gate *gate);

/* Shut, and wait until no call is inside. Not a cancellation point. Once. */
void leat__gate_close(struct leat__gate *gate);

/* For leat__op_run: the op, whose first ticket is set, is about to be submitted. Returns -ECANCELED
 * when the gate is shut. */
int  leat__gate_admit(struct leat__gate *gate, struct leat__op *op);
void leat__gate_dismiss(struct leat__gate *gate, struct leat__op *op);

#endif
