/* SPDX-License-Identifier: MIT */
/* The wait word: who ends a wait, decided by one compare-and-swap.
 *
 * A wait is published in several places at once (a channel's list, a timer, the scope's members),
 * and each of them may try to end it. The word names the wait by a generation and says how far it
 * is; whoever moves it from ARMING or WAITING to CLAIMED has won, delivers what it brings, and
 * calls wake exactly once. Losers do nothing. A flag per source was rejected: two sources could
 * both see the other unset.
 *
 *            begin            commit               claim               wake: ready the fiber
 *     DONE ---------> ARMING ---------> WAITING ------------> CLAIMED ----------------> (resumes)
 *                       |                                        ^
 *                       | claim                                  | commit: park after all,
 *                       v                                        | the winner will wake us
 *                    CLAIMED_EARLY ------------------------------+
 *                       |
 *                       | wake: the fiber is still on its way to park
 *                       v
 *                     DONE  (commit sees it and returns false: ready at once)
 *
 * INVARIANTS
 *   I1  At most one claim per generation succeeds.
 *   I2  After a successful claim, wake is called exactly once, by the claimer, and the waiter does
 *       not resume before that call: what is delivered in between is seen by it.
 *   I3  A claim that names an old generation fails, so a word must outlive every ticket for it: it
 *       lives in type-stable memory (a task's block), or its tickets are withdrawn first.
 *   I4  CANCEL is sticky: a cancel that finds nothing to claim leaves it set, and the next begin
 *       reports it. begin and cancel are read-modify-writes of one word, so one sees the other.
 *
 * ORDERING
 *   O1  claim acquires from commit's release (the saved context, the waiter's frame), and wake's
 *       hand-over releases to the waiter's acquire (what was delivered).
 *   O2  begin's acquire pairs with cancel's release: who sees CANCEL sees the scope's end mark. */
#ifndef LEAT_TASK_WAIT_WORD_H
#define LEAT_TASK_WAIT_WORD_H

#include "lockfree/atomic.h"

#include <stdbool.h>
#include <stdint.h>

enum leat__cause {
    LEAT__CAUSE_EVENT,
    LEAT__CAUSE_TIMEOUT,
    LEAT__CAUSE_CANCEL,
    LEAT__CAUSE_DEADLOCK, /* nobody is left to end it: the observe room does */
};

enum leat__word_state {
    LEAT__WORD_DONE,
    LEAT__WORD_ARMING,
    LEAT__WORD_WAITING,
    LEAT__WORD_CLAIMED,
    LEAT__WORD_CLAIMED_EARLY,
    LEAT__WORD_LATE, /* as WAITING, of a wait that was opened late (late.h) */
};

/* state: bits 0-7; cause: 8-15; flags: 16-17; generation: 18-63, whose lowest two say what is to
 * be woken, the same for all waits of one task or thread. */
#define LEAT__WORD_STATE      UINT64_C(0xff)
#define LEAT__WORD_CANCEL     (UINT64_C(1) << 16) /* a cancel has come since the last begin */
#define LEAT__WORD_SHIELDED   (UINT64_C(1) << 17) /* this wait is not for a cancel to end */
#define LEAT__WORD_GENERATION (~UINT64_C(0) << 18)
#define LEAT__WORD_STEP       (UINT64_C(1) << 20)
#define LEAT__WORD_KIND       (LEAT__WORD_HOSTED | LEAT__WORD_THREAD) /* 0: of a task's own fiber */
#define LEAT__WORD_HOSTED     (UINT64_C(1) << 18) /* of a task that runs in place */
#define LEAT__WORD_THREAD     (UINT64_C(1) << 19) /* of a plain thread */

static inline enum leat__word_state leat__word_state(uint64_t word)
{
    return (enum leat__word_state)(word & LEAT__WORD_STATE);
}

static inline enum leat__cause leat__word_cause(uint64_t word)
{
    return (enum leat__cause)(word >> 8 & 0xff);
}

/* Is the waiter parked, and not claimed? */
static inline bool leat__word_is_parked(enum leat__word_state state)
{
    return state == LEAT__WORD_WAITING || state == LEAT__WORD_LATE;
}

/* Owner: open the next generation. Returns it; *cancelled says whether a cancel had come before,
 * which is taken note of here (the flag is cleared) unless the wait is shielded. */
static inline uint64_t leat__word_begin(LEAT_ATOMIC(uint64_t) *word, bool shielded, bool *cancelled)
{
    /* relaxed: only the owner moves the generation, and only flags can change under it */
    uint64_t old = load_relaxed(word);
    uint64_t next;

    do {
        next = ((old & LEAT__WORD_GENERATION) + LEAT__WORD_STEP) | LEAT__WORD_ARMING;
        if (shielded)
            next |= LEAT__WORD_SHIELDED | (old & LEAT__WORD_CANCEL);
    } while (!cas_weak_acquire(word, &old, next)); /* O2: pairs with cancel's release */
    *cancelled = !shielded && (old & LEAT__WORD_CANCEL) != 0;
    return next & LEAT__WORD_GENERATION;
}

