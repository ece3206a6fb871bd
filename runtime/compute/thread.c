/* SPDX-License-Identifier: MIT */
/* The threads of the compute pool: their loop, their sleep, their start. Prose in pool.c. */
#include "base/check.h"
#include "compute/inside.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "task/runtime.h"
#include "task/self.h"

#include <errno.h>

/* How long a thread without work looks for more, and how long a stolen job must take to have been
 * worth it. Naps double, and are so many. */
#ifndef LEAT__LOOK_NS
#define LEAT__LOOK_NS (10 * LEAT_USEC)
#endif
#define SMALL_NS LEAT_USEC
#define POSTS_MAX 32u
#define GLANCE_NS (2 * LEAT_USEC)
#define NAP_NS (100 * LEAT_USEC)
#ifndef LEAT__NAPS
#define LEAT__NAPS 6u
#endif
#ifndef LEAT__LOOKS
#define LEAT__LOOKS 16
#endif

void leat__compute_wake(struct leat__compute_thread *thread)
{
    store_relaxed(&thread->woken, 1); /* relaxed: O2 */
    leat__futex_wake(&thread->woken, 1);
}

static void run_call(struct leat__lane *lane, struct leat__offload *call)
{
    struct leat__mark mark = leat__lane_mark(lane);
    struct leat__root root = { .scope = call->scope,
                               .shield = call->shield,
                               .guard = call->guard,
                               .locals = call->locals,
                               .base = mark.head };

    lane->root = &root;
    leat__offload_run(call);
    lane->root = NULL;
    leat__lane_check(lane, mark);
    leat__split_turn(&lane->split);
}

/* Without the lock: until `end`, but at least once, try to steal a job. NULL: there is none, or
 * something is in the queue. */
static struct leat_job *look(struct leat__compute_thread *thread, leat_time end)
{
    struct leat__compute *pool = thread->pool;

    do {
        struct leat_job *job = leat__lane_steal(thread->lane);

        if (job)
            return job;
        for (int i = 0; i < LEAT__LOOKS; i++) {
            if (load_relaxed(&pool->queued) > 0) /* relaxed: the lock decides */
                return NULL;
            cpu_relax();
        }
    } while (leat__clock_now() < end);
    return NULL;
}

/* With the lock, which it gives up: the thread, which looked, has found something. */
static void unlock_after_finding(struct leat__compute *pool)
{
    leat__compute_count_down(&pool->lookers);
    leat__compute_unlock_after_giving(pool);
}

/* With the lock, which it gives up: the thread, which looked, has found nothing. It sleeps until it
 * is picked, or `until`, and looks again: it is counted so. */
static void sleep_idle(struct leat__compute *pool, struct leat__compute_thread *thread,
                       leat_time until)
{
    thread->deep = until == LEAT_NEVER;
    leat__compute_count_down(&pool->lookers);
    pool->taken--;
    pool->deep += thread->deep;
    if (!thread->deep)
        leat__compute_count_up(&pool->nappers);
    leat__list_push_front(&pool->idle, &thread->idle_node);
    store_relaxed(&thread->woken, 0); /* relaxed: who wakes us has taken the lock after us */
    leat__compute_unlock_after_giving(pool);
    while (!load_relaxed(&thread->woken)) { /* relaxed: O2 */
        if (leat__futex_wait(&thread->woken, 0, until) != -ETIMEDOUT)
            continue;
        leat__lock(&pool->lock);
        if (leat__list_linked(&thread->idle_node)) {
            leat__list_remove(&thread->idle_node);
            leat__compute_count_down(&pool->nappers);
            leat__compute_count_up(&pool->lookers);
            pool->taken++;
            leat__compute_want(pool); /* we look at everything ourselves */
            leat__unlock(&pool->lock);
            return;
        }
        leat__unlock(&pool->lock); /* picked: the wake is on its way */
        until = LEAT_NEVER;
    }
}

/* With the lock: others compute, so that there may be something soon. */
static bool others_run(const struct leat__compute *pool)
{
    return pool->taken + pool->guests > load_relaxed(&pool->lookers); /* relaxed: with the lock */
}

/* What a thread remembers of its luck. */
struct luck {
    leat_time last; /* when it found something that was worth it, or woke from deep sleep */
    unsigned  naps;
};

/* With the lock, which it gives up: nothing worth it for a while. */
static void rest(struct leat__compute *pool, struct leat__compute_thread *thread, struct luck *luck)
{
    if (luck->naps < LEAT__NAPS && others_run(pool)) {
        sleep_idle(pool, thread, leat__clock_now() + (NAP_NS << luck->naps++));
    } else {
        sleep_idle(pool, thread, LEAT_NEVER);
        *luck = (struct luck){ .last = leat__clock_now() };
    }
}

/* A turn of a thread that looks and found the queue empty: steal a job and run it, or rest. Returns
 * whether it has run one. */
static bool steal_or_rest(struct leat__compute *pool, struct leat__compute_thread *thread,
                          struct luck *luck)
{
    leat_time begin = leat__clock_now(), end = luck->last + LEAT__LOOK_NS;
    struct leat_job *job;

