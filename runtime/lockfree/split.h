/* SPDX-License-Identifier: MIT */
/*
 * split.h: a deque of jobs in two parts. Its owner pushes and pops at the private end with plain
 * loads and stores; thieves take from the public end with one compare-and-swap each. The owner
 * moves the border between the two, and does so only when asked. After van Dijk and van de Pol,
 * "Lace: non-blocking split deque for work-stealing" (2014).
 *
 *      tail            split             head                          end
 *       v                v                 v                            v
 *       [ public: thieves | private: owner | free                       ]
 *        oldest ........................ newest
 *
 *   owner:  leat_fork, leat_join (leat/job.h): inline; `low` and `high` are the two addresses that
 *           they compare head with. A thief asks for more by writing values there that send the
 *           owner into compute/fork.c, which publishes: no extra load on the fast path.
 *   thief:  job = leat__split_steal(split) or leat__split_ask(split)
 *
 * The paper's thieves and owner meet in two halves of one word, the owner's with a plain store and
 * a fence. Here the owner's moves are compare-and-swaps as well: they are rare, and so there is one
 * word with one order of modifications to argue about. Chase and Lev's deque was rejected for jobs:
 * it needs a fence in each pop.
 *
 * INVARIANTS
 *   I1  word holds tail <= split, and a generation. Slots from tail up to split are public: exactly
 *       one successful compare-and-swap takes each, by a thief (tail + 1) or its owner (split - n).
 *   I2  owner_split is split; only the owner moves it. Slots below tail are stolen and not joined;
 *       so tail < head except where the deque has nothing public, and tail goes down only when the
 *       owner has joined the newest stolen job, with tail = split = head (leat__split_joined).
 *   I3  The generation changes each time the owner has finished a job that it stole
 *       (leat__split_turn). So a thief that read the word, and then saw that the owner still runs a
 *       certain job, steals only what that job forked (leapfrogging: O3), or fails.
 *   I4  `over` jobs found no room and have been run by their fork. They are the newest, so the next
 *       `over` joins have nothing to do; low is UINTPTR_MAX meanwhile.
 *
 * ORDERING
 *   O1  publish releases the slots and jobs below the new split; the steal's compare-and-swap
 *       acquires. Others between are read-modify-writes, which continue the release sequence. The
 *       plain stores of joined and turn happen while nothing is public, and are followed by another
 *       publish before anything is.
 *   O2  A thief reads its slot after it won it. The owner writes that slot again only after it
 *       joined the job, whose end it acquires from the thief.
 *   O3  The thief that wants descendants only reads the word (acquire), then the state of the job,
 *       then does the compare-and-swap. If the word already held something from after the job's
 *       end, its publish came after that end, so the state says so.
 *   O4  The values of low and high carry no data: relaxed. An ask may be overwritten by the owner's
 *       answer to an earlier one; a thief that is awake asks again. One that sleeps needs the
 *       fences of compute/pool.c.
 */
#ifndef LEAT_LOCKFREE_SPLIT_H
#define LEAT_LOCKFREE_SPLIT_H

#include "lockfree/atomic.h"

#include <leat/job.h>

#include <stdalign.h>

/* At most 65,535: a half of 32 bits is the generation, so that it does not come round. */
#ifndef LEAT__SPLIT_SLOTS
#define LEAT__SPLIT_SLOTS 8192u
#endif

struct leat__split {
    struct leat_ctx ctx; /* first, and 64-byte aligned: two lines */
    struct leat_job **slots;
    uint32_t owner_split; /* I2 */
    uint32_t over;        /* I4 */
    alignas(64) LEAT_ATOMIC(uint64_t) word; /* I1 */
};

_Static_assert(offsetof(struct leat_ctx, leat__low) == 64, "thieves write another line");

#define leat__split_low(split) ((LEAT_ATOMIC(uintptr_t) *)&(split)->ctx.leat__low)
#define leat__split_high(split) ((LEAT_ATOMIC(uintptr_t) *)&(split)->ctx.leat__high)

static inline uint32_t leat__split_tail_of(uint64_t word)
{
    return (uint32_t)(word & 0xffff);
}

static inline uint32_t leat__split_split_of(uint64_t word)
{
    return (uint32_t)(word >> 16 & 0xffff);
}

static inline uint64_t leat__split_word(uint64_t generation, uint32_t tail, uint32_t split)
{
    return generation << 32 | (uint64_t)split << 16 | tail;
}

