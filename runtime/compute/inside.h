/* SPDX-License-Identifier: MIT */
/* What pool.c (places, the queue, guests) and thread.c (the threads) share. Prose in pool.c. */
#ifndef LEAT_COMPUTE_INSIDE_H
#define LEAT_COMPUTE_INSIDE_H

#include "compute/pool.h"
#include "lockfree/lock.h"
#include "task/offload.h"

/* Lanes for plain threads that compute at the same time; more of them compute serially. */
#ifndef LEAT__GUESTS
#define LEAT__GUESTS 16u
#endif

struct leat__compute_thread {
    struct leat__list     idle_node;
    struct leat__compute *pool;
    struct leat__lane    *lane;
    bool                  deep; /* while on the idle list: not napping */
    unsigned              share; /* posts to take at once, by how long the last ones took */
    LEAT_ATOMIC(uint32_t) woken; /* 0: asleep, or about to be */
    struct leat__thread handle;
};

struct leat__compute {
    struct leat__offload_pool port;
    struct leat__runtime     *runtime;
    const struct leat__cpus  *cpus;
    leat__compute_start_fn   *start;

    struct leat__lock     lock;
    struct leat__list     calls; /* oldest first */
    struct leat__list     posts; /* likewise; the two take turns */
    bool                  posts_next;
    LEAT_ATOMIC(uint32_t) queued;
    struct leat__list     idle; /* of threads, hottest first */
    unsigned              deep; /* how many of them sleep deeply */
    LEAT_ATOMIC(unsigned) lookers;
    LEAT_ATOMIC(unsigned) nappers; /* on the idle list, not deep */
    unsigned              places, taken, guests;
    unsigned              threads_max, count; /* count: threads[] in use */
    LEAT_ATOMIC(bool) wanted; /* I5 */
    bool                  starting; /* the last of them has not run yet */
    bool                  start_failed; /* since something was pushed */
    bool                  stopping;
    struct leat__lane    *guest_lane[LEAT__GUESTS]; /* those opened and free */
    unsigned              guest_lanes, guest_lanes_free;
    unsigned              lanes_max;
    LEAT_ATOMIC(uint32_t) lanes_used;
    struct leat__lane    *lanes;
    struct leat_job     **slots; /* of all lanes */
    struct leat__compute_thread threads[];
};

/* Something taken out of the queue: one of the two is set. */
struct leat__taken {
    struct leat__offload *call;
    struct leat__post    *post;
};

/* The pool is all-zero, as are the lanes; `threads` plus LEAT__GUESTS of these, and of their
 * slots. */
void leat__compute_init(struct leat__compute *pool, unsigned places, unsigned threads,
                        struct leat__lane *lanes, struct leat_job **slots);

/* All with the lock held. */
bool leat__compute_want(struct leat__compute *pool);
bool leat__compute_take(struct leat__compute *pool, struct leat__taken *ret);
unsigned leat__compute_take_posts(struct leat__compute *pool, struct leat__post **posts,
                                  unsigned max);
struct leat__lane *leat__compute_open_lane(struct leat__compute *pool);
struct leat__compute_thread *leat__compute_pick(struct leat__compute *pool);
void leat__compute_unlock_after_giving(struct leat__compute *pool);
void leat__compute_start_another(struct leat__compute *pool); /* gives it up for a while */

/* Without it. */
void leat__compute_fill(struct leat__compute *pool);
void leat__compute_wake(struct leat__compute_thread *thread);

/* With the lock, as all that changes these two; so a load and a store will do. */
static inline void leat__compute_count_up(LEAT_ATOMIC(unsigned) *count)
{
    store_relaxed(count, load_relaxed(count) + 1); /* relaxed, both: hints outside of the lock */
}

static inline void leat__compute_count_down(LEAT_ATOMIC(unsigned) *count)
{
    store_relaxed(count, load_relaxed(count) - 1); /* relaxed, both: as above */
}

/* More is queued than threads look, and a thread may come. With the lock. */
static inline bool leat__compute_short(struct leat__compute *pool)
{
    /* relaxed: written under the lock */
    return load_relaxed(&pool->queued) > load_relaxed(&pool->lookers) &&
           pool->taken < pool->places;
}

/* A thread can be started that is missing: nobody idles. With the lock. */
static inline bool leat__compute_startable(const struct leat__compute *pool)
{
    return leat__list_empty(&pool->idle) && pool->count < pool->threads_max && !pool->starting &&
           !pool->start_failed && !pool->stopping;
}

#endif
