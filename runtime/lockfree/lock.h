/* SPDX-License-Identifier: MIT */
/*
 * lock.h: a four-byte lock for a few instructions' worth of work. All-zero memory is an unlocked
 * lock; there is no init and no fini.
 *
 *   leat__lock(&queue->lock);
 *   ... a few lines, never a suspension, a system call or a callback ...
 *   leat__unlock(&queue->lock);
 *
 * Contract: not recursive, not fair. It has no owner: whoever runs next may release it, which the
 * park protocol needs (a task takes the lock, switches away, and the next context releases it on
 * the same thread once the task is safely parked).
 * Progress: blocking. A thread that spins in vain sleeps in the kernel, so a lock holder that was
 * preempted costs its waiters no CPU time.
 *
 * Why not pthread_mutex_t: 40 bytes, an owner field that is wrong after a context switch, and a
 * call into a library for what is one compare-and-swap. Why not a ticket lock: a preempted
 * waiter holds up all those behind it.
 *
 * INVARIANTS
 *   I1 word is FREE, HELD (nobody sleeps) or CONTENDED (somebody may sleep).
 *   I2 A thread sleeps only after it stored CONTENDED, and whoever ends the CONTENDED state by
 *      unlocking wakes one. The one woken stores CONTENDED again, since others may still sleep.
 * ORDERING
 *   O1 lock acquires what the last unlock released.
 */
#ifndef LEAT_LOCKFREE_LOCK_H
#define LEAT_LOCKFREE_LOCK_H

#include "lockfree/atomic.h"

enum leat__lock_state { LEAT__LOCK_FREE, LEAT__LOCK_HELD, LEAT__LOCK_CONTENDED };

struct leat__lock {
    LEAT_ATOMIC(uint32_t) word;
};

void leat__lock_slow(struct leat__lock *lock);
void leat__unlock_slow(struct leat__lock *lock);

/* Returns whether the lock was taken. */
static inline bool leat__trylock(struct leat__lock *lock)
{
    uint32_t seen = LEAT__LOCK_FREE;

    return cas_acquire(&lock->word, &seen, LEAT__LOCK_HELD); /* O1: exchange in leat__unlock */
}

static inline void leat__lock(struct leat__lock *lock)
{
    if (__builtin_expect(!leat__trylock(lock), 0))
        leat__lock_slow(lock);
}

static inline void leat__unlock(struct leat__lock *lock)
{
    /* O1: pairs with the acquires in leat__trylock and leat__lock_slow */
    if (__builtin_expect(exchange_release(&lock->word, LEAT__LOCK_FREE) == LEAT__LOCK_CONTENDED, 0))
        leat__unlock_slow(lock);
}

#endif
