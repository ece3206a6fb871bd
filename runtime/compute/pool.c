/* SPDX-License-Identifier: MIT */
/* The compute pool: a queue, a thread per CPU, and as few wakes as can be, since waking a sleeping
 * core is dearer (tens of microseconds) than the smallest call that is worth sending here. So a
 * thread that runs out of calls looks for another few microseconds before it sleeps, and a caller
 * wakes a thread, or starts one, only when fewer threads look than calls wait. A new thread starts
 * the next, so that a worker pays for one start at most.
 *
 *     starting --> looking --> running          looking: counted in `lookers`; will find what is
 *                   |   ^--------'               in the queue, so nobody else need be woken for it
 *                   v   | woken by a caller, which counts it as looking
 *                  idle-'   (hottest first)
 *
 * Threads belong to no CPU: they ask for batch scheduling and the kernel moves them to where the
 * workers leave room. (A queue per CPU, next to the caller's, was rejected: the caller's CPU is the
 * one that its worker is about to use.)
 *
 * INVARIANTS (everything is guarded by the lock; `queued` may be read without it)
 *   I1  queued is the length of the queue.
 *   I2  While the queue is not empty, a thread runs a call or looks. When a start fails and there
 *       is no thread, everything in the queue is refused.
 *   I3  Who takes a thread off the idle list counts it as looking and wakes it, exactly once.
 *
 * ORDERING
 *   O1  Waking releases nothing that the lock does not: the thread takes the lock to look. */
#include "compute/pool.h"
#include "base/check.h"
#include "base/list.h"
#include "lockfree/atomic.h"
#include "lockfree/lock.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "sched/sched.h"
#include "task/offload.h"
#include "task/runtime.h"

#include <leat/compute.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* How long a thread without work looks for more before it sleeps. */
#define LOOK_NS_MAX (5 * LEAT_USEC)

struct thread {
    struct leat__list     idle_node;
    struct leat__compute *pool;
    LEAT_ATOMIC(uint32_t) woken; /* 0: asleep, or about to be */
    struct leat__thread handle;
};

struct leat__compute {
    struct leat__offload_pool port;
    struct leat__runtime     *runtime;
    const struct leat__cpus  *cpus;
    leat__compute_start_fn   *start;

    struct leat__lock     lock;
    struct leat__list     queue; /* of calls, oldest first */
    struct leat__list     idle;  /* of threads, hottest first */
    LEAT_ATOMIC(uint32_t) queued;
    unsigned              lookers;
    unsigned              threads_max, count; /* count: threads[] in use */
    bool                  starting; /* the last of them has not run yet */
    bool                  stopping;
    struct thread         threads[];
};

/* ---- threads ---- */

/* With the lock: the oldest call, NULL when there is none. */
static struct leat__offload *take(struct leat__compute *pool)
{
    struct leat__list *node = leat__list_pop_front(&pool->queue);

    if (!node)
        return NULL;
    fetch_sub_relaxed(&pool->queued, 1); /* relaxed: a hint outside of the lock */
    return leat__list_entry(node, struct leat__offload, node);
}

/* Without the lock: wait for a moment, awake, for something in the queue. */
static void look(struct leat__compute *pool)
{
    leat_time begin = leat__clock_now();

    do {
        for (int i = 0; i < 32; i++) {
            if (load_relaxed(&pool->queued) > 0) /* relaxed: the lock decides */
                return;
            cpu_relax();
        }
    } while (leat__clock_now() - begin < LOOK_NS_MAX);
}

/* With the lock, which it gives up: sleep until woken. Looking before and after. */
static void sleep_idle(struct leat__compute *pool, struct thread *thread)
{
    pool->lookers--;
    leat__list_push_front(&pool->idle, &thread->idle_node);
    store_relaxed(&thread->woken, 0); /* relaxed: who wakes us has taken the lock after us */
    leat__unlock(&pool->lock);
    while (!load_relaxed(&thread->woken)) /* relaxed: O1 */
        leat__futex_wait(&thread->woken, 0, LEAT_NEVER);
    leat__lock(&pool->lock);
}

/* The next call, or NULL: the pool stops. On return the thread looks no more. */
static struct leat__offload *next_call(struct leat__compute *pool, struct thread *thread,
                                       bool looking)
{
    struct leat__offload *call;

    leat__lock(&pool->lock);
    call = take(pool);
    if (!call && !looking) {
        pool->lookers++;
        looking = true;
        leat__unlock(&pool->lock);
        look(pool);
        leat__lock(&pool->lock);
        call = take(pool);
    }
    while (!call && !pool->stopping) {
        sleep_idle(pool, thread);
        call = take(pool);
    }
    if (looking)
        pool->lookers--;
    leat__unlock(&pool->lock);
    return call;
}

/* With the lock: more calls wait than threads look, and there may be one more. */
static bool wants_thread(struct leat__compute *pool)
{
    /* relaxed: written under the lock */
    return load_relaxed(&pool->queued) > pool->lookers && pool->count < pool->threads_max &&
           !pool->starting && !pool->stopping;
}

static void start_another(struct leat__compute *pool);

