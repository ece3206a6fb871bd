/* SPDX-License-Identifier: MIT */
/*
 * deque.h: a worker's spawned tasks that nobody has started: its owner adds them at the bottom and
 * takes them from either end, thieves take the oldest, at the top.
 *
 *   err = leat__deque_push(deque, &task->link, scope);      // owner
 *   item = leat__deque_take_newest(deque, scope, alone);    // owner, if it has this tag
 *   item = leat__deque_take_oldest(deque);                  // owner
 *   leat__deque_raid(deque);                                // thief
 *   item = leat__deque_steal(deque, &raced);                // as many as it wants
 *   leat__deque_leave(deque);
 *
 * Two ends, since they serve two needs: a join wants its own newest child, whose memory is hot and
 * whose siblings stay put, so that a tree of tasks is walked depth first; everybody else wants the
 * oldest, which has waited longest and is the largest piece of work left. A FIFO ring alone
 * (runq.h) walks a tree breadth first: measured, 1,050 ns a node against 50.
 *
 * Chase and Lev, "Dynamic circular work-stealing deque" (2005), in the C11 form of Le, Pop, Cohen
 * and Zappa Nardelli, "Correct and efficient work-stealing for weak memory models" (2013). New
 * here: the fence of the owner's take, and the compare-and-swap for the last item, are paid while
 * thieves are about only, who announce themselves and put a barrier on all threads (membarrier): 10
 * of the 60 ns of a task in a tree, and 6 of the 70 of one that is spawned and joined alone;
 * the owner may take the oldest too (as a thief does, less a fence), and each slot carries a tag
 * that only the owner reads, so that it can tell what the newest is without touching an item that
 * a thief may have taken.
 *
 *        top                       bottom          both count up; slot = index % slots
 *         v                          v
 *   [   | a  | b  | c  | d  | e  |     |    ]
 *         oldest: thieves, owner ^  newest: owner
 *
 * Progress: push is wait-free but for growing; the takes are lock-free.
 *
 * INVARIANTS
 *   I1 top only grows; 64 bits do not wrap, so there is no ABA. Items are those at [top, bottom).
 *   I2 Only the owner writes bottom, slots and ring. A slot is reused only when top has passed it,
 *      or when the owner has taken what was in it while there was no raid.
 *   I3 Who moves top from t to t + 1 owns item t. The owner takes item b without moving top only
 *      after it stored bottom = b and then saw top < b: no thief that reads bottom later tries b,
 *      and one that read it before tries top, which is smaller. Or it saw that there was no raid,
 *      and then top <= b: those who were there before have tried what they will, and who comes
 *      later reads this bottom (O4). So the last item costs a compare-and-swap in a raid only.
 *   I4 Outgrown rings are kept until fini, unless there are no thieves at all: a slow thief may
 *      still read one. Its compare-and-swap on top fails if what it read is stale.
 * ORDERING
 *   O1 push stores bottom with release, steal loads it with acquire: slot and item are visible. The
 *      ring is stored with release and loaded with acquire likewise. So does take_newest: a thief
 *      may read its value instead of push's, and since C23 (C++20) a plain store does not carry on
 *      the release of the one before it.
 *   O2 take_newest against steal: each writes or reads one end, then the other.
 *
 *        owner (take_newest)                 thief (steal)
 *          bottom = b                          t = top
 *          fence_seq_cst()    <- pairs ->      fence_seq_cst()
 *          t = top                             read bottom
 *
 *      Without the fences the owner may see an old top and the thief an old bottom, and both take
 *      the last item. With acq_rel alone a load may pass an earlier store.
 *   O4 The owner leaves out its fence, and the compare-and-swap, where it sees no raid. Each side
 *      writes, then reads the other's.
 *
 *        owner (take_newest)                 thief (raid, then steal)
 *          bottom = b                          raided += 1
 *          fence_light()      <- pairs ->      leat__barrier_all()
 *          read raided: 0                      read bottom: b, or a later one
 *
 *      If the barrier falls behind the owner's store, the thief sees that; if before, the owner's
 *      load comes after it and sees the raid. Of a raid that is over it sees all by acquiring what
 *      the thief released when it left, which keeps top from being an old one. Where the kernel has
 *      no such barrier the owner takes it that there always is a raid.
 *   O3 The compare-and-swaps on top are seq_cst: for the last item, that is what decides between
 *      the two, in one order with the fences of O2.
 */
