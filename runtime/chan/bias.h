/* SPDX-License-Identifier: MIT */
/* Exclusive access that costs nothing while one worker alone uses the object, and passes over to a
 * lock, or to whatever the object does without one, when another thread comes.
 *
 *     if (leat__bias_enter(&chan->bias, leat__worker_current())) {
 *         ... alone: plain loads and stores ...
 *         leat__bias_leave(&chan->bias);
 *     } else if (leat__bias_is_shared(&chan->bias)) {
 *         ... lock-free, or under the lock ...
 *     }
 *
 * A locked instruction costs as much as all the rest of a send. The owner announces itself by a
 * plain store and looks whether it still is the owner; a light fence (platform/membarrier.h) stands
 * between the two. Who takes the ownership away pays for that with the heavy one, once.
 *
 *     NONE ----------> a worker ----------> MOVING ----------> SHARED
 *       | first worker      another thread       the owner is out
 *       +-----------------------------------------------------> (first a plain thread)
 *
 * INVARIANTS
 *   I1  While `owner` is a worker only its thread is on the object, and only inside.
 *   I2  Changes of `owner` are made under the object's lock.
 *
 * ORDERING
 *   O1  The owner: inside = 1, light fence, look at owner. The taker: owner = MOVING, heavy fence,
 *       look at inside. One of them sees the other's store: the owner turns back, or the taker
 *       waits for it.
 *   O2  leave's release, and the taker's acquire of inside: what the owner did.
 *   O3  SHARED is released by the taker and acquired by all who go on without a lock. */
#ifndef LEAT_CHAN_BIAS_H
#define LEAT_CHAN_BIAS_H

#include "lockfree/atomic.h"
#include "platform/membarrier.h"

#include <sched.h>

/* Values of owner that are no worker. */
#define LEAT__BIAS_NONE   ((uintptr_t)1)
#define LEAT__BIAS_MOVING ((uintptr_t)2)
#define LEAT__BIAS_SHARED ((uintptr_t)3)

struct leat__bias {
    LEAT_ATOMIC(uintptr_t) owner;
    LEAT_ATOMIC(uint32_t)  inside; /* written by the owner alone */
};

static inline void leat__bias_init(struct leat__bias *bias)
{
    /* relaxed, both: nobody else has it yet */
    store_relaxed(&bias->owner, leat__fence_usable() ? LEAT__BIAS_NONE : LEAT__BIAS_SHARED);
    store_relaxed(&bias->inside, 0);
}

/* True: the caller is alone until it leaves. `worker`: the current one, NULL on other threads. */
static inline bool leat__bias_enter(struct leat__bias *bias, const void *worker)
{
    /* relaxed: a hint */
    if (load_relaxed(&bias->owner) != (uintptr_t)worker)
        return false;
    store_relaxed(&bias->inside, 1); /* relaxed: O1 */
    leat__fence_light();
    if (__builtin_expect(load_relaxed(&bias->owner) == (uintptr_t)worker, 1)) /* relaxed: O1 */
        return true;
    store_release(&bias->inside, 0); /* O2 */
    return false;
}

static inline void leat__bias_leave(struct leat__bias *bias)
{
    store_release(&bias->inside, 0); /* O2 */
}

static inline bool leat__bias_is_shared(struct leat__bias *bias)
{
    return load_acquire(&bias->owner) == LEAT__BIAS_SHARED; /* O3 */
}

/* With the lock held, after enter failed. True: nobody was there before, and the caller is the
 * owner and inside; the lock is not needed any more. False: the object is shared now. */
static inline bool leat__bias_settle(struct leat__bias *bias, const void *worker)
{
    uintptr_t owner = load_relaxed(&bias->owner); /* relaxed: I2 */

    if (owner == LEAT__BIAS_SHARED)
        return false;
    if (owner == LEAT__BIAS_NONE && worker) {
        store_relaxed(&bias->inside, 1); /* relaxed: the unlock releases it, with the next */
        store_relaxed(&bias->owner, (uintptr_t)worker); /* relaxed: others only compare it */
        return true;
    }
    store_relaxed(&bias->owner, LEAT__BIAS_MOVING); /* relaxed: O1 */
    leat__fence_heavy();
    for (unsigned i = 1; load_acquire(&bias->inside); i++) { /* O2 */
        cpu_relax();
        if (i % 128 == 0)
            sched_yield(); /* it was preempted inside */
    }
    store_release(&bias->owner, LEAT__BIAS_SHARED); /* O3 */
    return false;
}

#endif
