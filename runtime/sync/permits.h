/* SPDX-License-Identifier: MIT */
/* Permits, and in order of arrival those who wait for some: what semaphores and rwlocks are made
 * of. A reader takes one permit of an rwlock and a writer all, so the order of arrival, which keeps
 * large requests from starving, keeps writers from it.
 *
 * The word has the permits that are free, times two, and WAITING. A rwlock's count from a base that
 * is added, so that all-zero memory is a free one; the count is modulo 2^63.
 *
 * INVARIANTS
 *   I1  WAITING is set while the list is not empty, and changes only under the lock. While it is
 *       set the word changes only under the lock: nobody takes in passing, and who gives looks.
 *   I2  When the lock is free and the list is not, the first waiter wants more than there is. So
 *       permits never lie idle beside a waiter they would do for, except behind one that came
 *       before it (no starving of big ones).
 *   I3  A waiter's permits are taken in its name before it is woken: a cancel that comes later
 *       finds nothing to undo, one that came first leaves the permits where they are.
 *   I4  A call that gives in passing touches the object last when its permits are seen. One that
 *       finds WAITING set touches it last before it wakes; until then, or until it has the lock
 *       after us, a waiter's call is under way, and nobody may take the memory back.
 *
 * ORDERING
 *   O1  Who takes acquires what all who gave have released: by the word, which is changed by
 *       read-modify-writes, or by a store under the lock of who has acquired what was there; then
 *       by claim and wake (wait_word.h). */
#ifndef LEAT_SYNC_PERMITS_H
#define LEAT_SYNC_PERMITS_H

#include "lockfree/lock.h"
#include "task/waitlist.h"

#include <errno.h>

struct leat__permits {
    LEAT_ATOMIC(uint64_t) word;
    struct leat__lock     lock;
    struct leat__waitlist waiters;
};

#define LEAT__PERMITS_WAITING UINT64_C(1)

/* What is free, by the word. */
static inline uint64_t leat__permits_free(uint64_t word, uint32_t base)
{
    return ((word >> 1) + base) & (UINT64_MAX >> 1);
}

/* Take n if they are there and nobody waits. */
static inline bool leat__permits_try(struct leat__permits *permits, uint32_t base, uint32_t n)
{
    uint64_t old = load_relaxed(&permits->word); /* relaxed: the compare-and-swap decides */

    do {
        if ((old & LEAT__PERMITS_WAITING) || leat__permits_free(old, base) < n)
            return false;
    } while (!cas_weak_acquire(&permits->word, &old, old - 2 * (uint64_t)n)); /* O1 */
    return true;
}

/* The same, waiting. */
int leat__permits_wait(struct leat__permits *permits, uint32_t base, uint32_t n,
                       const struct leat__reason *reason);

/* For a select: list the node, whose count is set, or return true: an attempt is worth it. And take
 * it off the list, if it is still there. */
bool leat__permits_arm(struct leat__permits *permits, uint32_t base, struct leat__waitnode *node);
void leat__permits_disarm(struct leat__permits *permits, uint32_t base,
                          struct leat__waitnode *node);

void leat__permits_give_slow(struct leat__permits *permits, uint32_t base, uint32_t n);

static inline void leat__permits_give(struct leat__permits *permits, uint32_t base, uint32_t n)
{
    uint64_t old = load_relaxed(&permits->word); /* relaxed: the compare-and-swap decides */

    do {
        if (old & LEAT__PERMITS_WAITING) {
            leat__permits_give_slow(permits, base, n);
            return;
        }
    } while (!cas_weak_release(&permits->word, &old, old + 2 * (uint64_t)n)); /* O1, I4 */
}

#endif
