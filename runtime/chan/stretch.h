/* SPDX-License-Identifier: MIT */
/* The shortest way through a ring (ring.h): words, by who is alone (bias.h), where nobody waits. A
 * stretch says of some positions at once what push_alone and pop_alone ask of each: that the slot
 * is free (full), where it is, that the lap does not end behind it, and that nobody is listed who
 * waits. So an element costs a third less: 99 instructions from one task to another, 135 without.
 *
 * Who passed an element the long way looks how many more would go, and opens a stretch for them;
 * who lists a waiter shuts both.
 *
 * INVARIANTS
 *   I1  Of positions from tail (head) to the stretch's end each slot is free (full), and in
 *       nobody's hands, until its position is taken. That stays true whatever happens to the
 *       channel, for tail and head only grow: a stretch of before it was shared is as good when it
 *       was regained. Those that were taken while it was shared end before `calm`.
 *   I2  While an open stretch has positions left nobody is listed who waits to send or receive.
 *   I3  A CLOSED or SHARED tail, and a SHARED head, are behind every end.
 *   I4  A stretch is written and used by who is alone and inside, or shut under the channel's lock
 *       while it is shared: bias.h orders the two. */
#ifndef LEAT_CHAN_STRETCH_H
#define LEAT_CHAN_STRETCH_H

#include "chan/ring.h"

/* So many words make a stretch: to look for one costs about as much as it saves with three. */
#ifndef LEAT__RING_STRETCH /* the model checker builds with one */
#define LEAT__RING_STRETCH 4
#endif

/* Bytes of a word's slot. */
#define LEAT__RING_WORD (sizeof(struct leat__ring_slot) + sizeof(uint64_t))

/* False: there is none left. */
static inline bool leat__ring_push_stretch(struct leat__ring *ring, const void *element)
{
    uint64_t tail = load_relaxed(&ring->tail); /* relaxed, here and below: alone */
    struct leat__ring_slot *slot = (struct leat__ring_slot *)(ring->room.base + (uintptr_t)tail);

    if (__builtin_expect(tail >= ring->room.end, 0))
        return false;
    memcpy(slot->element, element, sizeof(uint64_t));
    store_relaxed(&slot->turn, ring->room.turn);
    store_relaxed(&ring->tail, tail + LEAT__RING_WORD);
    return true;
}

static inline bool leat__ring_pop_stretch(struct leat__ring *ring, void *element)
{
    uint64_t head = load_relaxed(&ring->head); /* relaxed, here and below: alone */
    struct leat__ring_slot *slot = (struct leat__ring_slot *)(ring->store.base + (uintptr_t)head);

    if (__builtin_expect(head >= ring->store.end, 0))
        return false;
    memcpy(element, slot->element, sizeof(uint64_t));
    store_relaxed(&slot->turn, ring->store.turn);
    store_relaxed(&ring->head, head + LEAT__RING_WORD);
    return true;
}

/* From `from` to before `to`, but for the last slot, behind which the lap ends. */
static inline void leat__ring_stretch(const struct leat__ring *ring,
                                      struct leat__ring_stretch *stretch, uint64_t from,
                                      uint64_t to, uint64_t turn)
{
    uint64_t lap = leat__ring_lap(ring, from);
    uint64_t end = to < lap + ring->last ? to : lap + ring->last;

    if (from < stretch->calm || end < from + LEAT__RING_STRETCH * LEAT__RING_WORD)
        return;
    stretch->end = end;
    stretch->base = (uintptr_t)ring->slots - (uintptr_t)lap;
    stretch->turn = lap + turn;
}

/* Alone, elements are words, nobody waits, and one was just passed: there may be room (something)
 * for more. */
static inline void leat__ring_stretch_room(struct leat__ring *ring)
{
    /* relaxed, both: alone */
    leat__ring_stretch(ring, &ring->room, load_relaxed(&ring->tail),
                       load_relaxed(&ring->head) + ring->lap, 1);
}

static inline void leat__ring_stretch_store(struct leat__ring *ring)
{
    /* relaxed, both: alone */
    leat__ring_stretch(ring, &ring->store, load_relaxed(&ring->head),
                       load_relaxed(&ring->tail) & ~LEAT__RING_CLOSED, ring->lap);
}

/* Somebody is listed: from here on each operation looks. */
static inline void leat__ring_shut(struct leat__ring *ring)
{
    ring->room.end = ring->store.end = 0;
}

#endif
