/* SPDX-License-Identifier: MIT */
/*
 * token.h: a lock for one owner, who takes it all the time, and helpers, who take it when the owner
 * has not been seen for long.
 *
 *   leat__token_enter(&token);                    // the owner: two plain stores and a load
 *   ...
 *   leat__token_leave(&token);
 *
 *   if (leat__token_enter_free(&token)) {         // or, where the rare case is to be apart
 *       ...
 *       leat__token_leave(&token);
 *   } else { enter, ..., leave }
 *
 *   if (leat__token_take(&token)) {               // anybody else
 *       ... do the owner's work ...
 *       leat__token_give(&token);
 *   }
 *
 *   leat__token_claim(&token);                    // or, where it cannot be put off
 *   ...
 *   leat__token_give(&token);
 *
 * Dekker's two flags with the fence moved to the helper's side: the owner says `held`, then looks
 * whether a helper wants it; a helper says `wanted`, puts a barrier on all threads (membarrier, a
 * few microseconds), then looks whether the owner holds it. A helper that finds it held goes away:
 * an owner that is at it needs no help. A compare-and-swap on either side was rejected: the owner
 * would pay 20 cycles for each operation, millions of times a second, for what happens never in a
 * program that does not hog its workers.
 *
 * Progress: a helper's attempt is wait-free but for other helpers' barriers; the owner waits for a
 * helper that has it, on a lock that sleeps. A claim waits for the owner, who is inside for a
 * moment.
 *
 * INVARIANTS
 *   I1 The owner is inside exactly from a look at `wanted` that showed false, after `held` was set,
 *      until it clears `held`. A helper is inside exactly from a look at `held` that showed false,
 *      after `wanted` was set and the barrier, until it clears `wanted`. It has `lock` meanwhile.
 *   I2 `wanted` is written under `lock`.
 * ORDERING
 *   O1 enter against take. Each side writes its word, then reads the other's.
 *
 *        owner (leat__token_enter)             helper (leat__token_take)
 *          held = true                           wanted = true
 *          fence_light()         <- pairs ->     leat__barrier_all()
 *          read wanted: false, so inside         read held: false, so inside
 *
 *      If the barrier falls behind the owner's store, the helper sees it; if before, the owner's
 *      load comes after it, and sees `wanted`. leat__token_claim likewise, which looks until it
 *      reads false: with `wanted` set the owner comes in no more.
 *   O2 leave releases what was done inside to the acquire in take; give to the acquire in enter.
 */
#ifndef LEAT_LOCKFREE_TOKEN_H
#define LEAT_LOCKFREE_TOKEN_H

#include "lockfree/atomic.h"
#include "lockfree/lock.h"

/* All-zero memory is a free token. */
struct leat__token {
    LEAT_ATOMIC(bool) held;   /* by its owner, or about to be */
    LEAT_ATOMIC(bool) wanted; /* a helper has it, or is about to look whether it may */
    struct leat__lock lock;   /* among helpers, and for an owner that waits for one */
};

void leat__token_wait(struct leat__token *token);

#ifdef LEAT__TOKEN_UNSHARED /* model drivers in which nobody helps: less to interleave */

static inline void leat__token_enter(struct leat__token *token)
{
    (void)token;
}

static inline bool leat__token_enter_free(struct leat__token *token)
{
    (void)token;
    return true;
}

static inline void leat__token_leave(struct leat__token *token)
{
    (void)token;
}

#else

/* The owner. */
static inline void leat__token_enter(struct leat__token *token)
{
    store_relaxed(&token->held, true); /* relaxed: ordered by the fence */
    fence_light();                     /* O1: pairs with the barrier in leat__token_take */
    if (__builtin_expect(load_acquire(&token->wanted), 0)) /* O2: leat__token_give */
        leat__token_wait(token);
}

/* The owner, outside. False: a helper has it or is about to look, and the owner is not inside. */
static inline bool leat__token_enter_free(struct leat__token *token)
{
    store_relaxed(&token->held, true); /* relaxed: ordered by the fence */
    fence_light();                     /* O1 */
    if (__builtin_expect(!load_acquire(&token->wanted), 1)) /* O2 */
        return true;
    store_release(&token->held, false); /* as in leave */
    return false;
}

static inline void leat__token_leave(struct leat__token *token)
{
    store_release(&token->held, false); /* O2: pairs with the acquire in leat__token_take */
}

#endif

/* The owner's thread, where it may be inside already or must not wait (a signal handler). */
static inline bool leat__token_try_enter(struct leat__token *token)
{
    if (load_relaxed(&token->held)) /* relaxed: our own thread's */
        return false;
    return leat__token_enter_free(token);
}

/* Anybody else. False: the owner is at it, or another helper, and nothing is to be done. */
bool leat__token_take(struct leat__token *token);
void leat__token_claim(struct leat__token *token); /* waits */
void leat__token_give(struct leat__token *token);

#endif
