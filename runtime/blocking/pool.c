/* SPDX-License-Identifier: MIT */
/* The blocking pool. A call goes to the thread that became idle last (its caches and stack are
 * warm, and the ones below it may sleep until they end), else into the queue, and a thread is
 * started when there may be one more and none is on its way. A new thread starts the next one while
 * the queue is not empty: so a worker pays for one start at most, however many calls it submits,
 * and short calls are run by few threads. (A start for each call, as most pools do, costs a worker
 * 20 us each, and lets 256 threads fight for two cores over calls that sleep for nothing.)
 *
 *     starting ---> busy <---> idle, asleep on its own word
 *                    |          |
 *                    +----------+--> ended: nothing to do for long, or stop
 *
 * INVARIANTS (everything is guarded by the lock, but a thread's `told`)
 *   I1  An idle thread exists only while the queue is empty.
 *   I2  While the queue is not empty there is a thread that will look into it: busy, or starting.
 *       When a start fails and no thread is left, everything in the queue is refused.
 *   I3  alive = starting + busy + idle, at most threads_max.
 *   I4  Who takes a thread off the idle list gives it a call, or NULL to look for itself, and tells
 *       it exactly once. A thread whose time is up takes itself off and is told by nobody.
 *   I5  Threads that ended form a chain, each joining the one before; stop joins the last one.
 *
 * ORDERING
 *   O1  Telling a thread releases the call it was given; the thread acquires. */
#include "blocking/pool.h"
#include "base/check.h"
#include "base/clamp.h"
#include "base/list.h"
#include "blocking/report.h"
#include "lockfree/atomic.h"
#include "lockfree/lock.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "sched/sched.h"
#include "task/offload.h"
#include "task/runtime.h"

#include <leat/pool.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

struct leat__blocking {
    struct leat__offload_pool port;
    struct leat__runtime     *runtime;
    struct leat__lock         lock;
    struct leat__list         queue;   /* of calls, oldest first */
    struct leat__list         threads; /* but those on their way */
    struct leat__list         idle;    /* of threads, hottest first */
    struct thread            *ended;   /* I5 */
    unsigned                  threads_max, starting, idle_count;
    LEAT_ATOMIC(uint32_t) alive; /* stop sleeps on it */
    bool                     stopping;
    const struct leat__cpus *cpus;
    leat_time                idle_life;
    leat__blocking_start_fn *start;
};

struct thread {
    struct leat__list      node, idle_node;
    struct leat__blocking *pool;
    struct leat__offload  *call; /* given by whoever tells */
    int (*fn)(void *arg);        /* what it runs, for reports; NULL: nothing */
    LEAT_ATOMIC(uint32_t) told;  /* 0: asleep, or about to be */
    struct leat__thread handle;
};

static void start_another(struct leat__blocking *pool);

/* ---- a thread's life ---- */

/* With the lock: the next call from the queue. */
static struct leat__offload *take(struct leat__blocking *pool, struct thread *thread)
{
    struct leat__list *node = leat__list_pop_front(&pool->queue);
    struct leat__offload *call = node ? leat__list_entry(node, struct leat__offload, node) : NULL;

    thread->fn = call ? call->fn : NULL;
    return call;
}

/* With the lock: one thread less. */
static void count_out(struct leat__blocking *pool)
{
    /* relaxed: written under the lock; stop, outside of it, only sleeps on the value */
    if (fetch_sub_relaxed(&pool->alive, 1) == 1)
        leat__futex_wake(&pool->alive, INT32_MAX);
}

/* With the lock, which it releases: the calling thread leaves the pool. */
static void retire(struct leat__blocking *pool, struct thread *thread)
{
    struct thread *before = pool->ended;

    leat__list_remove(&thread->node);
    pool->ended = thread;
    count_out(pool);
    leat__unlock(&pool->lock);
    if (before) {
        leat__thread_join(&before->handle);
        free(before);
    }
}

static void tell(struct thread *thread)
{
    store_release(&thread->told, 1);    /* O1: pairs with sleep_idle */
    leat__futex_wake(&thread->told, 1); /* the thread may be gone by now: harmless */
}

/* With the lock: give the hottest idle thread a call, or NULL. It must be told. */
static struct thread *pick_idle(struct leat__blocking *pool, struct leat__offload *call)
{
    struct thread *thread =
        leat__list_entry(leat__list_pop_front(&pool->idle), struct thread, idle_node);

    pool->idle_count--;
    thread->call = call;
    thread->fn = call ? call->fn : NULL;
    return thread;
}

