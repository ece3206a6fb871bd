/* SPDX-License-Identifier: MIT */
/*
 * runq.h: a worker's run queue: a FIFO ring that its owner fills and empties by plain stores and
 * that thieves empty by halves.
 *
 * The owner pushes at the tail and takes at the head, each with two plain stores; behind a take it
 * looks whether there was a raid. A thief says that there is one, puts a barrier on all threads
 * (membarrier), and takes half of what it then finds straight into its own ring. It does not write
 * the head, which the owner could be about to write itself, but notes how far it took: the owner
 * meets the raid at its next take, under the lock, and goes on behind what is gone. When the ring
 * is full, push says so and the owner doubles it (runq.c); without memory for that it hands half of
 * it to the injector in one batch.
 *
 *   while (!leat__runq_push(q, &task->link))                 // owner
 *       if (!leat__runq_grow(q)) {
 *           leat__runq_take_half(q, &batch);
 *           leat__injector_push_batch(injector, &batch);     // now there is room
 *       }
 *   item = leat__runq_pop(q);                                // owner
 *   item = leat__runq_steal_half(victim, q, &count);         // thief; q is the thief's own
 *
 * Rejected: a head that all move by compare-and-swap, as Go's runq (proc.go) and Tokio's
 * multi_thread/queue.rs have it and as we had: a locked instruction waits for all stores before it,
 * 12 of the 19 ns of a yield with two workers; Chase-Lev, which is last-in first-out for its owner
 * (unfair to tasks that wait their turn) and gives thieves one item at a time; a ring of fixed size
 * whose overflow goes to the injector (as both have it): with more tasks that yield than slots,
 * those in the ring take turns among themselves and those in the injector wait without bound.
 *
 *        head      taken           tail    next  indices count up for ever; slot = index % slots
 *          v         v               v       v
 *   [    | a  | b  | c  | d  | e  |  f  |    ]
 *          a thief's  the owner takes ^ shown later (leat__runq_rotate)
 *
 * Progress: push and pop are wait-free but where the owner meets a raid, whose end it waits for; an
 * attempt to steal is wait-free but for the barrier.
 *
 * INVARIANTS
 *   I1 head <= tail <= next <= head + slots, and next is tail or one more. All only grow. 64 bits
 *      do not wrap.
 *   I2 Only the owner writes head, tail, next and slots.
 *   I3 `raided`, from false to true, `raid` and `from` are a thief's, under the lock; `taken` too.
 *      Back again they are the owner's, or that thief's who found nothing.
 *   I4 The items are those at [head, tail), but while `raid` is set those at [taken, tail): those
 *      at [from, taken) are gone.
 *   I5 A raid that took something finds head where the owner's last take left it: `from` is the
 *      first index of a take that is not settled yet, which then has lost, or the first behind it.
 * CORRECTNESS of a take by the owner: head moves first, then it looks for a raid (O1). If there is
 * none, whoever raids later sees the new head. Else it waits for the lock, and I5 tells.
 * Of a slot: the owner overwrites that of an index below head only, whose item it has taken, or has
 * been told of under the lock; thieves read slots under the lock. A thief writes what it reads into
 * slots of its own ring past its tail, where nobody looks until it moves its tail.
 * ORDERING
 *   O1 The owner's take against a raid. Each side writes, then reads the other's.
 *
 *        owner                                  thief
 *          head = h + 1                           raided = true
 *          fence_light()         <- pairs ->      leat__barrier_all()
 *          read raided: false, so h is ours       read head: from there on it is ours
 *
 *      If the barrier falls behind the owner's store, the thief sees the new head; if before, the
 *      owner's load comes after it, and sees `raided`. If between them, both happens, and the owner
 *      is told under the lock. Where the kernel has no such barrier both sides pay a fence.
 *   O2 push stores tail with release; thieves load it with acquire: slots and items are visible.
 *      A thief may see a head that is newer than the tail it sees, and then takes nothing.
 *   O3 A grown ring is stored with release after its copies and before the tail that needs it, and
 *      loaded with acquire after tail: a thief that has read a tail reads a ring that holds what is
 *      before it, or a newer one, which holds what is not before head. Outgrown rings stay until
 *      the end, so a slow thief reads no freed one; where there are no thieves at all they go at
 *      once.
 * None of this orders a push before a look at who sleeps: see idle.h.
 */
#ifndef LEAT_LOCKFREE_RUNQ_H
#define LEAT_LOCKFREE_RUNQ_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "lockfree/atomic.h"
#include "lockfree/link.h"
#include "lockfree/lock.h"

/* At the start, a power of two; and what one steal takes, at most. The model checker builds with 2
 * or 4. */
#ifndef LEAT__RUNQ_SLOTS
#define LEAT__RUNQ_SLOTS 256u
#endif
_Static_assert((LEAT__RUNQ_SLOTS & (LEAT__RUNQ_SLOTS - 1)) == 0, "slot = index & mask");
_Static_assert(LEAT__RUNQ_SLOTS >= 2, "half of a full ring must make room");

