/* SPDX-License-Identifier: MIT */
/* An abandonable wait on an object that caller and thread share.
 *
 * INVARIANTS
 *   I1  Whoever comes second to the lock, the caller who gives up or the thread whose fn ended,
 *       frees the object: the flag that the first one set tells. A thread that comes first wakes
 *       the caller, or finds its wait over and leaves the result for it.
 *   I2  The value is the thread's from submit until `ended`, then his who frees the object. */
#include "blocking/owned.h"

#include "base/container.h"
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/wait.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define OWNED_MAX ((size_t)64 << 10)

struct owned {
    struct leat__offload call; /* node and fn; no waiter tells it apart */
    struct leat__lock    lock; /* guards all below but the value, which is fn's until it ended */
    bool                 ended, abandoned;
    int                  result;
    struct leat__ticket  ticket;
    void               (*drop)(void *value);
    _Alignas(max_align_t) unsigned char value[];
};

static void discard(struct owned *owned)
{
    if (owned->drop)
        owned->drop(owned->value);
    free(owned);
}

/* fn has ended, or will not be called. */
static void end_owned(struct owned *owned, int result)
{
    struct leat__waiter *waiter;
    bool abandoned, won;

    leat__lock(&owned->lock);
    owned->ended = true;
    owned->result = result;
    waiter = owned->ticket.waiter; /* the object may be gone when we unlock */
    abandoned = owned->abandoned;
    won = !abandoned && leat__claim(owned->ticket, LEAT__CAUSE_EVENT);
    leat__unlock(&owned->lock);
    if (abandoned)
        discard(owned);
    else if (won)
        leat__wake(waiter);
}

bool leat__owned_is(const struct leat__offload *call)
{
    return call->waiter == NULL;
}

void leat__owned_run(struct leat__offload *call)
{
    struct owned *owned = leat__container_of(call, struct owned, call);

    end_owned(owned, call->fn(owned->value));
}

void leat__owned_refuse(struct leat__offload *call, int err)
{
    call->fn = NULL; /* it was not called */
    end_owned(leat__container_of(call, struct owned, call), err);
}

static int wait_for(struct leat__offload_pool *pool, struct owned *owned, void *value,
                    size_t bytes)
{
    struct leat__wait wait;
    enum leat__cause cause;
    int (*fn)(void *) = owned->call.fn;
    bool ended, own;
    int err = leat_cancelled(); /* by the clock, as leat__offload_call */

    if (!err)
        err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);
    if (!err) {
        leat__self_reason(wait.self, pool->reason, (void *)(uintptr_t)fn);
        owned->ticket = wait.ticket;
        err = pool->submit(pool, &owned->call);
        if (err)
            leat__wait_abandon(&wait);
    }
    if (err) {
        discard(owned);
        return err;
    }
    cause = leat__wait_park(&wait, NULL);
    if (cause != LEAT__CAUSE_EVENT && pool->withdraw(pool, &owned->call)) {
        discard(owned);
        return leat__wait_error(&wait, cause, &own);
    }
    leat__lock(&owned->lock);
    ended = owned->ended;
    owned->abandoned = !ended;
    leat__unlock(&owned->lock);
    if (!ended)
        return leat__wait_error(&wait, cause, &own);
    err = owned->result;
    if (!owned->call.fn) {
        discard(owned);
        return err;
    }
    memcpy(value, owned->value, bytes);
    free(owned);
    return err;
}

int leat__owned_call(struct leat__offload_pool *pool, int (*fn)(void *value), void *value,
                     size_t bytes, void (*drop)(void *value))
{
    struct owned *owned = bytes <= OWNED_MAX ? calloc(1, sizeof *owned + bytes) : NULL;

    if (!owned) {
        if (drop)
            drop(value);
        memset(value, 0, bytes);
        return bytes <= OWNED_MAX ? -ENOMEM : -E2BIG;
    }
    leat__list_init(&owned->call.node);
    owned->call.fn = fn;
    owned->drop = drop;
    memcpy(owned->value, value, bytes);
    memset(value, 0, bytes);
    return wait_for(pool, owned, value, bytes);
}
