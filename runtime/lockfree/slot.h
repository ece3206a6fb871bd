/* SPDX-License-Identifier: MIT */
/*
 * slot.h: a place for one item, which its owner fills and empties millions of times a second, and
 * from which a thief may take the item when the owner has not been seen for long.
 *
 *   before = leat__slot_swap(&slot, item);        // the owner: a load, a store, a load
 *   item = leat__slot_take(&slot);                // the owner
 *   item = leat__slot_steal(&slot);               // anybody else
 *
 * The owner writes the word by plain stores and then looks whether there was a raid; a thief says
 * that there is one, puts a barrier on all threads (membarrier, a few microseconds), and has won
 * what it then finds. It does not write the word, which the owner could be about to write itself,
 * but notes what it took: the owner meets the raid at its next turn at the slot, under the lock,
 * and lets go of what is gone. Compare-and-swap on either side was rejected: it costs the owner 5
 * ns for each task that it readies. So was a signal whose handler empties the slot on the owner's
 * thread: it would have to know whether it interrupted the owner inside of its queues.
 *
 * Progress: the owner waits for a thief only where it meets one in the act; a thief's attempt is
 * wait-free but for the barrier.
 *
 * INVARIANTS
 *   I1 `raided`, from false to true, and `stolen` are a thief's, under the lock; back again they
 *      are the owner's, or that thief's who found nothing. While something is in `stolen` no other
 *      thief takes anything.
 *   I2 What is in `stolen` is what the word holds, or what the owner has just replaced and is about
 *      to settle. So the item in the word is the owner's exactly while it is not in `stolen`.
 * ORDERING
 *   O1 The owner's turn at the slot against a raid. Each side writes, then reads the other's.
 *
 *        owner                                  thief
 *          item = new                             raided = true
 *          fence_light()         <- pairs ->      leat__barrier_all()
 *          read raided: false, so `old` is ours   read item: it is ours
 *
 *      If the barrier falls behind the owner's store, the thief sees the new item; if before, the
 *      owner's load comes after it, and sees `raided`. If between them, both happens: what was
 *      replaced is the owner's, what the thief saw is its.
 *   O2 The owner's store releases what the item holds to the thief's acquire.
 */
#ifndef LEAT_LOCKFREE_SLOT_H
#define LEAT_LOCKFREE_SLOT_H

#include "lockfree/atomic.h"
#include "lockfree/lock.h"

#include <stddef.h>

/* All-zero memory is an empty slot. */
struct leat__slot {
    LEAT_ATOMIC(void *) item;
    LEAT_ATOMIC(bool)   raided;
    struct leat__lock   lock;
    void               *stolen;
};

/* The owner met a raid when it replaced `old` by `new`. Returns what it has of `old`. */
void *leat__slot_settle(struct leat__slot *slot, void *old, void *new);

/* Is something in it? The owner: it may be stolen already. */
static inline void *leat__slot_peek(struct leat__slot *slot)
{
    return load_relaxed(&slot->item); /* relaxed: a hint */
}

/* The same for anybody else, who counts out what was stolen, or is about to be. */
static inline void *leat__slot_holds(struct leat__slot *slot)
{
    return load_relaxed(&slot->raided) ? NULL : load_relaxed(&slot->item); /* relaxed: hints */
}

/* The owner: put an item, which is not NULL, in the place of what is there; that, or NULL. */
static inline void *leat__slot_swap(struct leat__slot *slot, void *item)
{
    void *old = load_relaxed(&slot->item); /* relaxed: only we write it */

    store_release(&slot->item, item); /* O2: pairs with the acquire in leat__slot_steal */
    fence_light();                    /* O1: pairs with the barrier there */
    if (__builtin_expect(load_relaxed(&slot->raided), 0)) /* relaxed: the lock orders the rest */
        return leat__slot_settle(slot, old, item);
    return old;
}

/* The owner: what is in it, NULL when that is nothing. */
static inline void *leat__slot_take(struct leat__slot *slot)
{
    void *old = load_relaxed(&slot->item); /* relaxed: only we write it */

    store_relaxed(&slot->item, NULL); /* relaxed: ordered by the fence */
    fence_light();                    /* O1: as in leat__slot_swap */
    if (__builtin_expect(load_relaxed(&slot->raided), 0)) /* relaxed: as above */
        return leat__slot_settle(slot, old, NULL);
    return old;
}

/* Anybody but the owner: what is in it, NULL when that is nothing or somebody is at it. */
void *leat__slot_steal(struct leat__slot *slot);

#endif
