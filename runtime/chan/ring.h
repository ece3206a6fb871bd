/* SPDX-License-Identifier: MIT */
/* A bounded ring of elements, many to many, with a sequence number in each slot (Dmitry Vyukov's
 * bounded queue, 2010; positions that carry their lap, for capacities that are no power of two, as
 * in crossbeam's ArrayQueue).
 *
 *     position        lap * LAP + offset             of a slot, in bytes; LAP: a power of two, at
 *                                                    least the bytes of all slots
 *     slot's turn     lap      free, for the sender of that lap
 *                     lap + 1  full, for the receiver of that lap
 *                     lap + LAP: free in the next lap
 *     tail            the next position to be sent to, CLOSED, and SHARED
 *     head            the next position to be received from, and SHARED
 *
 * All-zero memory is an empty ring, so that a large one costs only what is used of it.
 *
 * Three forms of each operation. `shared`: one compare-and-swap takes a position, then the element
 * is moved, then the slot's turn is passed on. `alone`: the caller is the only one on the ring
 * (bias.h), and the same is done by plain loads and stores. `single`: one at a time on each side
 * (single.h), so that a position needs no compare-and-swap.
 *
 * SHARED says in both words that positions may be taken by compare-and-swap. Whoever wants the ring
 * for itself again takes the marks away: a compare-and-swap that was about to be made fails by
 * that, and who made his before still has his slot, which looks to the new owner like one that is
 * between turns (-EBUSY). So nobody has to be waited for.
 *
 * INVARIANTS
 *   I1  Who moved tail (head) from a position is the only one to touch that slot until it passes
 *       the turn on. Elements come out in the order of their positions.
 *   I2  CLOSED stands in tail itself, so each send is before or after the close, and every element
 *       that was sent is at a position before the end that receivers see.
 *   I3  Passing on the turn is the last touch of the ring: whoever gets the last element may free
 *       it (chan.c, I5).
 *
 * ORDERING
 *   O1  turn: released by who filled (emptied) the slot, acquired by who empties (fills) it. It
 *       orders the element.
 *   O2  The compare-and-swap of tail (head) is seq_cst: it is this side's store in the agreement
 *       with who goes to wait (chan.c, O1), whose look at the ring is a seq_cst load of it.
 *   O3  SHARED is set by a release and read by an acquire: what was done alone before. It is taken
 *       away by an acquire: what was done to the words by others before; slots as in O1. */
#ifndef LEAT_CHAN_RING_H
#define LEAT_CHAN_RING_H

#include "lockfree/atomic.h"

#include <errno.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#define LEAT__RING_CLOSED (UINT64_C(1) << 63)
#define LEAT__RING_SHARED (UINT64_C(1) << 62)
#define LEAT__RING_MARKS  (LEAT__RING_CLOSED | LEAT__RING_SHARED)

/* A slot that is between turns is one a few instructions long, unless its thread was preempted. */
#ifndef LEAT__RING_SPINS /* the model checker builds with none */
#define LEAT__RING_SPINS 64
#endif

/* Hints, in the cache line that their writer has just written. */
struct leat__ring_user {
    LEAT_ATOMIC(uintptr_t) worker; /* its place (bias.h); 0: none, or a plain thread */
    LEAT_ATOMIC(uint32_t)  streak; /* how often in a row */
};

/* Positions of which who is alone need not ask (stretch.h). */
struct leat__ring_stretch {
    uint64_t  end;  /* all before are free (full), and of one lap; 0: shut */
    uintptr_t base; /* a slot's address less its position */
    uint64_t  turn; /* what a slot's turn becomes */
    uint64_t  calm; /* before this one, some may be in the hands of who took it while shared */
};

struct leat__ring {
    size_t   bytes;  /* of an element */
    size_t   stride; /* of a slot */
    uint64_t capacity;
    uint64_t lap;  /* LAP */
    uint64_t mask; /* LAP - 1: of a position's offset */
    uint64_t last; /* the offset of the last slot; none without capacity */
    unsigned char *slots;
    alignas(64) LEAT_ATOMIC(uint64_t) tail;
    struct leat__ring_user sender; /* who moved tail last, while it was shared */
    struct leat__ring_stretch room;
    alignas(64) LEAT_ATOMIC(uint64_t) head;
    struct leat__ring_user receiver;
    struct leat__ring_stretch store;
};

struct leat__ring_slot {
    LEAT_ATOMIC(uint64_t) turn;
    unsigned char element[];
};