static void run_thread(void *arg)
{
    struct thread *thread = arg;
    struct leat__compute *pool = thread->pool;
    struct leat__offload *call;

    leat__runtime_adopt(pool->runtime);
    leat__lock(&pool->lock);
    pool->starting = false;
    if (wants_thread(pool))
        start_another(pool);
    leat__unlock(&pool->lock);
    for (call = next_call(pool, thread, true); call; call = next_call(pool, thread, false))
        leat__offload_run(call);
}

static struct thread *pick_idle(struct leat__compute *pool)
{
    struct leat__list *node = leat__list_pop_front(&pool->idle);

    if (!node)
        return NULL;
    pool->lookers++; /* I3 */
    return leat__list_entry(node, struct thread, idle_node);
}

static void wake(struct thread *thread)
{
    store_relaxed(&thread->woken, 1); /* relaxed: O1 */
    leat__futex_wake(&thread->woken, 1);
}

/* A start has failed, with the lock held: see to what relied on it (I2). */
static void make_up(struct leat__compute *pool)
{
    struct thread *thread;

    /* relaxed: written under the lock */
    while (load_relaxed(&pool->queued) > pool->lookers && (thread = pick_idle(pool)) != NULL) {
        leat__unlock(&pool->lock);
        wake(thread);
        leat__lock(&pool->lock);
    }
    while (pool->count == 0 && !pool->starting && !leat__list_empty(&pool->queue)) {
        struct leat__offload *call = take(pool);

        leat__unlock(&pool->lock);
        leat__offload_refuse(call, -EAGAIN);
        leat__lock(&pool->lock);
    }
}

/* With the lock, which it gives up for a while: one thread more, looking. */
static void start_another(struct leat__compute *pool)
{
    const struct leat__thread_options options = { .name = "leat/compute",
                                                  .bind_cpu = -1,
                                                  .cpus = pool->cpus,
                                                  .batch = true,
                                                  .block_signals = true };
    struct thread *thread = &pool->threads[pool->count];
    int err;

    pool->starting = true;
    pool->count++;
    pool->lookers++;
    thread->pool = pool;
    leat__list_init(&thread->idle_node);
    leat__unlock(&pool->lock);
    err = pool->start(&thread->handle, &options, run_thread, thread);
    leat__lock(&pool->lock);
    if (err) {
        pool->starting = false;
        pool->lookers--;
        pool->count--;
        make_up(pool);
    }
}

/* ---- calls ---- */

static int submit(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct leat__compute *pool = leat__container_of(port, struct leat__compute, port);
    struct thread *thread = NULL;

    leat__lock(&pool->lock);
    if (pool->stopping) {
        leat__unlock(&pool->lock);
        return -EPIPE;
    }
    leat__list_push_back(&pool->queue, &call->node);
    /* relaxed: a hint outside of the lock */
    if (fetch_add_relaxed(&pool->queued, 1) >= pool->lookers) {
        thread = pick_idle(pool);
        if (!thread && wants_thread(pool))
            start_another(pool);
    }
    leat__unlock(&pool->lock);
    if (thread)
        wake(thread);
    return 0;
}

static bool withdraw(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct leat__compute *pool = leat__container_of(port, struct leat__compute, port);
    bool queued;

    leat__lock(&pool->lock);
    queued = leat__list_linked(&call->node);
    if (queued) {
        leat__list_remove(&call->node);
        fetch_sub_relaxed(&pool->queued, 1); /* relaxed: a hint outside of the lock */
    }
    leat__unlock(&pool->lock);
    return queued;
}

int leat__compute_call(struct leat__compute *pool, int (*fn)(void *arg), void *arg)
{
    return leat__offload_call(&pool->port, fn, arg);
}

int leat_compute(int (*fn)(void *arg), void *arg)
{
    struct leat__worker *worker = leat__worker_current();

    if (!worker)
        return leat__offload_here(fn, arg);
    leat__probe_count(&leat__worker_probe(worker)->compute_calls);
    return leat__compute_call(leat__runtime_current()->compute, fn, arg);
}

/* ---- the pool ---- */

int leat__compute_create(struct leat__compute **ret, struct leat__runtime *runtime,
                         unsigned threads, const struct leat__cpus *cpus)
{
    static const struct leat__reason reason = { "have computed",
                                                LEAT__ABOUT_FUNCTION, false };
    unsigned count = threads > 0 ? threads : 1;
    struct leat__compute *pool = calloc(1, sizeof *pool + count * sizeof pool->threads[0]);

    if (!pool)
        return -ENOMEM;
    pool->port = (struct leat__offload_pool){ .reason = &reason, .submit = submit,
                                              .withdraw = withdraw };
    pool->runtime = runtime;
    pool->cpus = cpus;
    pool->start = leat__thread_start;
    pool->threads_max = count;
    leat__list_init(&pool->queue);
    leat__list_init(&pool->idle);
    *ret = pool;
    return 0;
}

void leat__compute_stop(struct leat__compute *pool)
{
    struct thread *thread;

    leat__lock(&pool->lock);
    pool->stopping = true;
    while ((thread = pick_idle(pool)) != NULL) {
        leat__unlock(&pool->lock);
        wake(thread);
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

void leat__compute_tune(struct leat__compute *pool, leat__compute_start_fn *start)
{
    pool->start = start;
}

unsigned leat__compute_count(struct leat__compute *pool)
{
    unsigned count;

    leat__lock(&pool->lock);
    count = pool->count;
    leat__unlock(&pool->lock);
    return count;
}
