/* SPDX-License-Identifier: MIT */
/*
 * injector.h: the queue all workers share: what plain threads submit, and what did not fit into
 * a worker's own ring.
 *
 *   leat__injector_push(q, &task->link);              // any thread
 *   n = leat__injector_pop_batch(q, 32, &batch);      // any worker: in FIFO order
 *
 * A list under a lock. It is the slow path by design: overflow comes in batches of half a ring
 * and is taken in batches, so the lock is held for a pointer or two per hundred items, and a
 * worker that finds it empty has paid one load. A lock-free queue of many to many (Michael and
 * Scott) needs two compare-and-swaps an item and somebody to free its nodes safely.
 *
 * INVARIANTS
 *   I1 len is the number of items in the list; both change under the lock.
 * ORDERING
 *   O1 Items are published by the lock. len is read without it and orders nothing: it says whether
 *      taking the lock is worth it. A worker about to sleep reads it after a seq_cst fence
 *      (idle.h, O1), and a submitter fences after its push, so one of the two sees the other.
 */
#ifndef LEAT_LOCKFREE_INJECTOR_H
#define LEAT_LOCKFREE_INJECTOR_H

#include "lockfree/atomic.h"
#include "lockfree/link.h"
#include "lockfree/lock.h"

/* All-zero memory is an empty injector. */
struct leat__injector {
    struct leat__lock lock;
    LEAT_ATOMIC(uint32_t) len;
    struct leat__link *first; /* guarded by lock, as is last */
    struct leat__link *last;
};

/* Any thread. How many items there are. */
static inline uint32_t leat__injector_len(struct leat__injector *q)
{
    return load_relaxed(&q->len); /* relaxed: O1 */
}

/* Any thread. Puts one item last. */
void leat__injector_push(struct leat__injector *q, struct leat__link *item);

/* Any thread. Puts all of batch last, in order, and leaves it empty. */
void leat__injector_push_batch(struct leat__injector *q, struct leat__batch *batch);

/* Any thread. Appends up to max items to batch, in the order they came. Returns how many. */
uint32_t leat__injector_pop_batch(struct leat__injector *q, uint32_t max,
                                  struct leat__batch *batch);

#endif
