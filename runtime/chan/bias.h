/* SPDX-License-Identifier: MIT */
/* Exclusive access that costs nothing while one worker alone uses the object, and passes over to a
 * lock, or to whatever the object does without one, when another thread comes.
 *
 *     if (leat__bias_enter(&chan->bias, inside)) {      the calling worker's; NULL on threads
 *         ... alone: plain loads and stores ...
 *         leat__bias_leave(inside);
 *     } else if (leat__bias_is_shared(&chan->bias)) {
 *         ... lock-free, or under the lock ...
 *     }
 *
 * A locked instruction costs as much as all the rest of a send. The owner announces itself by a
 * plain store and looks whether it still is the owner; a light fence (platform/membarrier.h) stands
 * between the two. Who takes the ownership away pays for that with the heavy one, once. A worker
 * announces itself in a place of its own, not in the object: one that was the owner, and is late to
 * see that it no longer is, would take back the announcement of the next.
 *
 *     NONE ----------> a worker ----------> MOVING ----------> SHARED
 *       | first worker    ^   another thread     the owner is out  ^ |
 *       +--- first a plain thread ----------- | -------------------+ |
 *                         +-------------------------------------------+ one worker, for long
 *
 * INVARIANTS
 *   I1  While `owner` is a worker's place only that worker is on the object, and only inside. It is
 *       inside of one object at a time.
 *   I2  Changes of `owner` are made under the object's lock.
 *
 * ORDERING
 *   O1  The owner: its place = the object, light fence, look at owner. The taker: owner = MOVING,
 *       heavy fence, look at that place. One of them sees the other's store: the owner turns back,
 *       or the taker waits for it.
 *   O2  leave's release, and the taker's acquire of the place: what the owner did.
 *   O3  SHARED is released by the taker and acquired by all who go on without a lock. */
#ifndef LEAT_CHAN_BIAS_H
#define LEAT_CHAN_BIAS_H

#include "lockfree/atomic.h"
#include "platform/membarrier.h"
#include "sched/sched.h"

#include <sched.h>

/* Values of owner that are no worker's place. */
#define LEAT__BIAS_NONE   ((uintptr_t)1)
#define LEAT__BIAS_MOVING ((uintptr_t)2)
#define LEAT__BIAS_SHARED ((uintptr_t)3)

struct leat__bias {
    LEAT_ATOMIC(uintptr_t) owner;
};

static inline void leat__bias_init(struct leat__bias *bias)
{
    /* relaxed: nobody else has it yet */
    store_relaxed(&bias->owner, leat__fence_usable() ? LEAT__BIAS_NONE : LEAT__BIAS_SHARED);
}

/* True: the caller, a worker, is alone until it leaves. For calls that mostly find it so: those who
 * are not the owner announce themselves too, for an instant. */
static inline bool leat__bias_enter_often(struct leat__bias *bias, struct leat__inside *inside)
{
    store_relaxed(&inside->object, bias); /* relaxed: O1 */
    leat__fence_light();
    if (__builtin_expect(load_relaxed(&bias->owner) == (uintptr_t)inside, 1)) /* relaxed: O1 */
        return true;
    store_release(&inside->object, NULL); /* O2 */
    return false;
}

/* The same for all, also for who is on no worker. */
static inline bool leat__bias_enter(struct leat__bias *bias, struct leat__inside *inside)
{
    /* relaxed: a hint */
    return load_relaxed(&bias->owner) == (uintptr_t)inside && leat__bias_enter_often(bias, inside);
}

static inline void leat__bias_leave(struct leat__inside *inside)
{
    store_release(&inside->object, NULL); /* O2 */
}

static inline bool leat__bias_is_shared(struct leat__bias *bias)
{
    return load_acquire(&bias->owner) == LEAT__BIAS_SHARED; /* O3 */
}

/* With the lock held, while nobody else may be on the object, or none who minds: the worker is the
 * owner, and inside. */
static inline void leat__bias_give(struct leat__bias *bias, struct leat__inside *inside)
{
    store_relaxed(&inside->object, bias); /* relaxed: the unlock releases it, with the next */
    store_relaxed(&bias->owner, (uintptr_t)inside); /* relaxed: others only compare it */
}

/* With the lock held, after enter failed. True: nobody was there before, and the caller is the
 * owner and inside; the lock is not needed any more. False: the object is shared now. */
static inline bool leat__bias_settle(struct leat__bias *bias, struct leat__inside *inside)
{
    uintptr_t owner = load_relaxed(&bias->owner); /* relaxed: I2 */

    if (owner == LEAT__BIAS_SHARED)
        return false;
    if (owner == LEAT__BIAS_NONE && inside) {
        leat__bias_give(bias, inside);
        return true;
    }
    store_relaxed(&bias->owner, LEAT__BIAS_MOVING); /* relaxed: O1 */
    if (owner != LEAT__BIAS_NONE) {
        struct leat__inside *place = (struct leat__inside *)owner;

        leat__fence_heavy();
        for (unsigned i = 1; load_acquire(&place->object) == bias; i++) { /* O2 */
            cpu_relax();
            if (i % 128 == 0)
                sched_yield(); /* it was preempted inside */
        }
    }
    store_release(&bias->owner, LEAT__BIAS_SHARED); /* O3 */
    return false;
}

#endif