/* Owner, before it parked: take the generation back, nobody having been told of it or everybody
 * having been withdrawn. Returns false when somebody claimed it: then it must park, to be woken. */
static inline bool leat__word_abandon(LEAT_ATOMIC(uint64_t) *word)
{
    /* relaxed: the compare-and-swap below decides */
    uint64_t old = load_relaxed(word);

    do {
        if (leat__word_state(old) != LEAT__WORD_ARMING)
            return false;
    } while (!cas_weak_relaxed(word, &old, old & ~LEAT__WORD_STATE));
    return true;
}

/* In the next context: the waiter is saved. Returns true to leave it parked, false to ready it. */
static inline bool leat__word_commit(LEAT_ATOMIC(uint64_t) *word)
{
    /* acquire, as in a compare-and-swap that fails: pairs with wake's release of DONE (O1) */
    uint64_t old = load_acquire(word);

    for (;;) {
        uint64_t next = old & ~LEAT__WORD_STATE;

        switch (leat__word_state(old)) {
        case LEAT__WORD_ARMING:
            next |= LEAT__WORD_WAITING;
            break;
        case LEAT__WORD_CLAIMED_EARLY:
            next |= LEAT__WORD_CLAIMED;
            break;
        default:
            return false;
        }
        if (cas_weak_acq_rel(word, &old, next)) /* O1: the saved context */
            return true;
    }
}

/* Anyone with the generation: try to end that wait. The winner delivers, then calls wake. */
static inline bool leat__word_claim(LEAT_ATOMIC(uint64_t) *word, uint64_t generation,
                                    enum leat__cause cause)
{
    /* relaxed: the compare-and-swap below decides */
    uint64_t old = load_relaxed(word);

    for (;;) {
        uint64_t next = (old & ~(LEAT__WORD_STATE | UINT64_C(0xff00))) | (uint64_t)cause << 8;

        if ((old & LEAT__WORD_GENERATION) != generation)
            return false;
        if (leat__word_is_parked(leat__word_state(old)))
            next |= LEAT__WORD_CLAIMED;
        else if (leat__word_state(old) == LEAT__WORD_ARMING)
            next |= LEAT__WORD_CLAIMED_EARLY;
        else
            return false;
        if (cas_weak_acq_rel(word, &old, next)) /* O1: acquire of commit's release */
            return true;
    }
}

/* Anyone who keeps the word alive, of a late wait as late.h has it: end whatever wait is open, or
 * leave CANCEL for the next begin. Returns true when a wait was claimed: then call wake. */
static inline bool leat__word_cancel(LEAT_ATOMIC(uint64_t) *word)
{
    /* relaxed: the compare-and-swap below decides */
    uint64_t old = load_relaxed(word);

    for (;;) {
        enum leat__word_state state = leat__word_state(old);
        bool open = (leat__word_is_parked(state) || state == LEAT__WORD_ARMING) &&
                    !(old & LEAT__WORD_SHIELDED);
        uint64_t next = old | LEAT__WORD_CANCEL;

        if (open)
            next = (old & ~(LEAT__WORD_STATE | UINT64_C(0xff00))) |
                   (uint64_t)LEAT__CAUSE_CANCEL << 8 |
                   (state == LEAT__WORD_ARMING ? LEAT__WORD_CLAIMED_EARLY : LEAT__WORD_CLAIMED);
        if (cas_weak_acq_rel(word, &old, next)) /* O2: release of the scope's end mark to begin */
            return open;
    }
}

/* Anyone with the generation: that wait is for cancels to end from now on. Returns true when one
 * has come already, and so claimed it: then call wake. */
static inline bool leat__word_unshield(LEAT_ATOMIC(uint64_t) *word, uint64_t generation)
{
    /* relaxed: the compare-and-swap below decides */
    uint64_t old = load_relaxed(word);

    for (;;) {
        enum leat__word_state state = leat__word_state(old);
        bool claim = (old & LEAT__WORD_CANCEL) != 0;
        uint64_t next = old & ~LEAT__WORD_SHIELDED;

        if ((old & LEAT__WORD_GENERATION) != generation ||
            (state != LEAT__WORD_WAITING && state != LEAT__WORD_ARMING))
            return false;
        if (claim)
            next = (next & ~(LEAT__WORD_STATE | UINT64_C(0xff00))) |
                   (uint64_t)LEAT__CAUSE_CANCEL << 8 |
                   (state == LEAT__WORD_WAITING ? LEAT__WORD_CLAIMED : LEAT__WORD_CLAIMED_EARLY);
        if (cas_weak_acq_rel(word, &old, next)) /* O1: acquire of commit's release */
            return claim;
    }
}

/* The claimer, once: hand over. Returns true when the waiter is parked and must be readied, false
 * when it has not parked yet and will see DONE. */
static inline bool leat__word_wake(LEAT_ATOMIC(uint64_t) *word)
{
    /* acquire: pairs with commit's release where commit has been there since (O1) */
    uint64_t old = load_acquire(word);

    while (leat__word_state(old) == LEAT__WORD_CLAIMED_EARLY)
        if (cas_weak_acq_rel(word, &old, old & ~LEAT__WORD_STATE)) /* O1: release to commit */
            return false;
    return true;
}

#endif
