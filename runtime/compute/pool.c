/* SPDX-License-Identifier: MIT */
/* The compute pool: lanes that steal from each other, a queue for what comes from outside, a thread
 * per CPU, and as few wakes as can be, since waking a sleeping core is dearer (tens of
 * microseconds) than most jobs.
 *
 *     starting --> looking --> running        looking: counted in `lookers`; will find what is in
 *                   ^ |  ^--------'           the queue, so nobody else need be woken for it
 *      picked, which| |nothing for a while
 *  counts it looking| v
 *                  idle: naps, then deep      `idle`, hottest first
 *
 * There are as many *places* as threads may compute at a time. A thread that runs or looks has one;
 * one that sleeps over a join gives its place away for as long, and when it comes back there is one
 * too many until the next one has nothing to do. A guest, a plain thread that computes on a lane of
 * its own, takes a place from thieves, but not from the queue: it may compute for hours.
 *
 * A thread that has found nothing, or only jobs too small to be worth a steal, looks for a few
 * microseconds, then naps with growing pauses while others compute, and only then sleeps deeply.
 * Nobody wakes a napper but the queue. For a deep sleeper, or a thread not started yet, every lane
 * is asked to publish (`wanted`): the next fork, on whichever lane, publishes and wakes it. So a
 * fork never looks at the pool, and fine-grained work pays one wake in several milliseconds.
 * Rejected: a wake at each publish (10 us for the waker, each time a tiny loop has a pause); a
 * sentinel that ticks while others compute (see sched).
 *
 * Threads belong to no CPU: they ask for batch scheduling and the kernel moves them to where the
 * workers leave room. (A queue per CPU, next to the caller's, was rejected: the caller's CPU is the
 * one that its worker is about to use.)
 *
 * INVARIANTS (everything is guarded by the lock unless it is atomic; those are written under it)
 *   I1  queued is the length of calls and posts together.
 *   I2  While something is queued, a thread runs a call or looks. When a start fails and there is
 *       no thread, what is queued is refused.
 *   I3  Who takes a thread off the idle list counts it as looking, gives it a place, and wakes it,
 *       exactly once.
 *   I4  taken = threads that run or look; a thread in a join's sleep, or idle, is not counted.
 *   I5  wanted is set when a place is free (guests count) and a deep sleeper or a thread to start
 *       could fill it, and there is no napper who will come by himself. While it is set, every lane
 *       is asked, but for the time between an owner's settle and its look at wanted (O1).
 *
 * ORDERING
 *   O1  A request against an answer. Both sides write, then read; without the fences a sleeper
 *       could miss what was published, or an owner put its fast path back in place of the request.
 *
 *         sleeper, under the lock (want)        owner (answer, then leat__compute_published)
 *           wanted = true                         publish; low, high = fast
 *           fence_seq_cst()       <- pairs ->     fence_seq_cst()
 *           low, high = asked, on every lane      read wanted: if set, ask oneself, wake one
 *           look at every word
 *
 *       If the sleeper's fence is first, the owner reads wanted. If the owner's is, the sleeper
 *       sees what was published, and its request comes later than the owner's settle in the order
 *       of modifications, so it stays.
 *   O2  Waking releases nothing that the lock does not: the thread takes the lock to look. */
#include "base/check.h"
#include "base/random.h"
#include "compute/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- lanes ---- */

struct leat__lane *leat__compute_lane(struct leat__compute *pool, uint32_t index)
{
    return &pool->lanes[index];
}

uint32_t leat__compute_lanes(struct leat__compute *pool)
{
    return load_relaxed(&pool->lanes_used); /* relaxed: an unused lane looks as if it were asked */
}

/* The next lane. There are as many as threads and guests can be. */
struct leat__lane *leat__compute_open_lane(struct leat__compute *pool)
{
    uint32_t index = load_relaxed(&pool->lanes_used); /* relaxed, both: under the lock */
    struct leat__lane *lane = &pool->lanes[index];
    uint64_t seed = index;

