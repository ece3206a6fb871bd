/* SPDX-License-Identifier: MIT */
/* deque.c: the ring behind a deque, and growing it; raids. */
#include "lockfree/deque.h"
#include "platform/barrier.h"

#include <errno.h>
#include <stdlib.h>

static struct leat__deque_ring *make_ring(uint64_t slots)
{
    struct leat__deque_ring *ring = malloc(sizeof *ring + slots * sizeof ring->slot[0]);

    if (!ring)
        return NULL;
    ring->slots = slots;
    ring->outgrown = NULL;
    for (uint64_t i = 0; i < slots; i++) {
        store_relaxed(&ring->slot[i].item, NULL); /* relaxed: nobody else has the ring yet */
        ring->slot[i].tag = NULL;
    }
    return ring;
}

int leat__deque_init(struct leat__deque *deque)
{
    struct leat__deque_ring *ring = make_ring(LEAT__DEQUE_SLOTS);

    if (!ring)
        return -ENOMEM;
    /* relaxed, all: the deque is handed to other threads by whatever starts them */
    store_relaxed(&deque->ring, ring);
    store_relaxed(&deque->top, 0);
    store_relaxed(&deque->bottom, 0);
    store_relaxed(&deque->raided, 0);
    deque->alone = false;
    return 0;
}

void leat__deque_fini(struct leat__deque *deque)
{
    struct leat__deque_ring *ring = load_relaxed(&deque->ring); /* relaxed: no thieves any more */

    while (ring) {
        struct leat__deque_ring *outgrown = ring->outgrown;

        free(ring);
        ring = outgrown;
    }
    store_relaxed(&deque->ring, NULL); /* relaxed: likewise */
}

bool leat__deque_grow(struct leat__deque *deque)
{
    struct leat__deque_ring *old = load_relaxed(&deque->ring); /* relaxed: ours */
    struct leat__deque_ring *ring = make_ring(old->slots * 2);
    uint64_t bottom = load_relaxed(&deque->bottom); /* relaxed: ours */

    if (!ring)
        return false;
    ring->outgrown = deque->alone ? NULL : old; /* I4 */
    /* relaxed, all: published by the store of the ring. Slots that thieves empty meanwhile are
     * copied for nothing. */
    for (uint64_t i = load_relaxed(&deque->top); i < bottom; i++) {
        struct leat__deque_slot *from = leat__deque_slot(old, i);
        struct leat__deque_slot *to = leat__deque_slot(ring, i);

        store_relaxed(&to->item, load_relaxed(&from->item));
        to->tag = from->tag;
    }
    store_release(&deque->ring, ring); /* O1 */
    if (deque->alone)
        free(old);
    return true;
}

void leat__deque_fence(struct leat__deque *deque)
{
    store_relaxed(&deque->raided, LEAT__DEQUE_FENCED); /* relaxed: nobody else has the deque yet */
}

void leat__deque_raid(struct leat__deque *deque)
{
    /* relaxed: ordered by the barrier; where there is none the owner need not see it */
    if (!(fetch_add_relaxed(&deque->raided, 1) & LEAT__DEQUE_FENCED))
        leat__barrier_all(); /* O4: pairs with fence_light in leat__deque_take_newest */
}

void leat__deque_leave(struct leat__deque *deque)
{
    fetch_sub_release(&deque->raided, 1); /* O4: pairs with the acquire in take_newest */
}