    job = look(thread, end < begin + GLANCE_NS ? begin + GLANCE_NS : end);
    leat__lock(&pool->lock);
    if (!job) {
        /* relaxed: written under the lock */
        if (load_relaxed(&pool->queued) > 0 || pool->stopping)
            leat__unlock(&pool->lock);
        else
            rest(pool, thread, luck);
        return false;
    }
    unlock_after_finding(pool);
    begin = leat__clock_now();
    leat__lane_run(thread->lane, job);
    end = leat__clock_now();
    if (end - begin >= SMALL_NS) {
        *luck = (struct luck){ .last = end };
        return true;
    }
    if (end - luck->last < LEAT__LOOK_NS)
        return true;
    leat__lock(&pool->lock);
    leat__compute_count_up(&pool->lookers);
    if (load_relaxed(&pool->queued) > 0 || pool->stopping) /* relaxed: written under the lock */
        leat__unlock(&pool->lock);
    else
        rest(pool, thread, luck);
    return false;
}

/* With the lock, which it gives up: run a post that was taken, and with it a share of those behind
 * it: one while they are long, more and more while they are not worth a lock each. */
static void run_posts(struct leat__compute *pool, struct leat__compute_thread *thread,
                      struct leat__post *first)
{
    struct leat__post *posts[POSTS_MAX];
    unsigned count = 1 + leat__compute_take_posts(pool, posts + 1, thread->share);
    leat_time begin;

    posts[0] = first;
    unlock_after_finding(pool);
    begin = leat__clock_now();
    for (unsigned i = 0; i < count; i++)
        leat__lane_run(thread->lane, posts[i]->job);
    if (leat__clock_now() - begin >= count * SMALL_NS)
        thread->share = 0;
    else if (thread->share < POSTS_MAX / 2)
        thread->share = 2 * thread->share + 1;
}

/* The thread is counted as looking. */
static void work(struct leat__compute *pool, struct leat__compute_thread *thread)
{
    struct luck luck = { .last = leat__clock_now() };
    bool looking = true;

    for (;;) {
        struct leat__taken taken;

        leat__lock(&pool->lock);
        if (!looking)
            leat__compute_count_up(&pool->lookers);
        looking = true;
        if (leat__compute_take(pool, &taken)) {
            looking = false;
            if (taken.post) {
                run_posts(pool, thread, taken.post);
            } else {
                unlock_after_finding(pool);
                run_call(thread->lane, taken.call);
            }
            luck = (struct luck){ .last = leat__clock_now() };
        } else if (pool->stopping) {
            break;
        } else if (pool->taken > pool->places) { /* one too many: others have come back */
            sleep_idle(pool, thread, LEAT_NEVER);
        } else {
            leat__unlock(&pool->lock);
            looking = !steal_or_rest(pool, thread, &luck);
        }
    }
    leat__compute_count_down(&pool->lookers);
    pool->taken--;
    leat__unlock(&pool->lock);
}

/* ---- start ---- */

static void run_thread(void *arg)
{
    struct leat__compute_thread *thread = arg;
    struct leat__compute *pool = thread->pool;

    leat__runtime_adopt(pool->runtime);
    leat__ctx_adopt(&thread->lane->split.ctx);
    leat__lock(&pool->lock);
    pool->starting = false;
    if (leat__compute_short(pool) && leat__compute_startable(pool))
        leat__compute_start_another(pool);
    leat__compute_unlock_after_giving(pool);
    work(pool, thread);
}

/* A start has failed, with the lock held: see to what relied on it (I2). */
static void make_up(struct leat__compute *pool)
{
    struct leat__compute_thread *thread;
    struct leat__list *node;

    while (leat__compute_short(pool) && (thread = leat__compute_pick(pool)) != NULL) {
        leat__unlock(&pool->lock);
        leat__compute_wake(thread);
        leat__lock(&pool->lock);
    }
    while (pool->count == 0 && !pool->starting &&
           (node = leat__list_pop_front(&pool->calls)) != NULL) {
        /* relaxed, load and store: written under the lock, a hint outside */
        store_relaxed(&pool->queued, load_relaxed(&pool->queued) - 1);
        leat__unlock(&pool->lock);
        leat__offload_refuse(leat__list_entry(node, struct leat__offload, node), -EAGAIN);
        leat__lock(&pool->lock);
    }
}

/* With the lock, which it gives up for a while: one thread more, looking. */
void leat__compute_start_another(struct leat__compute *pool)
{
    const struct leat__thread_options options = { .name = "leat/compute",
                                                  .bind_cpu = -1,
                                                  .cpus = pool->cpus,
                                                  .batch = true,
                                                  .block_signals = true };
    struct leat__compute_thread *thread = &pool->threads[pool->count];
    int err;

    pool->starting = true;
    if (!thread->lane) /* it stays when a start fails */
        thread->lane = leat__compute_open_lane(pool);
    pool->count++;
    leat__compute_count_up(&pool->lookers);
    pool->taken++;
    thread->pool = pool;
    leat__list_init(&thread->idle_node);
    leat__unlock(&pool->lock);
    err = pool->start(&thread->handle, &options, run_thread, thread);
    leat__lock(&pool->lock);
    if (err) {
        pool->starting = false;
        pool->start_failed = true;
        leat__compute_count_down(&pool->lookers);
        pool->taken--;
        pool->count--;
        make_up(pool);
    }
}