    leat__check(index < pool->lanes_max, "a pool has too few lanes: tell the authors of leat");
    leat__split_init(&lane->split, pool->slots + (size_t)index * LEAT__SPLIT_SLOTS);
    lane->pool = pool;
    lane->index = index;
    lane->dice = leat__random_mix(&seed);
    store_relaxed(&pool->lanes_used, index + 1);
    if (load_relaxed(&pool->wanted)) /* relaxed: under the lock */
        leat__split_demand(&lane->split);
    return lane;
}

static bool anything_public(struct leat__compute *pool)
{
    uint32_t count = leat__compute_lanes(pool);

    for (uint32_t i = 0; i < count; i++)
        if (leat__split_has_public(load_relaxed(&pool->lanes[i].split.word))) /* relaxed: O1 */
            return true;
    return false;
}

/* ---- who is wanted ---- */

/* After something that I5 speaks of has changed. Returns whether the caller should call fill once
 * it has given up the lock: there is work, and somebody could come for it. */
bool leat__compute_want(struct leat__compute *pool)
{
    bool free = pool->taken + pool->guests < pool->places && !pool->stopping;
    bool wanted = free && (pool->deep > 0 || leat__compute_startable(pool));

    if (!wanted) {
        store_relaxed(&pool->wanted, false); /* relaxed: a hint too many does no harm */
        return false;
    }
    if (load_relaxed(&pool->wanted)) /* relaxed: under the lock; nothing is new */
        return false;
    store_relaxed(&pool->wanted, true); /* relaxed: O1 */
    fence_seq_cst();                    /* O1: pairs with leat__compute_published's */
    for (uint32_t i = 0; i < leat__compute_lanes(pool); i++)
        leat__split_demand(&pool->lanes[i].split);
    return anything_public(pool);
}

/* The hottest idle thread, off the list. */
struct leat__compute_thread *leat__compute_pick(struct leat__compute *pool)
{
    struct leat__list *node = leat__list_pop_front(&pool->idle);
    struct leat__compute_thread *thread;

    if (!node)
        return NULL;
    thread = leat__list_entry(node, struct leat__compute_thread, idle_node);
    pool->deep -= thread->deep;
    if (!thread->deep)
        leat__compute_count_down(&pool->nappers);
    leat__compute_count_up(&pool->lookers); /* I3 */
    pool->taken++;
    return thread;
}

/* Fill a free place, if there is one and somebody to fill it: with a sleeper, or a new thread. */
void leat__compute_fill(struct leat__compute *pool)
{
    struct leat__compute_thread *thread = NULL;

    leat__lock(&pool->lock);
    if (pool->taken + pool->guests < pool->places || leat__compute_short(pool)) {
        thread = leat__compute_pick(pool);
        if (!thread && leat__compute_startable(pool))
            leat__compute_start_another(pool);
    }
    leat__compute_want(pool); /* who was just found looks at everything */
    leat__unlock(&pool->lock);
    if (thread)
        leat__compute_wake(thread);
}

void leat__compute_published(struct leat__compute *pool, struct leat__lane *lane)
{
    fence_seq_cst(); /* O1: pairs with want's */
    if (!load_relaxed(&pool->wanted)) /* relaxed: ordered by the fence */
        return;
    leat__split_demand(&lane->split);
    leat__compute_fill(pool);
}

bool leat__compute_sought(struct leat__compute *pool)
{
    /* relaxed: a hint; who looks later asks then */
    return load_relaxed(&pool->lookers) > 0 || load_relaxed(&pool->nappers) > 0;
}

/* A place has become free, or a thread to wait for fewer. */
void leat__compute_unlock_after_giving(struct leat__compute *pool)
{
    bool public = leat__compute_want(pool);
    bool work = leat__compute_short(pool) || public;

    leat__unlock(&pool->lock);
    if (work)
        leat__compute_fill(pool);
}

void leat__compute_vacate(struct leat__lane *lane)
{
    struct leat__compute *pool = lane->pool;

    leat__lock(&pool->lock);
    --*(lane->guest ? &pool->guests : &pool->taken);
    leat__compute_unlock_after_giving(pool);
}

void leat__compute_occupy(struct leat__lane *lane)
{
    struct leat__compute *pool = lane->pool;

    leat__lock(&pool->lock);
    ++*(lane->guest ? &pool->guests : &pool->taken);
    leat__compute_want(pool);
    leat__unlock(&pool->lock);
}

/* ---- the queue ---- */