/* How many turns before its own an item is told of by leat__runq_rotate. */
#define LEAT__RUNQ_NEAR 3
#define LEAT__RUNQ_FAR  6

struct leat__runq_ring {
    uint64_t mask; /* how many slots, less 1 */
    struct leat__runq_ring *outgrown;
    /* Atomic since a thief may read a slot while the owner overwrites it (see CORRECTNESS). */
    LEAT_ATOMIC(struct leat__link *) slots[];
};

/* Values of `raided`. */
#define LEAT__RUNQ_RAID   1u /* a thief has come */
#define LEAT__RUNQ_FENCED 2u /* always: light fences are none here (O1) */

struct leat__runq {
    /* Written by the owner, but for `raided`. */
    alignas(64) LEAT_ATOMIC(uint64_t) head;
    LEAT_ATOMIC(uint64_t) tail;
    LEAT_ATOMIC(uint8_t)  raided;
    bool alone; /* set by the owner before the first push: there will be no thieves (O3) */
    uint64_t next;
    LEAT_ATOMIC(struct leat__link *) *slots; /* the ring's, and its mask: the owner's copies */
    uint64_t mask;
    LEAT_ATOMIC(struct leat__runq_ring *) ring;
    /* Written by thieves, and by the owner when it meets one. */
    alignas(64) struct leat__lock lock;
    bool     raid; /* I4 */
    uint64_t from;
    LEAT_ATOMIC(uint64_t) taken;
};

static inline LEAT_ATOMIC(struct leat__link *) *leat__runq_slot(struct leat__runq_ring *ring,
                                                                uint64_t index)
{
    return &ring->slots[index & ring->mask];
}

/* Owner: without a look into the ring. */
static inline LEAT_ATOMIC(struct leat__link *) *leat__runq_own(struct leat__runq *q, uint64_t index)
{
    return &q->slots[index & q->mask];
}

/* Returns -ENOMEM. */
int  leat__runq_init(struct leat__runq *q);
void leat__runq_fini(struct leat__runq *q); /* no thieves any more */

/* Before the first push: the kernel has no barrier for O1. */
void leat__runq_fence(struct leat__runq *q);

/* Owner. Doubles the ring. Returns false, and nothing has changed, without memory. */
bool leat__runq_grow(struct leat__runq *q);

/* Owner, who has moved head for a take that begins at `first` and then met a raid: is it the
 * owner's? If not, head is where to try again. */
bool leat__runq_settle(struct leat__runq *q, uint64_t first);

/* Owner, for whom the ring is full: without what thieves took, has it room? */
bool leat__runq_make_room(struct leat__runq *q);

/* Owner: the ring. relaxed: ours */
static inline struct leat__runq_ring *leat__runq_ring(struct leat__runq *q)
{
    return load_relaxed(&q->ring);
}

/* How many items there are. Any thread; exact only for an owner without thieves. */
static inline uint32_t leat__runq_len(struct leat__runq *q)
{
    /* relaxed, all: an estimate. Whoever sleeps on the answer has put a seq_cst fence before it.
     * Tail last, so that an owner's push in between errs towards too many, not towards empty. */
    uint64_t head = load_relaxed(&q->head);
    uint64_t taken = load_relaxed(&q->taken);
    uint64_t tail = load_relaxed(&q->tail);
    int64_t len = (int64_t)(tail - ((int64_t)(taken - head) > 0 ? taken : head));

    return len <= 0 ? 0 : (uint32_t)len;
}

/* Owner. How many it takes before it is full. */
static inline uint32_t leat__runq_room(struct leat__runq *q)
{
    (void)leat__runq_make_room(q);
    return (uint32_t)(q->mask + 1 - (q->next - load_relaxed(&q->head))); /* relaxed: ours */
}

/* Owner. Puts item last. Returns false when the ring is full. */
static inline bool leat__runq_push(struct leat__runq *q, struct leat__link *item)
{
    uint64_t next = q->next;

    /* relaxed: ours */
    if (__builtin_expect(next - load_relaxed(&q->head) > q->mask, 0) && !leat__runq_make_room(q))
        return false;
    store_relaxed(leat__runq_own(q, next), item); /* relaxed: published by the last line */
    q->next = next + 1;
    store_release(&q->tail, next + 1); /* O2 */
    return true;
}

/* Owner. Moves items from the front of batch to the ring while there is room: what is left in
 * batch did not fit. Returns how many were moved. They become visible to thieves together. */
