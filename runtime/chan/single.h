/* SPDX-License-Identifier: MIT */
/* A shared channel of one sender and one receiver (.spsc): no locked instruction on either side.
 *
 * Each side announces itself by a plain store, looks whether the channel still is shared, and then
 * moves its element by plain loads and stores; only the slot's turn (ring.h) passes between the
 * two, so neither reads the other's index. Who has to touch the lists (the ring is full or empty,
 * somebody waits, it is to be closed or freed) takes a turn that shuts both sides out: MOVING, the
 * heavy fence, and a wait until nobody is announced. So nobody looks twice: a waiter is listed
 * while nobody sends, and the next who sends finds its mark.
 *
 * Rejected: ck_ring's one to one form. Its ring does no more than this one, and a side would still
 * have to order its store before a look for waiters: a locked instruction an element. The heavy
 * fence costs 0.1 to 0.2 us here and is paid once for a ring that is full or empty.
 *
 * A worker that alone took the last REGAIN turns gets the channel for itself again (bias.h): the
 * turn has shut the others out already.
 *
 * INVARIANTS
 *   I1  While `owner` is SHARED and a side is announced, no turn is open.
 *   I2  A side is announced by one thread at a time: its mark is an address on that thread's stack,
 *       looked at before and after. Two that overlap are a checked bug; both would have to miss
 *       the other's store twice to go unnoticed.
 *
 * ORDERING
 *   O1  A side: mark, light fence, look at owner. A turn: owner = MOVING, heavy fence, look at the
 *       marks. One of them sees the other's store.
 *   O2  The mark's release by its side, acquired by the turn: what the side did to the ring.
 *   O3  SHARED is released at the turn's end and acquired by the sides: the ring and `waiting`. */
#ifndef LEAT_CHAN_SINGLE_H
#define LEAT_CHAN_SINGLE_H

#include "base/check.h"
#include "chan/bias.h"

#include <stdalign.h>

#define LEAT__SINGLE_BUG                                                                           \
    "a channel opened with .spsc has two senders or two receivers at the same time: let one go, "  \
    "or open it without"

#ifndef LEAT__SINGLE_REGAIN /* the model checker builds with fewer */
#define LEAT__SINGLE_REGAIN 16
#endif

struct leat__single {
    const void *last;   /* the worker's place of the last turn; under the lock */
    unsigned    streak; /* turns it took, one after the other */
    alignas(64) LEAT_ATOMIC(uintptr_t) sending;
    alignas(64) LEAT_ATOMIC(uintptr_t) receiving;
};

/* True: nobody takes a turn until leave. `mark`: the address of a local variable. */
static inline bool leat__single_enter(LEAT_ATOMIC(uintptr_t) *side, struct leat__bias *bias,
                                      const void *mark)
{
    leat__check(load_relaxed(side) == 0, LEAT__SINGLE_BUG); /* relaxed: I2 */
    store_relaxed(side, (uintptr_t)mark); /* relaxed: O1 */
    leat__fence_light();
    if (__builtin_expect(leat__bias_is_shared(bias), 1)) /* O3 */
        return true;
    store_release(side, 0); /* O2 */
    return false;
}

static inline void leat__single_leave(LEAT_ATOMIC(uintptr_t) *side, const void *mark)
{
    leat__check(load_relaxed(side) == (uintptr_t)mark, LEAT__SINGLE_BUG); /* relaxed: I2 */
    store_release(side, 0); /* O2 */
}

static inline void leat__single_await(LEAT_ATOMIC(uintptr_t) *side)
{
    for (unsigned i = 1; load_acquire(side); i++) { /* O2 */
        cpu_relax();
        if (i % 128 == 0)
            sched_yield(); /* it was preempted inside */
    }
}

/* With the lock held: shut both sides out. True: the caller's worker is the owner from here on and
 * inside, and the lock is not needed any more; false: until leat__single_end, under the lock. */
static inline bool leat__single_turn(struct leat__single *single, struct leat__bias *bias,
                                     struct leat__inside *inside)
{
    /* relaxed: I2 of bias.h */
    if (load_relaxed(&bias->owner) != LEAT__BIAS_SHARED && leat__bias_settle(bias, inside))
        return true;
    store_relaxed(&bias->owner, LEAT__BIAS_MOVING); /* relaxed: O1 */
    leat__fence_heavy();
    leat__single_await(&single->sending);
    leat__single_await(&single->receiving);
    single->streak = inside && single->last == inside ? single->streak + 1 : 1;
    single->last = inside;
    if (single->streak < LEAT__SINGLE_REGAIN)
        return false;
    single->streak = 0;
    leat__bias_give(bias, inside);
    return true;
}

static inline void leat__single_end(struct leat__bias *bias)
{
    store_release(&bias->owner, LEAT__BIAS_SHARED); /* O3 */
}

#endif
