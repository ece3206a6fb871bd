/* SPDX-License-Identifier: MIT */
/* runq.c: the ring behind a run queue, and growing it. */
#include "lockfree/runq.h"

#include <errno.h>
#include <stdlib.h>

static struct leat__runq_ring *make_ring(uint64_t slots)
{
    struct leat__runq_ring *ring = malloc(sizeof *ring + slots * sizeof ring->slots[0]);

    if (!ring)
        return NULL;
    ring->mask = slots - 1;
    ring->outgrown = NULL;
    for (uint64_t i = 0; i < slots; i++)
        store_relaxed(&ring->slots[i], NULL); /* relaxed: nobody else has the ring yet */
    return ring;
}

/* Make it the one in use. */
static void adopt(struct leat__runq *q, struct leat__runq_ring *ring)
{
    q->slots = ring->slots;
    q->mask = ring->mask;
    store_release(&q->ring, ring); /* O4 */
}

int leat__runq_init(struct leat__runq *q)
{
    struct leat__runq_ring *ring = make_ring(LEAT__RUNQ_SLOTS);

    if (!ring)
        return -ENOMEM;
    /* relaxed, all: the queue is handed to other threads by whatever starts them */
    store_relaxed(&q->head, 0);
    store_relaxed(&q->tail, 0);
    adopt(q, ring);
    q->alone = false;
    return 0;
}

void leat__runq_fini(struct leat__runq *q)
{
    struct leat__runq_ring *ring = load_relaxed(&q->ring); /* relaxed: no thieves any more */

    while (ring) {
        struct leat__runq_ring *outgrown = ring->outgrown;

        free(ring);
        ring = outgrown;
    }
    store_relaxed(&q->ring, NULL); /* relaxed: likewise */
}

bool leat__runq_grow(struct leat__runq *q)
{
    struct leat__runq_ring *old = leat__runq_ring(q);
    struct leat__runq_ring *ring = make_ring((old->mask + 1) * 2);
    uint64_t tail = load_relaxed(&q->tail); /* relaxed: ours */

    if (!ring)
        return false;
    ring->outgrown = q->alone ? NULL : old; /* O4 */
    /* relaxed, all: published by the store of the ring. What thieves take meanwhile is copied for
     * nothing. */
    for (uint64_t i = load_relaxed(&q->head); i < tail; i++)
        store_relaxed(leat__runq_slot(ring, i), load_relaxed(leat__runq_slot(old, i)));
    adopt(q, ring);
    if (q->alone)
        free(old);
    return true;
}
