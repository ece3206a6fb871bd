/* SPDX-License-Identifier: MIT */
/*
 * runq.h: a worker's run queue: a FIFO ring that its owner fills and empties and that thieves empty
 * by halves.
 *
 * The owner pushes at the tail with two plain stores and pops at the head with one
 * compare-and-swap. A thief takes half of what there is with one compare-and-swap, straight into
 * its own ring. When the ring is full, push says so and the owner doubles it (runq.c); without
 * memory for that it hands half of it to the injector in one batch.
 *
 *   while (!leat__runq_push(q, &task->link))                 // owner
 *       if (!leat__runq_grow(q)) {
 *           leat__runq_take_half(q, &batch);
 *           leat__injector_push_batch(injector, &batch);     // now there is room
 *       }
 *   item = leat__runq_pop(q);                                // owner
 *   item = leat__runq_steal_half(victim, q, &count);         // thief; q is the thief's own
 *
 * After Go's runq (proc.go) and Tokio's multi_thread/queue.rs. Rejected: Chase-Lev, which is
 * last-in first-out for its owner (unfair to tasks that wait their turn) and gives thieves one
 * item at a time; Tokio's pair of heads in one word, which lets a slow thief hold up the owner's
 * use of the slots it is copying; a ring of fixed size whose overflow goes to the injector (as both
 * have it): with more tasks that yield than slots, those in the ring take turns among themselves
 * and those in the injector wait without bound.
 *
 *        head                      tail            indices count up for ever; slot = index % slots
 *          v                         v
 *   [    | a  | b  | c  | d  | e  |    |    ]
 *          thieves and owner take  ^ owner puts
 *
 * Progress: push is wait-free; pop and steal are lock-free (a failed compare-and-swap means that
 * somebody else took something).
 *
 * INVARIANTS
 *   I1 head <= tail <= head + slots. Both only grow. 64 bits do not wrap, so there is no ABA:
 *      if head is h now and was h before, nobody took anything in between.
 *   I2 Only the owner writes tail and slots. It writes slot i % slots for index i only after it
 *      has seen head > i - slots, that is, after the slot's previous item was taken.
 *   I3 The items are those at [head, tail). Who moves head from h to h + n owns items h .. h+n-1.
 * CORRECTNESS of a take: it reads head = h, then tail >= h + n, then the slots, then moves head
 * from h to h + n. Slots may be overwritten under a slow taker, but by I2 only after head moved,
 * and then by I1 its compare-and-swap fails and what it read is thrown away. A thief writes what
 * it reads into slots of its own ring past its tail, where nobody looks until it moves its tail.
 * ORDERING
 *   O1 push stores tail with release; takers load it with acquire: slots and items are visible.
 *   O2 A take moves head with release; push loads head with acquire before it overwrites: the
 *      taker's reads of the slots are over by then. (Every change of head is a read-modify-write,
 *      so a release by one thief is still seen through later ones.)
 *   O3 Takers also load head with acquire, before tail: who took up to h had seen tail >= h, so
 *      tail is not read older than head. Without it tail - head can be negative.
 *   O4 A grown ring is stored with release after its copies and before the tail that needs it, and
 *      loaded with acquire after tail: a thief that has read a tail reads a ring that holds what is
 *      before it. It may read a newer ring than its tail: what that has not is before head by then,
 *      and the thief loses. Outgrown rings stay until the end, so a slow thief reads no freed one;
 *      where there are no thieves at all they go at once.
 * None of this orders a push before a look at who sleeps: see idle.h.
 */
#ifndef LEAT_LOCKFREE_RUNQ_H
#define LEAT_LOCKFREE_RUNQ_H

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "lockfree/atomic.h"
#include "lockfree/link.h"

/* At the start, a power of two; and what one steal takes, at most. The model checker builds with 2
 * or 4. */
#ifndef LEAT__RUNQ_SLOTS
#define LEAT__RUNQ_SLOTS 256u
#endif
_Static_assert((LEAT__RUNQ_SLOTS & (LEAT__RUNQ_SLOTS - 1)) == 0, "slot = index & mask");
_Static_assert(LEAT__RUNQ_SLOTS >= 2, "half of a full ring must make room");

/* How many turns before its own an item is told of by leat__runq_rotate_alone. */
#define LEAT__RUNQ_NEAR 3
#define LEAT__RUNQ_FAR  6