/* Bytes of a slot: its turn and the element, rounded up. */
static inline size_t leat__ring_stride(size_t bytes)
{
    return sizeof(struct leat__ring_slot) + ((bytes + 7) & ~(size_t)7);
}

/* slots: capacity times the stride, all zero, and aligned for a turn. */
static inline void leat__ring_init(struct leat__ring *ring, size_t bytes, uint64_t capacity,
                                   void *slots)
{
    ring->bytes = bytes;
    ring->stride = leat__ring_stride(bytes);
    ring->capacity = capacity;
    ring->lap = ring->stride; /* at least 2: full in a lap must not look free in the next */
    while (ring->lap < capacity * ring->stride || (ring->lap & (ring->lap - 1)))
        ring->lap = (ring->lap | (ring->lap - 1)) + 1;
    ring->mask = ring->lap - 1;
    ring->last = capacity * ring->stride - ring->stride;
    ring->slots = slots;
    store_relaxed(&ring->tail, 0); /* relaxed, both: nobody else has it yet */
    store_relaxed(&ring->head, 0);
}

static inline struct leat__ring_slot *leat__ring_slot(const struct leat__ring *ring, uint64_t at)
{
    return (void *)(ring->slots + (at & ring->mask));
}

/* With the marks: a CLOSED tail fits no slot's turn. Alone there is no other. */
static inline uint64_t leat__ring_lap(const struct leat__ring *ring, uint64_t at)
{
    return at - (at & ring->mask);
}

/* The same of a position that was taken while SHARED. */
static inline uint64_t leat__ring_turn(const struct leat__ring *ring, uint64_t at)
{
    return leat__ring_lap(ring, at) & ~LEAT__RING_SHARED;
}

/* The position behind the one with this offset in this lap. */
static inline uint64_t leat__ring_behind(const struct leat__ring *ring, uint64_t offset,
                                         uint64_t lap)
{
    if (__builtin_expect(offset == ring->last, 0))
        return lap + ring->lap;
    return lap + offset + ring->stride;
}

static inline uint64_t leat__ring_next(const struct leat__ring *ring, uint64_t at)
{
    return leat__ring_behind(ring, at & ring->mask, leat__ring_lap(ring, at));
}

/* How many elements were sent to the positions before this one. */
static inline uint64_t leat__ring_count(const struct leat__ring *ring, uint64_t at)
{
    at &= ~LEAT__RING_MARKS;
    return at / ring->lap * ring->capacity + (at & ring->mask) / ring->stride;
}

/* Most elements are of this size. A call of memcpy costs as much as all the rest, and has its
 * caller save registers even where it is not made. */
static inline void leat__ring_copy_word(void *to, const void *from, size_t bytes)
{
    (void)bytes;
    memcpy(to, from, sizeof(uint64_t));
}

static inline void leat__ring_copy(void *to, const void *from, size_t bytes)
{
    if (__builtin_expect(bytes == 8, 1))
        memcpy(to, from, 8);
    else if (bytes == 4)
        memcpy(to, from, 4);
    else if (bytes == 16)
        memcpy(to, from, 16);
    else
        memcpy(to, from, bytes);
}

/* ---- alone ---- */

/* 0, -EPIPE, -EAGAIN when it is full, -EBUSY when somebody is about to make room. `copy`: one of
 * the above. */
static inline __attribute__((always_inline)) int
leat__ring_push_alone(struct leat__ring *ring, const void *element,
                      void (*copy)(void *to, const void *from, size_t bytes))
{
    /* relaxed, here and below: nobody else moves positions; bias.h hands the ring over */
    uint64_t tail = load_relaxed(&ring->tail);
    uint64_t offset = tail & ring->mask, lap = tail - offset;
    struct leat__ring_slot *slot = leat__ring_slot(ring, offset);

    if (__builtin_expect(load_acquire(&slot->turn) != lap, 0)) { /* O1: of one from before */
        if (tail & LEAT__RING_CLOSED)
            return -EPIPE;
        return load_relaxed(&ring->head) + ring->lap == tail ? -EAGAIN : -EBUSY;
    }
    copy(slot->element, element, ring->bytes);
    store_relaxed(&slot->turn, lap + 1);
    store_relaxed(&ring->tail, leat__ring_behind(ring, offset, lap));
    return 0;
}

/* 0, -EAGAIN when it is empty, -EPIPE when it is empty and closed, -EBUSY when somebody is about to
 * fill the slot. */