/* The oldest call or post. */
bool leat__compute_take(struct leat__compute *pool, struct leat__taken *ret)
{
    struct leat__list *first = pool->posts_next ? &pool->posts : &pool->calls;
    struct leat__list *second = pool->posts_next ? &pool->calls : &pool->posts;
    struct leat__list *from = leat__list_empty(first) ? second : first;
    struct leat__list *node = leat__list_pop_front(from);

    *ret = (struct leat__taken){ .call = NULL };
    if (!node)
        return false;
    pool->posts_next = from == &pool->calls;
    if (from == &pool->calls)
        ret->call = leat__list_entry(node, struct leat__offload, node);
    else
        ret->post = leat__list_entry(node, struct leat__post, node);
    /* relaxed, load and store: written under the lock, a hint outside */
    store_relaxed(&pool->queued, load_relaxed(&pool->queued) - 1);
    return true;
}

/* More posts, behind one that was taken: at most a fair share of what is queued. */
unsigned leat__compute_take_posts(struct leat__compute *pool, struct leat__post **posts,
                                  unsigned max)
{
    /* relaxed, here and below: written under the lock, a hint outside */
    unsigned fair = load_relaxed(&pool->queued) / (2 * pool->places), count = 0;
    struct leat__list *node;

    while (count < max && count < fair && (node = leat__list_pop_front(&pool->posts)) != NULL)
        posts[count++] = leat__list_entry(node, struct leat__post, node);
    store_relaxed(&pool->queued, load_relaxed(&pool->queued) - count);
    return count;
}

static int push(struct leat__compute *pool, struct leat__list *queue, struct leat__list *node)
{
    struct leat__compute_thread *thread = NULL;

    leat__lock(&pool->lock);
    if (pool->stopping) {
        leat__unlock(&pool->lock);
        return -EPIPE;
    }
    leat__list_push_back(queue, node);
    /* relaxed, load and store: written under the lock, a hint outside */
    store_relaxed(&pool->queued, load_relaxed(&pool->queued) + 1);
    pool->start_failed = false;
    if (leat__compute_short(pool)) {
        thread = leat__compute_pick(pool);
        if (!thread && leat__compute_startable(pool))
            leat__compute_start_another(pool);
        leat__compute_want(pool);
    }
    leat__unlock(&pool->lock);
    if (thread)
        leat__compute_wake(thread);
    return 0;
}

/* With the lock: out of the queue, if it is there. */
static bool take_back(struct leat__compute *pool, struct leat__list *node)
{
    if (!leat__list_linked(node))
        return false;
    leat__list_remove(node);
    /* relaxed, load and store: written under the lock, a hint outside */
    store_relaxed(&pool->queued, load_relaxed(&pool->queued) - 1);
    return true;
}

static int submit(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct leat__compute *pool = leat__container_of(port, struct leat__compute, port);

    return push(pool, &pool->calls, &call->node);
}

static bool withdraw(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct leat__compute *pool = leat__container_of(port, struct leat__compute, port);
    bool queued;

    leat__lock(&pool->lock);
    queued = take_back(pool, &call->node);
    leat__unlock(&pool->lock);
    return queued;
}

int leat__compute_call(struct leat__compute *pool, int (*fn)(void *arg), void *arg)
{
    return leat__offload_call(&pool->port, fn, arg);
}

int leat__compute_post(struct leat__compute *pool, struct leat__post *post)
{
    return push(pool, &pool->posts, &post->node);
}

/* ---- guests ---- */

/* With the lock. */
static struct leat__lane *enter(struct leat__compute *pool)
{
    struct leat__lane *lane = NULL;

    if (pool->guest_lanes_free > 0)
        lane = pool->guest_lane[--pool->guest_lanes_free];
    else if (pool->guest_lanes < LEAT__GUESTS && ++pool->guest_lanes)
        lane = leat__compute_open_lane(pool);
    if (lane) {
        lane->guest = true;
        pool->guests++;
        leat__compute_want(pool);
    }
    return lane;
}

struct leat__lane *leat__compute_enter(struct leat__compute *pool)
{
    struct leat__lane *lane;

    leat__lock(&pool->lock);
    lane = enter(pool);
    leat__unlock(&pool->lock);
    return lane;
}

