/* SPDX-License-Identifier: MIT */
/* Calls handed to a thread of a pool while the caller waits: what the blocking and the compute pool
 * have in common. A pool decides which thread runs a call and when; this decides how the caller
 * waits for it, and who may still touch the call.
 *
 *     struct my_pool { struct leat__offload_pool port; ... };    // submit, withdraw
 *     int result = leat__offload_call(&pool->port, fn, arg);     // the caller
 *     leat__offload_run(call);                                   // a thread of the pool
 *
 * An owed wait: the call lives in the caller's frame and works on the caller's memory, so a cancel
 * or a deadline can only take a call back that no thread has taken yet. Once one has, the caller
 * waits, shielded, for the end. (Calls on the heap that a cancelled caller may leave behind need a
 * copy of the argument and a way to drop it: another interface, not another flag of this one.) */
#ifndef LEAT_TASK_OFFLOAD_H
#define LEAT_TASK_OFFLOAD_H

#include "base/list.h"
#include "lockfree/atomic.h"
#include "task/wait.h"

#include <leat/task.h>

#include <stdbool.h>
#include <stdint.h>

struct leat__offload {
    struct leat__list node; /* the pool's: in its queue, under its lock */
    int (*fn)(void *arg);
    void                 *arg;
    struct leat__scope   *scope;  /* the caller's innermost, for leat_cancelled() inside fn */
    unsigned              shield; /* and its shields */
    struct leat__grace   *guard;
    struct leat__local_node *locals;
    int                   result; /* valid once word is LEAT__OFFLOAD_DONE */
    struct leat__waiter  *waiter;
    LEAT_ATOMIC(uint64_t) word; /* generation of the wait that waits for it, or DONE */
};

#define LEAT__OFFLOAD_DONE UINT64_C(1) /* no generation has this bit */

struct leat__offload_pool {
    const struct leat__reason *reason; /* about the call's function, for reports */

    /* Take the call: exactly one thread will run it. Returns 0, or an error: then none will. */
    int (*submit)(struct leat__offload_pool *pool, struct leat__offload *call);

    /* Take a submitted call back. False: a thread has it, and will end it. */
    bool (*withdraw)(struct leat__offload_pool *pool, struct leat__offload *call);
};

/* Run fn(arg) on a thread of the pool and wait for its result.
 * Returns fn's result; -ECANCELED or -ETIMEDOUT, or what submit said, when fn was not called. */
int leat__offload_call(struct leat__offload_pool *pool, int (*fn)(void *arg), void *arg);

/* A thread of the pool, on a call it took: call fn in the name of the caller, then wake the caller.
 * The call is gone when this returns. */
void leat__offload_run(struct leat__offload *call);

/* A pool that took a call and finds that no thread will ever run it: end it with `err`. The call is
 * gone when this returns. Not under the pool's lock. */
void leat__offload_refuse(struct leat__offload *call, int err);

/* fn(arg) on the calling thread, which is no worker, unless its scopes have ended. (A thread of a
 * pool that waited for another of the same pool could wait for ever, when all of them do.) */
int leat__offload_here(int (*fn)(void *arg), void *arg);

#endif