struct leat__runq_ring {
    uint64_t mask; /* how many slots, less 1 */
    struct leat__runq_ring *outgrown;
    /* Atomic since a thief may read a slot while the owner overwrites it (see CORRECTNESS). */
    LEAT_ATOMIC(struct leat__link *) slots[];
};

struct leat__runq {
    /* Written by owner and thieves. A line of its own, so that a push dirties only tail's line. */
    alignas(64) LEAT_ATOMIC(uint64_t) head;
    /* Written by the owner. */
    alignas(64) LEAT_ATOMIC(uint64_t) tail;
    LEAT_ATOMIC(struct leat__runq_ring *) ring;
    LEAT_ATOMIC(struct leat__link *) *slots; /* the ring's, and its mask: the owner's copies */
    uint64_t mask;
    bool alone; /* set by the owner before the first push: there will be no thieves (O4) */
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

/* Owner. Doubles the ring. Returns false, and nothing has changed, without memory. */
bool leat__runq_grow(struct leat__runq *q);

/* Owner: the ring. relaxed: ours */
static inline struct leat__runq_ring *leat__runq_ring(struct leat__runq *q)
{
    return load_relaxed(&q->ring);
}

/* How many items there are. Any thread; exact only for an owner without thieves. */
static inline uint32_t leat__runq_len(struct leat__runq *q)
{
    /* relaxed: an estimate. Whoever sleeps on the answer has put a seq_cst fence before it. Head
     * first, so that an owner's push in between errs towards too many, not towards empty. */
    uint64_t head = load_relaxed(&q->head);
    uint64_t tail = load_relaxed(&q->tail);
    int64_t len = (int64_t)(tail - head);

    return len <= 0 ? 0 : (uint32_t)len;
}

/* Owner. How many it takes before it is full. */
static inline uint32_t leat__runq_room(struct leat__runq *q)
{
    return (uint32_t)q->mask + 1 - leat__runq_len(q);
}

/* Owner. Puts item last. Returns false when the ring is full. */
static inline bool leat__runq_push(struct leat__runq *q, struct leat__link *item)
{
    uint64_t head = load_acquire(&q->head); /* O2: before the slot is overwritten */
    uint64_t tail = load_relaxed(&q->tail); /* relaxed: ours */

    if (tail - head > q->mask)
        return false;
    store_relaxed(leat__runq_own(q, tail), item); /* relaxed: published by the next line */
    store_release(&q->tail, tail + 1);             /* O1 */
    return true;
}

/* Owner. Moves items from the front of batch to the ring while there is room: what is left in
 * batch did not fit. Returns how many were moved. They become visible to thieves together. */
static inline uint32_t leat__runq_push_batch(struct leat__runq *q, struct leat__batch *batch)
{
    uint64_t head = load_acquire(&q->head); /* O2 */
    uint64_t tail = load_relaxed(&q->tail); /* relaxed: ours */
    uint64_t room = q->mask + 1 - (tail - head);
    uint32_t moved = 0;

    while (moved < room && batch->first) {
        /* relaxed: published by the store to tail */
        store_relaxed(leat__runq_own(q, tail + moved), leat__batch_pop(batch));
        moved++;
    }
    if (moved > 0)
        store_release(&q->tail, tail + moved); /* O1 */
    return moved;
}

/* Owner. Takes the first item, or returns NULL when there is none. */
static inline struct leat__link *leat__runq_pop(struct leat__runq *q)
{
    uint64_t head = load_relaxed(&q->head); /* relaxed: the compare-and-swap below decides */
    uint64_t tail = load_relaxed(&q->tail); /* relaxed: ours */

    while (head != tail) {
        /* relaxed: we wrote the slot ourselves */
        struct leat__link *item = load_relaxed(leat__runq_own(q, head));

        if (cas_weak_release(&q->head, &head, head + 1)) /* O3: a thief's load of head */
            return item;
    }
    return NULL;
}

/* Owner of a ring that nobody steals from: pop, with plain loads and stores. */
static inline struct leat__link *leat__runq_pop_alone(struct leat__runq *q)
{
    /* relaxed, all: ours */
    uint64_t head = load_relaxed(&q->head);

    if (head == load_relaxed(&q->tail))
        return NULL;
    store_relaxed(&q->head, head + 1);
    return load_relaxed(leat__runq_own(q, head));
}

/* Owner of a ring that nobody steals from and that is not empty: takes the first item away and puts
 * `item` last. Returns the one that is first then, and by `near` and `far` two of those after it,
 * NULL where there are not so many. */
static inline struct leat__link *leat__runq_rotate_alone(struct leat__runq *q,
                                                         struct leat__link *item,
                                                         struct leat__link **near,
                                                         struct leat__link **far)
{
    /* relaxed, all: ours */
    uint64_t head = load_relaxed(&q->head) + 1;
    uint64_t tail = load_relaxed(&q->tail);
    LEAT_ATOMIC(struct leat__link *) *slots = q->slots;
    uint64_t mask = q->mask;