bool leat__compute_withdraw(struct leat__compute *pool, struct leat__post *post,
                            struct leat__lane **lane)
{
    bool queued;

    leat__lock(&pool->lock);
    queued = take_back(pool, &post->node);
    if (queued && lane)
        *lane = enter(pool);
    leat__unlock(&pool->lock);
    return queued;
}

void leat__compute_leave(struct leat__compute *pool, struct leat__lane *lane)
{
    leat__lock(&pool->lock);
    pool->guest_lane[pool->guest_lanes_free++] = lane;
    pool->guests--;
    leat__compute_unlock_after_giving(pool);
}

/* ---- the pool ---- */

static void *lanes_alloc(unsigned count)
{
    size_t bytes = count * sizeof(struct leat__lane);
    void *lanes = aligned_alloc(alignof(struct leat__lane), bytes);

    return lanes ? memset(lanes, 0, bytes) : NULL;
}

void leat__compute_init(struct leat__compute *pool, unsigned places, unsigned threads,
                        struct leat__lane *lanes, struct leat_job **slots)
{
    static const struct leat__reason reason = { "have computed",
                                                LEAT__ABOUT_FUNCTION, LEAT__OUTER };

    pool->port = (struct leat__offload_pool){ .reason = &reason, .submit = submit,
                                              .withdraw = withdraw };
    pool->start = leat__thread_start;
    pool->places = places;
    pool->threads_max = threads;
    pool->lanes_max = threads + LEAT__GUESTS;
    pool->lanes = lanes;
    pool->slots = slots;
    leat__list_init(&pool->calls);
    leat__list_init(&pool->posts);
    leat__list_init(&pool->idle);
    store_relaxed(&pool->wanted, true); /* relaxed: nobody else has it; threads can be started */
}

int leat__compute_create(struct leat__compute **ret, struct leat__runtime *runtime,
                         unsigned threads, const struct leat__cpus *cpus)
{
    unsigned places = threads > 0 ? threads : 1;
    /* Threads that may sleep over joins while others have their places: as many again, and some. */
    unsigned count = 2 * places + 4;
    struct leat__compute *pool = calloc(1, sizeof *pool + count * sizeof pool->threads[0]);
    struct leat__lane *lanes = lanes_alloc(count + LEAT__GUESTS);
    struct leat_job **slots = malloc((count + LEAT__GUESTS) * LEAT__SPLIT_SLOTS * sizeof *slots);

    if (!pool || !lanes || !slots) {
        free(slots);
        free(lanes);
        free(pool);
        return -ENOMEM;
    }
    leat__compute_init(pool, places, count, lanes, slots);
    pool->runtime = runtime;
    pool->cpus = cpus;
    *ret = pool;
    return 0;
}

void leat__compute_stop(struct leat__compute *pool)
{
    struct leat__compute_thread *thread;

    leat__lock(&pool->lock);
    pool->stopping = true;
    while ((thread = leat__compute_pick(pool)) != NULL) {
        leat__unlock(&pool->lock);
        leat__compute_wake(thread);
        leat__lock(&pool->lock);
    }
    /* In the order of their starts: a thread starts the next, and has done so when it ends. */
    for (unsigned i = 0; i < pool->count; i++) {
        leat__unlock(&pool->lock);
        leat__thread_join(&pool->threads[i].handle);
        leat__lock(&pool->lock);
    }
    pool->count = 0;
    leat__unlock(&pool->lock);
}

void leat__compute_destroy(struct leat__compute *pool)
{
    if (!pool)
        return;
    leat__check(pool->count == 0, "stop a compute pool before destroying it");
    free(pool->slots);
    free(pool->lanes);
    free(pool);
}

unsigned leat__compute_threads(struct leat__compute *pool)
{
    unsigned count;

    leat__lock(&pool->lock);
    count = pool->count;
    leat__unlock(&pool->lock);
    return count;
}

unsigned leat__compute_count(struct leat__compute *pool)
{
    return leat__compute_threads(pool);
}

unsigned leat__compute_places(const struct leat__compute *pool)
{
    return pool->places;
}

void leat__compute_tune(struct leat__compute *pool, leat__compute_start_fn *start)
{
    pool->start = start;
}
