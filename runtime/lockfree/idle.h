/* SPDX-License-Identifier: MIT */
/*
 * idle.h: who sleeps, who searches for work, and whom to wake: the parking protocol without the
 * scheduler, so that it can be proved by itself (tests/model/drivers/idle_*.c).
 *
 * A worker is busy, searching (awake, looking into others' queues) or sleeping. Waking a sleeper
 * is the dearest thing the scheduler does, so a submitter wakes one only if nobody searches: a
 * searcher will find the item, and wakes the next worker when it has found something.
 *
 *      busy  --start_search-->  searching  --sleep-->  sleeping
 *        ^---- end_search ---------'  ^------ pick ------'|
 *        ^------------------------- leave ----------------'   (timer, I/O)
 *
 *   submitter:  push(item);
 *               if (leat__idle_should_wake(idle) && (w = leat__idle_pick(idle)) >= 0)
 *                   wake worker w;                          // it wakes up searching
 *
 *   worker w:   searching = leat__idle_start_search(idle);  // false: there are enough
 *               if (searching && (item = steal())) {
 *                   if (leat__idle_end_search(idle) && (v = leat__idle_pick(idle)) >= 0)
 *                       wake worker v;                      // there may be more: pass it on
 *                   run item;
 *               }
 *               if (leat__idle_sleep(idle, w, searching) && any queue has an item)
 *                   stay awake: leat__idle_leave(idle, w), then search again
 *               if (own inbox has something) likewise
 *               wait in the reactor;
 *               searching = !leat__idle_leave(idle, w);     // picked: we were woken to search
 *
 * After Tokio's multi_thread/idle.rs and the "worker thread parking" notes in Go's proc.go.
 * Rejected: an event count, which wakes on each push while anybody sleeps; a lock-free set of
 * sleepers, which must reserve a sleeper and find it in two steps: the lock is taken only to sleep
 * and to wake, next to a system call.
 *
 * INVARIANTS
 *   I1 word holds how many workers search and how many are awake (searchers are awake).
 *   I2 A worker's bit in `sleeping` is set exactly if it sleeps; awake + set bits = workers. Bits
 *      and awake change together, under the lock; searching also changes without it.
 *   I3 Who clears a worker's bit (pick, or the worker itself in leave) owns its waking: a worker
 *      is picked at most once a sleep, and one that was picked counts as searching.
 * ORDERING
 *   O1 Going to sleep against a submit. Each side writes its word, then reads the other's. Without
 *      the fences both may read the old value: work is queued and every worker sleeps. acq_rel
 *      fails since it lets a later load pass an earlier store.
 *
 *        worker (leat__idle_sleep)             submitter (leat__idle_should_wake)
 *          searching -= 1, awake -= 1            push(item)
 *          fence_seq_cst()       <- pairs ->     fence_seq_cst()
 *          look into every queue                 read word; nobody searching, one asleep: wake
 *
 *      If the worker's fence is first, the submitter reads the worker's word. If the submitter's
 *      is, the worker finds the item. While another searches there is no need to look: that one
 *      will, or will wake us (O2). Tokio looks only after a search of one's own; then a worker
 *      that found enough searchers, and sleeps just after the last of them found something else,
 *      sleeps beside an item for as long as that something else computes.
 *   O2 The same at the end of a search that found something: the submitter saw a searcher and
 *      woke nobody, the searcher returns with another item. Hence "last searcher wakes the next".
 *   O3 A sleeper's inbox is pushed to, then its wake is sent (a ring message, an eventfd): the
 *      kernel object keeps the wake, nothing is needed here.
 */
#ifndef LEAT_LOCKFREE_IDLE_H
#define LEAT_LOCKFREE_IDLE_H

#include "lockfree/atomic.h"
#include "lockfree/lock.h"

#define LEAT__IDLE_WORKERS_MAX 1024u

#define LEAT__IDLE_SEARCHING ((uint32_t)1)     /* low 16 bits of word: number of searchers */
#define LEAT__IDLE_AWAKE ((uint32_t)1 << 16) /* high 16 bits: number of workers awake */