/* With the lock, which it releases. Sleep until told of a call: returns it, or NULL to look again;
 * or, with *up set and the lock held, the thread's time is up and the queue is empty (I1). */
static struct leat__offload *sleep_idle(struct leat__blocking *pool, struct thread *thread,
                                        bool *up)
{
    leat_time deadline = leat__time_add(leat__clock_now(), pool->idle_life);

    leat__list_push_front(&pool->idle, &thread->idle_node);
    pool->idle_count++;
    store_relaxed(&thread->told, 0); /* relaxed: who tells has taken the lock after us */
    leat__unlock(&pool->lock);
    while (!load_acquire(&thread->told)) { /* O1: pairs with tell */
        if (leat__futex_wait(&thread->told, 0, deadline) != -ETIMEDOUT)
            continue;
        leat__lock(&pool->lock);
        *up = leat__list_linked(&thread->idle_node); /* I4 */
        if (*up) {
            leat__list_remove(&thread->idle_node);
            pool->idle_count--;
            return NULL;
        }
        leat__unlock(&pool->lock);
        deadline = LEAT_NEVER; /* we are off the list: somebody is about to tell us */
    }
    return thread->call;
}

/* The next call for this thread, or NULL: it has left the pool. */
static struct leat__offload *next_call(struct leat__blocking *pool, struct thread *thread)
{
    struct leat__offload *call;
    bool up = false;

    for (;;) {
        leat__lock(&pool->lock);
        call = take(pool, thread);
        if (call) {
            leat__unlock(&pool->lock);
            return call;
        }
        if (!pool->stopping) {
            call = sleep_idle(pool, thread, &up);
            if (call)
                return call;
            if (!up)
                continue;
        }
        retire(pool, thread);
        return NULL;
    }
}

static void run_thread(void *arg)
{
    struct thread *thread = arg;
    struct leat__blocking *pool = thread->pool;
    struct leat__offload *call;

    leat__runtime_adopt(pool->runtime);
    leat__lock(&pool->lock);
    pool->starting--;
    leat__list_push_back(&pool->threads, &thread->node);
    call = take(pool, thread);
    if (!leat__list_empty(&pool->queue))
        start_another(pool);
    leat__unlock(&pool->lock);
    if (!call)
        call = next_call(pool, thread);
    for (; call; call = next_call(pool, thread))
        leat__offload_run(call);
}

/* ---- starting threads ---- */

/* With the lock, which it gives up for a while: start a thread if there may be one more and none is
 * on its way. Should that leave calls nobody will run, they are refused (I2). */
static void start_another(struct leat__blocking *pool)
{
    const struct leat__thread_options options = {
        .name = "leat/blocking", .bind_cpu = -1, .cpus = pool->cpus, .block_signals = true
    };
    struct thread *thread;
    int err = -ENOMEM;

    /* relaxed: alive is written under the lock */
    if (pool->starting > 0 || load_relaxed(&pool->alive) >= pool->threads_max)
        return;
    pool->starting++;
    fetch_add_relaxed(&pool->alive, 1);
    leat__unlock(&pool->lock);

    thread = calloc(1, sizeof *thread);
    if (thread) {
        thread->pool = pool;
        leat__list_init(&thread->node);
        leat__list_init(&thread->idle_node);
        err = pool->start(&thread->handle, &options, run_thread, thread);
        if (err)
            free(thread);
    }
    leat__lock(&pool->lock);
    if (!err)
        return;
    pool->starting--;
    count_out(pool);
    while (load_relaxed(&pool->alive) == 0 && !leat__list_empty(&pool->queue)) {
        struct leat__list *node = leat__list_pop_front(&pool->queue);

        leat__unlock(&pool->lock);
        leat__offload_refuse(leat__list_entry(node, struct leat__offload, node), -EAGAIN);
        leat__lock(&pool->lock);
    }
}

/* ---- calls ---- */

static int submit(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct leat__blocking *pool = leat__container_of(port, struct leat__blocking, port);
    struct thread *thread = NULL;
    int err = 0;

    leat__lock(&pool->lock);
    if (pool->stopping) {
        err = -EPIPE;
    } else if (!leat__list_empty(&pool->idle)) {
        thread = pick_idle(pool, call);
    } else {
        leat__list_push_back(&pool->queue, &call->node);
        start_another(pool);
    }
    leat__unlock(&pool->lock);
    if (thread)
        tell(thread);
    return err;
}