#ifndef LEAT_LOCKFREE_DEQUE_H
#define LEAT_LOCKFREE_DEQUE_H

#include <stdalign.h>

#include "lockfree/atomic.h"
#include "lockfree/link.h"

/* Of the first ring; a power of two. The model checker builds with 2. */
#ifndef LEAT__DEQUE_SLOTS
#define LEAT__DEQUE_SLOTS 256u
#endif

/* In `raided`: there is no barrier. */
#define LEAT__DEQUE_FENCED ((uint32_t)1 << 31)

struct leat__deque_slot {
    LEAT_ATOMIC(struct leat__link *) item;
    const void *tag; /* the owner's */
};

struct leat__deque_ring {
    uint64_t slots; /* a power of two */
    struct leat__deque_ring *outgrown; /* the smaller one before it: I4 */
    struct leat__deque_slot slot[];
};

struct leat__deque {
    alignas(64) LEAT_ATOMIC(uint64_t) top;
    alignas(64) LEAT_ATOMIC(uint64_t) bottom;
    LEAT_ATOMIC(struct leat__deque_ring *) ring;
    LEAT_ATOMIC(uint32_t) raided; /* how many thieves are about; and FENCED (O4) */
    bool alone; /* set by the owner before the first push: there will be no thieves (I4) */
};

/* Returns 0 or -ENOMEM. */
int leat__deque_init(struct leat__deque *deque);
void leat__deque_fini(struct leat__deque *deque);

/* Before the first push: the kernel has no barrier for O4. */
void leat__deque_fence(struct leat__deque *deque);

/* Twice the slots; false without memory. Owner. */
bool leat__deque_grow(struct leat__deque *deque);

static inline struct leat__deque_slot *leat__deque_slot(struct leat__deque_ring *ring,
                                                        uint64_t index)
{
    return &ring->slot[index & (ring->slots - 1)];
}

/* How many items there are; an estimate but for an owner without thieves. Any thread. */
static inline uint64_t leat__deque_len(struct leat__deque *deque)
{
    /* relaxed: who sleeps on the answer has put a seq_cst fence before it. top first, as in
     * leat__runq_len. */
    uint64_t top = load_relaxed(&deque->top);
    uint64_t bottom = load_relaxed(&deque->bottom);

    return bottom > top ? bottom - top : 0;
}

/* Owner. Puts item last. False when the ring is full and there is no memory for a larger one. */
static inline bool leat__deque_push(struct leat__deque *deque, struct leat__link *item,
                                    const void *tag)
{
    uint64_t bottom = load_relaxed(&deque->bottom); /* relaxed: ours, as is ring */
    uint64_t top = load_acquire(&deque->top); /* I2: pairs with the compare-and-swaps: what a taker
                                                 reads of its slot it has read */
    struct leat__deque_ring *ring = load_relaxed(&deque->ring);
    struct leat__deque_slot *slot;

    if (__builtin_expect(bottom - top >= ring->slots, 0)) {
        if (!leat__deque_grow(deque))
            return false;
        ring = load_relaxed(&deque->ring);
    }
    slot = leat__deque_slot(ring, bottom);
    slot->tag = tag;
    store_relaxed(&slot->item, item);          /* relaxed: published by the next line */
    store_release(&deque->bottom, bottom + 1); /* O1 */
    return true;
}

/* Owner. Takes the newest item if it was pushed with this tag; else, or when there is none, NULL.
 * `alone`: there are no thieves at all, and no fence is needed. */