static inline __attribute__((always_inline)) int
leat__ring_pop_alone(struct leat__ring *ring, void *element,
                     void (*copy)(void *to, const void *from, size_t bytes))
{
    /* relaxed, here and below: as above */
    uint64_t head = load_relaxed(&ring->head);
    uint64_t offset = head & ring->mask, lap = head - offset;
    struct leat__ring_slot *slot = leat__ring_slot(ring, offset);

    if (__builtin_expect(load_acquire(&slot->turn) != lap + 1, 0)) { /* O1: of one from before */
        uint64_t tail = load_relaxed(&ring->tail);

        if ((tail & ~LEAT__RING_CLOSED) != head)
            return -EBUSY;
        return tail & LEAT__RING_CLOSED ? -EPIPE : -EAGAIN;
    }
    copy(element, slot->element, ring->bytes);
    store_relaxed(&slot->turn, lap + ring->lap);
    store_relaxed(&ring->head, leat__ring_behind(ring, offset, lap));
    return 0;
}

/* ---- one sender and one receiver (single.h) ---- */

/* As alone, but the other side is at work: the turn passes between them (O1). */
static inline int leat__ring_push_single(struct leat__ring *ring, const void *element)
{
    uint64_t tail = load_relaxed(&ring->tail); /* relaxed, here and below: ours alone */
    uint64_t lap = leat__ring_lap(ring, tail);
    struct leat__ring_slot *slot = leat__ring_slot(ring, tail);

    if (__builtin_expect(load_acquire(&slot->turn) != lap, 0)) /* O1 */
        return tail & LEAT__RING_CLOSED ? -EPIPE : -EAGAIN;
    leat__ring_copy(slot->element, element, ring->bytes);
    store_relaxed(&ring->tail, leat__ring_next(ring, tail));
    store_release(&slot->turn, lap + 1); /* O1 */
    return 0;
}

/* -EAGAIN when it is empty, closed or not: tail is the sender's. */
static inline int leat__ring_pop_single(struct leat__ring *ring, void *element)
{
    uint64_t head = load_relaxed(&ring->head); /* relaxed, here and below: ours alone */
    uint64_t lap = leat__ring_lap(ring, head);
    struct leat__ring_slot *slot = leat__ring_slot(ring, head);

    if (__builtin_expect(load_acquire(&slot->turn) != lap + 1, 0)) /* O1 */
        return -EAGAIN;
    leat__ring_copy(element, slot->element, ring->bytes);
    store_relaxed(&ring->head, leat__ring_next(ring, head));
    store_release(&slot->turn, lap + ring->lap); /* O1 */
    return 0;
}

/* ---- shared ---- */

/* The caller is the only one on the ring: from now on others may come. */
static inline void leat__ring_share(struct leat__ring *ring)
{
    /* relaxed, both loads: ours; release, both: O3 */
    store_release(&ring->head, load_relaxed(&ring->head) | LEAT__RING_SHARED);
    store_release(&ring->tail, load_relaxed(&ring->tail) | LEAT__RING_SHARED);
}

static inline bool leat__ring_is_shared(struct leat__ring *ring)
{
    return load_relaxed(&ring->tail) & LEAT__RING_SHARED; /* relaxed: under the channel's lock */
}

/* From now on only the caller moves positions; those that were taken may still be on their way. */
static inline void leat__ring_unshare(struct leat__ring *ring)
{
    /* O3, both */
    uint64_t head = fetch_and_acquire(&ring->head, ~LEAT__RING_SHARED) & ~LEAT__RING_SHARED;
    uint64_t tail = fetch_and_acquire(&ring->tail, ~LEAT__RING_SHARED) & ~LEAT__RING_MARKS;

    ring->store.calm = tail;
    ring->room.calm = head + ring->lap;
}

/* Both look at what the slot says first, and only when it says no at the other end. Between the
 * two a slot may be in somebody's hands: then -EBUSY, after a moment. */

/* Take the position at the tail. 0 with *ret_at, -EPIPE, -EAGAIN when it is full or not shared,
 * -EBUSY. */
