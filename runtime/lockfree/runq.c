/* SPDX-License-Identifier: MIT */
/* runq.c: the ring behind a run queue, growing it, and raids. */
#include "lockfree/runq.h"
#include "platform/barrier.h"

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
    store_release(&q->ring, ring); /* O3 */
}

int leat__runq_init(struct leat__runq *q)
{
    struct leat__runq_ring *ring = make_ring(LEAT__RUNQ_SLOTS);

    if (!ring)
        return -ENOMEM;
    /* relaxed, all: the queue is handed to other threads by whatever starts them */
    store_relaxed(&q->head, 0);
    store_relaxed(&q->tail, 0);
    store_relaxed(&q->taken, 0);
    store_relaxed(&q->raided, 0);
    store_relaxed(&q->lock.word, LEAT__LOCK_FREE);
    q->next = 0;
    q->raid = false;
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

    if (!ring)
        return false;
    ring->outgrown = q->alone ? NULL : old; /* O3 */
    /* relaxed, all: published by the store of the ring. What thieves take meanwhile is copied for
     * nothing. */
    for (uint64_t i = load_relaxed(&q->head); i < q->next; i++)
        store_relaxed(leat__runq_slot(ring, i), load_relaxed(leat__runq_slot(old, i)));
    adopt(q, ring);
    if (q->alone)
        free(old);
    return true;
}

/* ---- raids ---- */

void leat__runq_fence(struct leat__runq *q)
{
    store_relaxed(&q->raided, LEAT__RUNQ_FENCED); /* relaxed: no other thread has the queue yet */
}

/* The heavy side of O1, or one of two like ones. */
static void fence_for_raid(struct leat__runq *q)
{
    if (load_relaxed(&q->raided) & LEAT__RUNQ_FENCED) /* relaxed: constant */
        fence_seq_cst(); /* O1: pairs with the fence in leat__runq_settle */
    else
        leat__barrier_all(); /* O1: pairs with the fence in leat__runq_take */
}

/* relaxed, all: `raided` is written under the lock, and read again where it counts */
static void set_raided(struct leat__runq *q, bool raided)
{
    uint8_t fenced = load_relaxed(&q->raided) & LEAT__RUNQ_FENCED;

    store_relaxed(&q->raided, (uint8_t)(fenced | (raided ? LEAT__RUNQ_RAID : 0)));
}

bool leat__runq_settle(struct leat__runq *q, uint64_t first)
{
    bool ours = true;

    if (load_relaxed(&q->raided) & LEAT__RUNQ_FENCED) /* relaxed: constant */
        fence_seq_cst(); /* O1: pairs with the fence in fence_for_raid */
    if (!(load_relaxed(&q->raided) & LEAT__RUNQ_RAID)) /* relaxed: as in leat__runq_take */
        return true;
    leat__lock(&q->lock); /* and who is in the act has finished */
    if (q->raid) {
        ours = q->from != first; /* I5 */
        store_relaxed(&q->head, load_relaxed(&q->taken)); /* relaxed, both: under the lock */
        q->raid = false;
        set_raided(q, false);
    }
    leat__unlock(&q->lock);
    return ours;
}

bool leat__runq_make_room(struct leat__runq *q)
{
    uint64_t head = load_relaxed(&q->head); /* relaxed, all: ours */

    if (load_relaxed(&q->raided) != 0)
        (void)leat__runq_settle(q, head);
    return q->next - load_relaxed(&q->head) <= q->mask;
}

/* Thief, under the lock and behind the barrier: where does what is left begin? */
static uint64_t start_of(struct leat__runq *q)
{
    if (q->raid)
        return load_relaxed(&q->taken); /* relaxed: under the lock */
    q->from = load_relaxed(&q->head); /* relaxed: O1 */
    return q->from;
}

/* Thief, under the lock: copy up to `most` of half of what there is into its own ring, but the
 * first, past its end. Returns how many. */
static uint64_t raid(struct leat__runq *q, struct leat__runq *to, uint64_t most,
                     struct leat__link **ret_first)
{
    uint64_t start = start_of(q);
    uint64_t tail = load_acquire(&q->tail); /* O2 */
    struct leat__runq_ring *ring = load_acquire(&q->ring); /* O3: after tail */
    uint64_t n = (int64_t)(tail - start) > 0 ? tail - start : 0;

    n -= n / 2;
    if (n > most)
        n = most;
    if (n == 0)
        return 0;
    *ret_first = load_relaxed(leat__runq_slot(ring, start)); /* relaxed, all: O2 */
    for (uint64_t i = 1; i < n; i++)
        store_relaxed(leat__runq_own(to, to->next + i - 1),
                      load_relaxed(leat__runq_slot(ring, start + i)));
    store_relaxed(&q->taken, start + n); /* relaxed: the owner reads it under the lock */
    q->raid = true;
    return n;
}

struct leat__link *leat__runq_steal_half(struct leat__runq *from, struct leat__runq *to,
                                         uint32_t *ret_count)
{
    uint64_t most = (uint64_t)leat__runq_room(to) + 1; /* one runs now */
    struct leat__link *first = NULL;
    uint64_t n;

    *ret_count = 0;
    if (leat__runq_len(from) == 0 || !leat__trylock(&from->lock))
        return NULL; /* a hint, which saves the barrier */
    set_raided(from, true);
    fence_for_raid(from);
    n = raid(from, to, most < LEAT__RUNQ_SLOTS ? most : LEAT__RUNQ_SLOTS, &first);
    if (!from->raid)
        set_raided(from, false); /* at worst the owner looks for nothing */
    leat__unlock(&from->lock);
    *ret_count = (uint32_t)n;
    if (n > 1) {
        to->next += n - 1;
        store_release(&to->tail, to->next); /* O2 */
    }
    return first;
}