static inline struct leat__link *leat__deque_take_newest(struct leat__deque *deque, const void *tag,
                                                         bool alone)
{
    uint64_t bottom = load_relaxed(&deque->bottom); /* relaxed: ours, as is ring */
    uint64_t top = load_relaxed(&deque->top);       /* relaxed: a first look, which may be old */
    struct leat__deque_ring *ring = load_relaxed(&deque->ring);
    struct leat__deque_slot *slot;
    struct leat__link *item;
    uintptr_t soon; /* a number: there may be nothing, and no address behind it */

    if (bottom <= top)
        return NULL;
    bottom--;
    slot = leat__deque_slot(ring, bottom);
    if (slot->tag != tag)
        return NULL;
    item = load_relaxed(&slot->item); /* relaxed: we wrote it */
    /* relaxed: a hint */
    soon = (uintptr_t)load_relaxed(&leat__deque_slot(ring, bottom - 3)->item);
    __builtin_prefetch((const void *)soon, 1);
    store_release(&deque->bottom, bottom); /* O1: a thief that reads this one must see the items */
    if (alone)
        return item;
    fence_light(); /* O4: pairs with the barrier in leat__deque_raid */
    if (__builtin_expect(load_acquire(&deque->raided) == 0, 1)) { /* O4: pairs with leave */
        if (load_relaxed(&deque->top) <= bottom) /* relaxed: ordered by O4 */
            return item; /* I3 */
        item = NULL;
    } else {
        fence_seq_cst();                 /* O2: pairs with the fence in leat__deque_steal */
        top = load_relaxed(&deque->top); /* relaxed: ordered by O2 */
        if (top < bottom)
            return item; /* I3 */
        if (top > bottom || !cas_seq_cst(&deque->top, &top, top + 1)) /* O3: the last item */
            item = NULL;
    }
    store_release(&deque->bottom, bottom + 1); /* O1; empty again */
    return item;
}

/* Owner. Takes the first item, or returns NULL when there is none. */
static inline struct leat__link *leat__deque_take_oldest(struct leat__deque *deque, bool alone)
{
    uint64_t bottom = load_relaxed(&deque->bottom); /* relaxed: ours, as is ring */
    uint64_t top = load_relaxed(&deque->top); /* relaxed: the compare-and-swap decides */
    struct leat__deque_ring *ring = load_relaxed(&deque->ring);

    while (top < bottom) {
        /* relaxed: we wrote the slot ourselves */
        struct leat__link *item = load_relaxed(&leat__deque_slot(ring, top)->item);

        if (alone) {
            store_relaxed(&deque->top, top + 1); /* relaxed: nobody else looks */
            return item;
        }
        if (cas_seq_cst(&deque->top, &top, top + 1)) /* O3 */
            return item;
    }
    return NULL;
}

/* Thief. Around its thefts; where there seems to be nothing it may not be worth the barrier. */
void leat__deque_raid(struct leat__deque *deque);
void leat__deque_leave(struct leat__deque *deque);

/* Thief, in a raid. Takes the first item; NULL when there is none, or when another was faster
 * (*raced). */
static inline struct leat__link *leat__deque_steal(struct leat__deque *deque, bool *raced)
{
    uint64_t top = load_acquire(&deque->top); /* after it, so that bottom is not older than top */
    struct leat__deque_ring *ring;
    struct leat__link *item;
    uint64_t bottom;

    *raced = false;
    fence_seq_cst(); /* O2: pairs with the fence in leat__deque_take_newest */
    bottom = load_acquire(&deque->bottom); /* O1 */
    if (top >= bottom)
        return NULL;
    ring = load_acquire(&deque->ring); /* O1 */
    item = load_relaxed(&leat__deque_slot(ring, top)->item); /* relaxed: O1; if stale, we lose */
    if (!cas_seq_cst(&deque->top, &top, top + 1)) { /* O3 */
        *raced = true;
        return NULL;
    }
    return item;
}

#endif