static inline uint32_t leat__runq_push_batch(struct leat__runq *q, struct leat__batch *batch)
{
    uint32_t room = leat__runq_room(q);
    uint32_t moved = 0;

    while (moved < room && batch->first) {
        /* relaxed: published by the store to tail */
        store_relaxed(leat__runq_own(q, q->next + moved), leat__batch_pop(batch));
        moved++;
    }
    q->next += moved;
    store_release(&q->tail, q->next); /* O2 */
    return moved;
}

/* Owner. Moves head for a take of `count` at `first`. Returns false when thieves have them. */
static inline bool leat__runq_take(struct leat__runq *q, uint64_t first, uint64_t count)
{
    store_relaxed(&q->head, first + count); /* relaxed: ordered by the fence */
    fence_light();                          /* O1: pairs with the barrier in runq.c */
    /* relaxed: the lock orders the rest */
    return __builtin_expect(load_relaxed(&q->raided) == 0, 1) || leat__runq_settle(q, first);
}

/* Owner. Takes the first item, or returns NULL when there is none. */
static inline struct leat__link *leat__runq_pop(struct leat__runq *q)
{
    uint64_t head;

    while ((head = load_relaxed(&q->head)) != q->next) { /* relaxed: ours */
        if (leat__runq_take(q, head, 1))
            return load_relaxed(leat__runq_own(q, head)); /* relaxed: ours */
    }
    return NULL;
}

/* Owner of a ring that is not empty: takes the first item away and puts `item` last, unseen by
 * thieves until leat__runq_show: nothing else is done to the ring before that. Returns the one that
 * is first then, and by `near` and `far` two of those after it, NULL where there are not so many.
 * Thieves may take all of these, so they are hints where there are any. Returns NULL, and nothing
 * was done, when thieves have the first one. */
static inline struct leat__link *leat__runq_rotate(struct leat__runq *q, struct leat__link *item,
                                                   struct leat__link **near,
                                                   struct leat__link **far)
{
    uint64_t head = load_relaxed(&q->head); /* relaxed, all: ours */
    uint64_t next = q->next;
    LEAT_ATOMIC(struct leat__link *) *slots = q->slots;
    uint64_t mask = q->mask;

    store_relaxed(&q->head, head + 1);
    fence_light(); /* O1: as in leat__runq_take, whose head would be loaded again */
    if (__builtin_expect(load_relaxed(&q->raided) != 0, 0)) {
        if (!leat__runq_settle(q, head))
            return NULL;
        head = load_relaxed(&q->head) - 1;
    }
    head++;
    store_relaxed(&slots[next & mask], item);
    q->next = next + 1;
    *near = *far = NULL;
    if (next - head >= LEAT__RUNQ_FAR) {
        *near = load_relaxed(&slots[(head + LEAT__RUNQ_NEAR) & mask]);
        *far = load_relaxed(&slots[(head + LEAT__RUNQ_FAR) & mask]);
    }
    return load_relaxed(&slots[head & mask]);
}

/* Owner. What was put by leat__runq_rotate is saved: thieves may have it. */
static inline void leat__runq_show(struct leat__runq *q)
{
    store_release(&q->tail, q->next); /* O2 */
}

/* Owner. The next item without taking it, or NULL. A hint (to prefetch, say): a thief may take
 * it before the next pop, so it may be looked at only if items are never freed. */
static inline struct leat__link *leat__runq_peek(struct leat__runq *q)
{
    uint64_t head = load_relaxed(&q->head); /* relaxed, both: ours */

    return head == q->next ? NULL : load_relaxed(leat__runq_own(q, head));
}

/* Owner. Appends up to max items to batch, taken together. Returns how many. */
static inline uint32_t leat__runq_pop_batch(struct leat__runq *q, uint32_t max,
                                            struct leat__batch *batch)
{
    uint64_t head, n;

    do {
        head = load_relaxed(&q->head); /* relaxed: ours */
        n = q->next - head < max ? q->next - head : max;
        if (n == 0)
            return 0;
    } while (!leat__runq_take(q, head, n));
    for (uint64_t i = 0; i < n; i++)
        leat__batch_push(batch, load_relaxed(leat__runq_own(q, head + i))); /* relaxed: ours */
    return (uint32_t)n;
}

/* Owner. When push found the ring full and it could not grow: takes the first half out, in order,
 * for the injector. Returns how many; 0 only if thieves emptied the ring first, so that there is
 * room anyway. */
static inline uint32_t leat__runq_take_half(struct leat__runq *q, struct leat__batch *batch)
{
    return leat__runq_pop_batch(q, (uint32_t)(q->mask + 1) / 2, batch);
}

/* Thief. Takes half of the items of `from`, rounded up, but no more than SLOTS: the first is
 * returned, to run now, the others go to the end of `to`, the caller's own ring, as far as there
 * is room. *ret_count is how many were taken in all. Returns NULL when there was nothing to
 * take, or another thief is at it. */
struct leat__link *leat__runq_steal_half(struct leat__runq *from, struct leat__runq *to,
                                         uint32_t *ret_count);

#endif