static inline int leat__ring_claim_tail(struct leat__ring *ring, uint64_t *ret_at)
{
    uint64_t tail = load_acquire(&ring->tail); /* O3; the compare-and-swap decides */

    for (int i = 0; i <= LEAT__RING_SPINS;) {
        uint64_t lap = leat__ring_turn(ring, tail);
        uint64_t seen;

        if (__builtin_expect((tail & LEAT__RING_MARKS) != LEAT__RING_SHARED, 0))
            return tail & LEAT__RING_SHARED ? -EPIPE : -EAGAIN;
        if (load_acquire(&leat__ring_slot(ring, tail)->turn) == lap) { /* O1 */
            *ret_at = tail;
            if (cas_weak_seq_cst(&ring->tail, &tail, leat__ring_next(ring, tail))) /* O2 */
                return 0;
            continue;
        }
        /* seq_cst: O2 of the other side, for who goes to wait because of it. Read before tail is
         * read again, so that tail cannot have been overtaken. */
        seen = load_seq_cst(&ring->head) + ring->lap;
        if (seen == tail)
            return -EAGAIN;
        seen = tail;
        tail = load_acquire(&ring->tail); /* as above */
        if (tail == seen) {
            cpu_relax();
            i++;
        }
    }
    return -EBUSY;
}

/* Take the position at the head. 0 with *ret_at, -EAGAIN when it is empty or not shared, -EPIPE
 * when it is empty and closed, -EBUSY. */
static inline int leat__ring_claim_head(struct leat__ring *ring, uint64_t *ret_at)
{
    uint64_t head = load_acquire(&ring->head); /* O3; the compare-and-swap decides */

    for (int i = 0; i <= LEAT__RING_SPINS;) {
        uint64_t lap = leat__ring_turn(ring, head);
        uint64_t seen;

        if (__builtin_expect(!(head & LEAT__RING_SHARED), 0))
            return -EAGAIN;
        if (load_acquire(&leat__ring_slot(ring, head)->turn) == lap + 1) { /* O1 */
            *ret_at = head;
            if (cas_weak_seq_cst(&ring->head, &head, leat__ring_next(ring, head))) /* O2 */
                return 0;
            continue;
        }
        seen = load_seq_cst(&ring->tail); /* as in claim_tail */
        if ((seen & ~LEAT__RING_CLOSED) == head)
            return seen & LEAT__RING_CLOSED ? -EPIPE : -EAGAIN;
        seen = head;
        head = load_acquire(&ring->head); /* as above */
        if (head == seen) {
            cpu_relax();
            i++;
        }
    }
    return -EBUSY;
}

static inline void leat__ring_fill(struct leat__ring *ring, uint64_t at, const void *element)
{
    struct leat__ring_slot *slot = leat__ring_slot(ring, at);

    leat__ring_copy(slot->element, element, ring->bytes);
    store_release(&slot->turn, leat__ring_turn(ring, at) + 1); /* O1 */
}

static inline void leat__ring_drain(struct leat__ring *ring, uint64_t at, void *element)
{
    struct leat__ring_slot *slot = leat__ring_slot(ring, at);

    leat__ring_copy(element, slot->element, ring->bytes);
    store_release(&slot->turn, leat__ring_turn(ring, at) + ring->lap); /* O1 */
}

/* Is there something at the head (room at the tail) that a claim would get now? */
static inline bool leat__ring_has_element(struct leat__ring *ring)
{
    uint64_t head = load_relaxed(&ring->head); /* relaxed: a claim decides */

    return load_acquire(&leat__ring_slot(ring, head)->turn) == leat__ring_turn(ring, head) + 1;
}

static inline bool leat__ring_has_room(struct leat__ring *ring)
{
    uint64_t tail = load_relaxed(&ring->tail); /* relaxed: a claim decides */

    return !(tail & LEAT__RING_CLOSED) &&
           load_acquire(&leat__ring_slot(ring, tail)->turn) == leat__ring_turn(ring, tail);
}

/* Full, at the instant of the second load; a closed one is not, nor one whose marks change. */
static inline bool leat__ring_is_full(struct leat__ring *ring)
{
    uint64_t tail = load_relaxed(&ring->tail); /* relaxed: too old a one is not found at the head */

    return load_seq_cst(&ring->head) + ring->lap == tail; /* O2 of who looks before it waits */
}

/* Positions taken by senders and not yet by receivers. The order of the loads makes it the length
 * at some instant between them, or less. */
static inline uint64_t leat__ring_length(struct leat__ring *ring)
{
    uint64_t head = load_seq_cst(&ring->head); /* O2 of who looks before it goes to wait */
    uint64_t tail = load_seq_cst(&ring->tail);
    uint64_t sent = leat__ring_count(ring, tail);
    uint64_t received = leat__ring_count(ring, head);

    return sent > received ? sent - received : 0;
}

#endif