struct leat__idle {
    LEAT_ATOMIC(uint32_t) word; /* I1 */
    uint32_t workers;           /* constant, 1..LEAT__IDLE_WORKERS_MAX */
    uint32_t searchers_max;     /* how many may start a search at a time */
    struct leat__lock lock;
    uint64_t sleeping[LEAT__IDLE_WORKERS_MAX / 64]; /* I2; guarded by lock */
};

static inline uint32_t leat__idle_searching(uint32_t word)
{
    return word & (LEAT__IDLE_AWAKE - 1);
}

static inline uint32_t leat__idle_awake(uint32_t word)
{
    return word >> 16;
}

/* All workers are awake and busy. One may search at a time: each searcher takes cache lines away
 * from those who work, and the one that finds something wakes the next. */
static inline void leat__idle_init(struct leat__idle *idle, uint32_t workers)
{
    *idle = (struct leat__idle){ .workers = workers, .searchers_max = 1 };
    store_relaxed(&idle->word, workers * LEAT__IDLE_AWAKE); /* relaxed: no other thread yet */
}

/* Lets up to max workers search at a time, but never more than half of them (and at least one).
 * Before the workers start. */
static inline void leat__idle_limit(struct leat__idle *idle, uint32_t max)
{
    uint32_t half = idle->workers > 1 ? idle->workers / 2 : 1;

    idle->searchers_max = max < 1 ? 1 : max < half ? max : half;
}

/* How many workers are awake, at this instant. Any thread. */
static inline uint32_t leat__idle_count_awake(struct leat__idle *idle)
{
    return leat__idle_awake(load_relaxed(&idle->word)); /* relaxed: an estimate */
}

/* With the lock: does this worker sleep? */
static inline bool leat__idle_is_asleep(const struct leat__idle *idle, uint32_t worker)
{
    return (idle->sleeping[worker / 64] >> (worker % 64)) & 1;
}

/* Any thread, after a push. Returns whether a worker should be woken (leat__idle_pick). */
static inline bool leat__idle_should_wake(struct leat__idle *idle)
{
    uint32_t word;

    fence_seq_cst(); /* O1: pairs with the fence in leat__idle_sleep */
    word = load_relaxed(&idle->word); /* relaxed: ordered by the fence */
    return leat__idle_searching(word) == 0 && leat__idle_awake(word) < idle->workers;
}

/* Any thread. Takes a sleeping worker off the list and counts it as searching. Returns its index:
 * the caller must wake it; -1 if somebody searches by now or nobody sleeps. */
int leat__idle_pick(struct leat__idle *idle);

/* A busy worker without work. Returns false if enough others search: it should sleep then. */
static inline bool leat__idle_start_search(struct leat__idle *idle)
{
    uint32_t word = load_relaxed(&idle->word); /* relaxed: decided by the compare-and-swap */

    do {
        if (leat__idle_searching(word) >= idle->searchers_max)
            return false;
        /* relaxed: a count. That others rely on this search is made good by the fence in sleep
         * or end_search at its end (O1, O2), not by its beginning. */
    } while (!cas_weak_relaxed(&idle->word, &word, word + LEAT__IDLE_SEARCHING));
    return true;
}

/* A searching worker that found something. Returns whether it was the last searcher: it must then
 * pick another, if there may be more work (O2); it may look into the queues to find out. */
static inline bool leat__idle_end_search(struct leat__idle *idle)
{
    /* relaxed: ordered by the fence */
    uint32_t before = fetch_sub_relaxed(&idle->word, LEAT__IDLE_SEARCHING);

    fence_seq_cst(); /* O2: pairs with the fence in leat__idle_should_wake */
    return leat__idle_searching(before) == 1;
}

/* A worker about to wait: puts it on the list of sleepers. `searching` is whether it is counted
 * as searching. Returns whether nobody searches now: it must then look into every queue once more
 * (O1), and if it finds something leave the list again. Its own inbox it must look into anyway. */
bool leat__idle_sleep(struct leat__idle *idle, uint32_t worker, bool searching);

/* A worker that waited, for whatever reason it woke. Returns true if it was still on the list: it
 * is off it now and busy. Returns false if it had been picked: it is searching. */
bool leat__idle_leave(struct leat__idle *idle, uint32_t worker);

#endif