static bool withdraw(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct leat__blocking *pool = leat__container_of(port, struct leat__blocking, port);
    bool queued;

    leat__lock(&pool->lock);
    queued = leat__list_linked(&call->node);
    leat__list_remove(&call->node);
    leat__unlock(&pool->lock);
    return queued;
}

int leat__blocking_call(struct leat__blocking *pool, int (*fn)(void *arg), void *arg)
{
    return leat__offload_call(&pool->port, fn, arg);
}

int leat_blocking(int (*fn)(void *arg), void *arg)
{
    struct leat__worker *worker = leat__worker_current();

    if (!worker)
        return leat__offload_here(fn, arg);
    leat__probe_count(&leat__worker_probe(worker)->blocking_calls);
    return leat__blocking_call(leat__runtime_current()->blocking, fn, arg);
}

/* ---- the pool ---- */

int leat__blocking_create(struct leat__blocking **ret, struct leat__runtime *runtime,
                          unsigned threads_max, const struct leat__cpus *cpus)
{
    static const struct leat__reason reason = { "have made a blocking call of",
                                                LEAT__ABOUT_FUNCTION, false };
    struct leat__blocking *pool = calloc(1, sizeof *pool);

    if (!pool)
        return -ENOMEM;
    pool->port = (struct leat__offload_pool){ .reason = &reason, .submit = submit,
                                              .withdraw = withdraw };
    leat__list_init(&pool->queue);
    leat__list_init(&pool->threads);
    leat__list_init(&pool->idle);
    pool->runtime = runtime;
    pool->threads_max = threads_max > 0 ? threads_max : 1;
    pool->cpus = cpus;
    pool->idle_life = LEAT__BLOCKING_IDLE;
    pool->start = leat__thread_start;
    *ret = pool;
    return 0;
}

/* A line for each call that is running, but for no more than fit into the table. */
static void report_slow(struct leat__blocking *pool, leat_time waited)
{
    int (*fns[16])(void *arg);
    size_t count = 0;

    leat__lock(&pool->lock);
    leat__list_each(node, &pool->threads) {
        const struct thread *thread = leat__list_entry(node, struct thread, node);

        if (thread->fn && count < sizeof fns / sizeof fns[0])
            fns[count++] = thread->fn;
    }
    leat__unlock(&pool->lock);
    for (size_t i = 0; i < count; i++) {
        char where[192];

        leat__blocking_locate(where, sizeof where, fns[i]);
        leat__log(pool->runtime, LEAT_LOG_WARN,
                  "a blocking call of %s has held up the shutdown for %" PRId64 " s", where,
                  waited / LEAT_SEC);
    }
}

/* Tell the idle threads, one at a time: no lock is held over a wake. */
static void dismiss_idle(struct leat__blocking *pool)
{
    leat__lock(&pool->lock);
    pool->stopping = true;
    while (!leat__list_empty(&pool->idle)) {
        struct thread *thread = pick_idle(pool, NULL);

        leat__unlock(&pool->lock);
        tell(thread);
        leat__lock(&pool->lock);
    }
    leat__unlock(&pool->lock);
}

void leat__blocking_stop(struct leat__blocking *pool)
{
    leat_time begin = leat__clock_now(), due = LEAT_SEC;
    struct thread *last;
    uint32_t alive;

    dismiss_idle(pool);
    /* relaxed: the lock below orders what the threads did before */
    while ((alive = load_relaxed(&pool->alive)) > 0) {
        if (leat__futex_wait(&pool->alive, alive, leat__time_add(begin, due)) != -ETIMEDOUT)
            continue;
        report_slow(pool, due);
        due += 10 * LEAT_SEC;
    }
    leat__lock(&pool->lock);
    last = pool->ended;
    pool->ended = NULL;
    leat__unlock(&pool->lock);
    if (last) {
        leat__thread_join(&last->handle);
        free(last);
    }
}

void leat__blocking_destroy(struct leat__blocking *pool)
{
    if (!pool)
        return;
    leat__check(load_relaxed(&pool->alive) == 0, "stop a blocking pool before destroying it");
    free(pool);
}

void leat__blocking_count(struct leat__blocking *pool, unsigned *threads, unsigned *idle)
{
    leat__lock(&pool->lock);
    *threads = load_relaxed(&pool->alive); /* relaxed: written under the lock */
    *idle = pool->idle_count;
    leat__unlock(&pool->lock);
}

void leat__blocking_tune(struct leat__blocking *pool, leat_time idle,
                         leat__blocking_start_fn *start)
{
    pool->idle_life = idle;
    pool->start = start;
}