    store_relaxed(&slots[tail & mask], item);
    store_relaxed(&q->head, head);
    store_relaxed(&q->tail, tail + 1);
    *near = *far = NULL;
    if (tail - head > LEAT__RUNQ_FAR) {
        *near = load_relaxed(&slots[(head + LEAT__RUNQ_NEAR) & mask]);
        *far = load_relaxed(&slots[(head + LEAT__RUNQ_FAR) & mask]);
    }
    return load_relaxed(&slots[head & mask]);
}

/* Owner. The next item without taking it, or NULL. A hint (to prefetch, say): a thief may take
 * it before the next pop, so it may be looked at only if items are never freed. */
static inline struct leat__link *leat__runq_peek(struct leat__runq *q)
{
    uint64_t head = load_relaxed(&q->head); /* relaxed: a hint */
    uint64_t tail = load_relaxed(&q->tail); /* relaxed: ours */

    /* relaxed: ours */
    return head == tail ? NULL : load_relaxed(leat__runq_own(q, head));
}

/* Owner. Appends up to max items to batch, taken with one compare-and-swap. Returns how many. */
static inline uint32_t leat__runq_pop_batch(struct leat__runq *q, uint32_t max,
                                            struct leat__batch *batch)
{
    uint64_t head = load_relaxed(&q->head); /* relaxed: the compare-and-swap below decides */
    uint64_t tail = load_relaxed(&q->tail); /* relaxed: ours */
    uint64_t n;

    do {
        n = tail - head < max ? tail - head : max;
        if (n == 0)
            return 0;
    } while (!cas_weak_release(&q->head, &head, head + n)); /* O3 */
    /* The slots are read after the take, unlike a thief's: only we overwrite them. */
    for (uint64_t i = 0; i < n; i++)
        /* relaxed: ours */
        leat__batch_push(batch, load_relaxed(leat__runq_own(q, head + i)));
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
 * take. */
static inline struct leat__link *leat__runq_steal_half(struct leat__runq *from,
                                                       struct leat__runq *to, uint32_t *ret_count)
{
    uint64_t to_head = load_acquire(&to->head); /* O2: slots of `to` are overwritten below */
    uint64_t to_tail = load_relaxed(&to->tail); /* relaxed: ours */
    uint64_t room = to->mask + 1 - (to_tail - to_head) + 1; /* one runs now */
    uint64_t most = room < LEAT__RUNQ_SLOTS ? room : LEAT__RUNQ_SLOTS;
    uint64_t head = load_acquire(&from->head); /* O3: before tail */
    struct leat__link *first;
    uint64_t n;

    do {
        uint64_t tail = load_acquire(&from->tail); /* O1 */
        struct leat__runq_ring *ring = load_acquire(&from->ring); /* O4: after tail */

        n = tail - head;
        n -= n / 2;
        if (n == 0)
            break;
        if (n > most)
            n = most;
        /* relaxed: O1 made the slots visible; if they have been overwritten since, we lose */
        first = load_relaxed(leat__runq_slot(ring, head));
        for (uint64_t i = 1; i < n; i++) {
            struct leat__link *item = load_relaxed(leat__runq_slot(ring, head + i));

            store_relaxed(leat__runq_own(to, to_tail + i - 1), item);
        }
    } while (!cas_weak_acq_rel(&from->head, &head, head + n)); /* O2, O3; acquire when it fails */

    *ret_count = (uint32_t)n;
    if (n == 0)
        return NULL;
    if (n > 1)
        store_release(&to->tail, to_tail + n - 1); /* O1 */
    return first;
}

#endif
