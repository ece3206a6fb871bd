/* SPDX-License-Identifier: MIT */
/* lock.c: the slow paths of lock.h: spin for as long as a critical section takes, then sleep. */
#include "lockfree/lock.h"

#include <leat/time.h>

#include "platform/futex.h"

/* 100 pauses are 1 to 4 us: longer than any section this lock guards, shorter than a sleep and
 * a wake. The model checker builds with 1. */
#ifndef LEAT__LOCK_SPINS
#define LEAT__LOCK_SPINS 100
#endif

void leat__lock_slow(struct leat__lock *lock)
{
    for (int i = 0; i < LEAT__LOCK_SPINS; i++) {
        /* relaxed: only a hint that the compare-and-swap is worth its cache miss */
        if (load_relaxed(&lock->word) == LEAT__LOCK_FREE && leat__trylock(lock))
            return;
        cpu_relax();
    }
    /* I2: CONTENDED even if the lock is got at once, for others may be asleep. The futex compares
     * the word again in the kernel, so an unlock between the two lines is not slept through; it
     * may also return early for a signal, which the loop does not mind. O1: as in leat__trylock. */
    while (exchange_acquire(&lock->word, LEAT__LOCK_CONTENDED) != LEAT__LOCK_FREE)
        (void)leat__futex_wait(&lock->word, LEAT__LOCK_CONTENDED, LEAT_NEVER);
}

void leat__unlock_slow(struct leat__lock *lock)
{
    /* The lock is free already, and its memory may be gone if its next holder freed it: a futex
     * wake on a stale address is harmless, it wakes at most somebody who checks again. */
    leat__futex_wake(&lock->word, 1);
}
