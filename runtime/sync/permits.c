/* SPDX-License-Identifier: MIT */
/* The slow paths of permits.h: waiting, and giving to those who wait. */
#include "sync/permits.h"
#include "task/self.h"

/* With the lock held: serve the first waiters with `free` permits. Returns what is left. */
static uint64_t serve(struct leat__permits *permits, uint64_t free, struct leat__waitlist *won)
{
    struct leat__waitnode *node;

    while ((node = permits->waiters.first) && node->count <= free) {
        leat__waitlist_remove(&permits->waiters, node);
        if (!leat__waitnode_claim(node))
            continue;
        free -= node->count; /* I3 */
        leat__waitlist_push(won, node);
    }
    return free;
}

/* With the lock held, which it releases, and WAITING set: so many are free. */
static void serve_and_unlock(struct leat__permits *permits, uint32_t base, uint64_t free)
{
    struct leat__waitlist won = { 0 };
    uint64_t word = (serve(permits, free, &won) - base) << 1;

    if (!leat__waitlist_empty(&permits->waiters))
        word |= LEAT__PERMITS_WAITING;
    store_release(&permits->word, word); /* O1: what was there before was acquired */
    leat__unlock(&permits->lock);
    leat__waitlist_wake(&won); /* I4 */
}

void leat__permits_give_slow(struct leat__permits *permits, uint32_t base, uint32_t n)
{
    uint64_t word;

    leat__lock(&permits->lock);
    word = load_acquire(&permits->word); /* pairs with all releases of it (O1) */
    if (word & LEAT__PERMITS_WAITING) {
        serve_and_unlock(permits, base, leat__permits_free(word, base) + n);
        return;
    }
    leat__unlock(&permits->lock);
    leat__permits_give(permits, base, n); /* those who waited have left */
}

int leat__permits_wait(struct leat__permits *permits, uint32_t base, uint32_t n,
                       const struct leat__reason *reason)
{
    struct leat__waitnode node = { .count = n };
    uint64_t old;
    int err;

    leat__lock(&permits->lock);
    old = load_relaxed(&permits->word); /* relaxed: the compare-and-swaps decide */
    while (!(old & LEAT__PERMITS_WAITING)) {
        if (leat__permits_free(old, base) >= n) {
            if (cas_weak_acquire(&permits->word, &old, old - 2 * (uint64_t)n)) { /* O1 */
                leat__unlock(&permits->lock);
                return 0;
            }
        } else if (cas_weak_relaxed(&permits->word, &old, old | LEAT__PERMITS_WAITING)) {
            break; /* relaxed: the bit sends others to the lock */
        }
    }
    leat__self_reason(leat__self(), reason, (void *)(uintptr_t)n);
    err = leat__waitlist_wait(&permits->waiters, &node, &permits->lock);
    if (err) { /* those behind us may be served now (I2) */
        leat__lock(&permits->lock);
        old = load_acquire(&permits->word); /* as in give (O1) */
        if (old & LEAT__PERMITS_WAITING)
            serve_and_unlock(permits, base, leat__permits_free(old, base));
        else
            leat__unlock(&permits->lock);
    }
    return err;
}

bool leat__permits_arm(struct leat__permits *permits, uint32_t base, struct leat__waitnode *node)
{
    uint64_t old;

    leat__lock(&permits->lock);
    old = load_relaxed(&permits->word); /* relaxed: the compare-and-swap decides */
    while (!(old & LEAT__PERMITS_WAITING)) {
        if (leat__permits_free(old, base) >= node->count) {
            leat__unlock(&permits->lock);
            return true;
        }
        /* relaxed: the bit sends others to the lock */
        if (cas_weak_relaxed(&permits->word, &old, old | LEAT__PERMITS_WAITING))
            break;
    }
    leat__waitlist_push(&permits->waiters, node);
    leat__unlock(&permits->lock);
    return false;
}

void leat__permits_disarm(struct leat__permits *permits, uint32_t base,
                          struct leat__waitnode *node)
{
    uint64_t old;

    if (node->won) /* off the list, and the object may be gone */
        return;
    leat__lock(&permits->lock);
    leat__waitlist_remove(&permits->waiters, node);
    old = load_acquire(&permits->word); /* as in give (O1) */
    if (old & LEAT__PERMITS_WAITING) /* those behind us may be served now (I2) */
        serve_and_unlock(permits, base, leat__permits_free(old, base));
    else
        leat__unlock(&permits->lock);
}
