/* SPDX-License-Identifier: MIT */
/* The life of an offloaded call, seen from its caller and from the thread that runs it.
 *
 *             begin a wait, submit            fn returned: exchange
 *     (none) ----------------------> WAITED ------------------------> DONE
 *                                    ^    |        ^
 *                       swap to the  |    |        | (in WAITED the word is the generation of the
 *                       next wait    +----+        |  wait that the end of the call must claim)
 *
 * A flag and a pointer to the waiter's ticket were rejected: when a cancel ends the first wait and
 * the caller begins another, the thread could read half of each ticket.
 *
 * INVARIANTS
 *   I1  Exactly one of these ends a submitted call: withdraw returns true, run, or refuse.
 *   I2  After the exchange to DONE the thread touches neither the call nor the caller's frame, only
 *       the waiter's word, which lives in type-stable memory (wait_word.h, I3).
 *   I3  The caller leaves only after withdraw said true, or after it has seen DONE: by winning the
 *       wait's EVENT, which is claimed after the exchange, or by failing to swap the word.
 *
 * ORDERING
 *   O1  The exchange to DONE releases the result; it is acquired by the caller through the wait
 *       word (claim to resume), or by the failing compare-and-swap in finish_shielded.
 *   O2  The fields of the call are published to the thread by the pool's lock.
 *   O3  The swap to the next wait releases that wait's beginning to the exchange to DONE. Without
 *       it the thread knows the new generation and may still see the waiter's word in the old one:
 *       it would take the wait for over, and nobody would ever end it. */
#include "task/offload.h"
#include "base/check.h"
#include "task/self.h"
#include "task/task.h"

#include <stddef.h>

/* The first wait has ended early and a thread has the call: wait for its end, whatever else. */
static void finish_shielded(struct leat__offload *call, uint64_t generation)
{
    struct leat__wait wait;
    static const struct leat__reason reason = { "finish a call, which was asked to end:",
                                                LEAT__ABOUT_FUNCTION, LEAT__OUTER };
    int err = leat__wait_begin(&wait, LEAT__WAIT_SHIELDED, LEAT_NEVER);

    leat__self_reason(wait.self, &reason, (void *)(uintptr_t)call->fn);
    leat__check(err == 0, "a shielded wait can always begin: tell the authors of leat");
    /* acquire, failing: O1, end_call's release; release: O3, to end_call's acquire */
    if (cas_acq_rel(&call->word, &generation, wait.ticket.generation))
        leat__wait_park(&wait, NULL);
    else
        leat__wait_abandon(&wait); /* ended in between, and has no ticket of this wait */
}

int leat__offload_call(struct leat__offload_pool *pool, int (*fn)(void *arg), void *arg)
{
    struct leat__self *self = leat__self();
    struct leat__offload call = { .fn = fn,
                                  .arg = arg,
                                  .scope = self->scope,
                                  .shield = self->shield,
                                  .guard = self->guard,
                                  /* relaxed, here and below: the task's own, which waits */
                                  .locals = load_relaxed(&self->locals),
                                  .waiter = self->waiter };
    struct leat__wait wait;
    enum leat__cause cause;
    bool own;
    /* A wait's begin knows the time of the worker's last look; what is called may run for long. */
    int err = leat_cancelled();

    if (!err)
        err = leat__wait_begin(&wait, LEAT__WAIT_CANCELLABLE, LEAT_NEVER);
    if (err)
        return err;
    leat__self_reason(self, pool->reason, (void *)(uintptr_t)fn);
    leat__list_init(&call.node);
    store_relaxed(&call.word, wait.ticket.generation); /* relaxed: O2 */
    err = pool->submit(pool, &call);
    if (err) {
        leat__wait_abandon(&wait);
        return err;
    }
    cause = leat__wait_park(&wait, NULL);
    if (cause != LEAT__CAUSE_EVENT) {
        if (pool->withdraw(pool, &call))
            return leat__wait_error(&wait, cause, &own);
        finish_shielded(&call, wait.ticket.generation);
    }
    return call.result;
}

static void end_call(struct leat__offload *call, int result)
{
    struct leat__ticket ticket = { .waiter = call->waiter };

    call->result = result;
    /* release: O1, to the caller; acquire: O3, finish_shielded's swap */
    ticket.generation = exchange_acq_rel(&call->word, LEAT__OFFLOAD_DONE);
    if (leat__claim(ticket, LEAT__CAUSE_EVENT))
        leat__wake(ticket.waiter);
}

void leat__offload_run(struct leat__offload *call)
{
    struct leat__self *self = leat__self();
    int result;

    self->scope = call->scope; /* it outlives the call: its owner waits for us */
    self->shield = call->shield;
    self->guard = call->guard;
    store_relaxed(&self->locals, call->locals);
    result = call->fn(call->arg);
    leat__check(self->scope == call->scope, "join every scope that a pool's call enters");
    leat__bound_leave(self); /* a look at leat_cancelled() made us a member of the scope */
    self->scope = NULL;
    self->shield = 0;
    self->guard = NULL;
    store_relaxed(&self->locals, NULL);
    end_call(call, result);
}

void leat__offload_refuse(struct leat__offload *call, int err)
{
    end_call(call, err);
}

int leat__offload_here(int (*fn)(void *arg), void *arg)
{
    int err = leat_cancelled();

    return err ? err : fn(arg);
}