/* `slots` may be NULL: then every fork runs its job at once. Nobody else knows the deque yet. */
static inline void leat__split_init(struct leat__split *split, struct leat_job **slots)
{
    split->slots = slots;
    split->owner_split = 0;
    split->over = 0;
    split->ctx.leat__head = slots;
    store_relaxed(&split->word, 0); /* relaxed, all three: it is handed to others in order */
    store_relaxed(leat__split_low(split), (uintptr_t)slots);
    store_relaxed(leat__split_high(split),
                  slots ? (uintptr_t)(slots + LEAT__SPLIT_SLOTS) : (uintptr_t)0);
}

/* ---- owner ---- */

static inline uint32_t leat__split_head(const struct leat__split *split)
{
    return (uint32_t)(split->ctx.leat__head - split->slots);
}

/* No unanswered request: joins above the border and forks below the end are fast. */
static inline void leat__split_settle(struct leat__split *split)
{
    uintptr_t low = split->over ? UINTPTR_MAX : (uintptr_t)(split->slots + split->owner_split);

    store_relaxed(leat__split_low(split), low); /* relaxed: O4 */
    store_relaxed(leat__split_high(split), (uintptr_t)(split->slots + LEAT__SPLIT_SLOTS));
}

/* The next join finds the border where it is; a request stays. */
static inline void leat__split_settle_low(struct leat__split *split)
{
    uintptr_t low = split->over ? UINTPTR_MAX : (uintptr_t)(split->slots + split->owner_split);

    store_relaxed(leat__split_low(split), low); /* relaxed: O4 */
}

/* Has a thief asked, and nobody answered? */
static inline bool leat__split_asked(struct leat__split *split)
{
    return load_relaxed(leat__split_high(split)) == 0; /* relaxed: O4 */
}

/* Make the `count` oldest private jobs public. Their states were set before. */
static inline void leat__split_publish(struct leat__split *split, uint32_t count)
{
    split->owner_split += count;
    fetch_add_release(&split->word, (uint64_t)count << 16); /* O1: to steal's */
}

/* Take the newer half of the public jobs back. False: all of them have been stolen. */
static inline bool leat__split_reclaim(struct leat__split *split)
{
    uint64_t word = load_relaxed(&split->word); /* relaxed, both: who was not robbed has its jobs */
    uint32_t count;

    do {
        count = (leat__split_split_of(word) - leat__split_tail_of(word) + 1) / 2;
        if (count == 0)
            return false;
    } while (!cas_weak_relaxed(&split->word, &word, word - ((uint64_t)count << 16)));
    split->owner_split -= count;
    return true;
}

/* The newest stolen job has ended and is joined: it was at head - 1. */
static inline void leat__split_joined(struct leat__split *split)
{
    uint32_t head = leat__split_head(split) - 1;
    uint64_t word = load_relaxed(&split->word); /* relaxed: nothing is public, nobody changes it */

    split->ctx.leat__head--;
    split->owner_split = head;
    store_relaxed(&split->word, leat__split_word(word >> 32, head, head)); /* relaxed: O1 */
}

/* The owner has ended a job that it had stolen (I3). Nothing is public. */
static inline void leat__split_turn(struct leat__split *split)
{
    uint64_t word = load_relaxed(&split->word); /* relaxed, both: as in joined */

    store_relaxed(&split->word, word + ((uint64_t)1 << 32));
}

/* ---- thieves ---- */

/* Is there something to take, by this word? */
static inline bool leat__split_has_public(uint64_t word)
{
    return leat__split_tail_of(word) < leat__split_split_of(word);
}

/* Take the oldest public job if the word is still this one: NULL when it is not. */
static inline struct leat_job *leat__split_steal_at(struct leat__split *split, uint64_t word)
{
    uint32_t tail = leat__split_tail_of(word);

    if (!cas_acquire(&split->word, &word, word + 1)) /* O1: publish's */
        return NULL;
    return split->slots[tail]; /* O2 */
}

/* Ask, whatever was asked before: an answer to that may be on its way. */
static inline void leat__split_demand(struct leat__split *split)
{
    store_relaxed(leat__split_high(split), 0); /* relaxed: O4 */
    store_relaxed(leat__split_low(split), UINTPTR_MAX);
}

/* Ask the owner to publish. Looks first: most asks find another's standing. */
static inline void leat__split_ask(struct leat__split *split)
{
    if (leat__split_asked(split))
        return;
    leat__split_demand(split);
}

#endif
