/* SPDX-License-Identifier: MIT */
/* The blocking pool. A call goes to an idle thread that still looks, else into the queue, and then
 * the thread that became idle last is woken (its caches and stack are warm, and the ones below it
 * may sleep until they end), or one is started, unless one is on its way already. A thread that
 * arrives wakes or starts the next one before it runs its call, while the queue is not empty: so a
 * worker pays for one wake at most, however many calls it submits, and short calls are run by few
 * threads. (A wake or a start for each call, as most pools do, costs a worker 8 or 20 us each, and
 * lets many threads fight for two cores over calls that sleep for nothing.)
 *
 *     starting ---> busy <---> idle, asleep on its own word
 *                    |          |
 *                    +----------+--> ended: nothing to do for long, or stop
 *
 * INVARIANTS (everything is guarded by the lock, but a thread's `told`)
 *   I1  An idle thread exists only while no queued call may run, or while a woken thread is on its
 *       way (I6): a call may when fewer of its kind run than their quota. `running` counts those
 *       that a thread was given and has not finished.
 *   I2  While a queued call may run there is a thread that will look into the queues: busy, woken,
 *       or starting. When a start fails and no thread is left, everything queued is refused.
 *   I3  alive = starting + busy + idle, at most threads_max.
 *   I4  Who takes a thread off the idle list gives it a call, or none, to look for itself, and
 *       tells it exactly once. A thread whose time is up takes itself off and is told by nobody.
 *   I5  Threads that ended form a chain, each joining the one before; stop joins the last one. Of a
 *       pool that was left behind the last one frees the pool.
 *   I6  `waking` from when a thread that sleeps is taken off the list until it has the lock: then
 *       it passes on (I2).
 *   I7  `looker` is NULL or the first idle thread, which does not sleep yet: so a call that it is
 *       given needs no wake. It ends its look without the lock: so a looker that is read may sleep
 *       by now (and then must be woken), and NULL may mean that another has begun to look since.
 *
 * ORDERING
 *   O1  Telling a thread releases the call it was given; the thread acquires. */
#include "blocking/pool.h"
#include "base/check.h"
#include "base/clamp.h"
#include "base/list.h"
#include "blocking/owned.h"
#include "blocking/report.h"
#include "lockfree/atomic.h"
#include "lockfree/lock.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "task/offload.h"
#include "task/runtime.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* How long an idle thread looks before it sleeps. The model checker, whose clock stands, has 0. */
#ifndef LEAT__BLOCKING_SPIN_NS
#define LEAT__BLOCKING_SPIN_NS (15 * LEAT_USEC)
#endif

enum { KINDS = LEAT__BLOCKING_NAMES + 1 };

struct leat__blocking {
    struct kind_of_call {
        struct leat__offload_pool port;
        struct leat__blocking    *pool;
        struct leat__list         queue; /* of calls, oldest first */
        unsigned                  running, quota;
    } kind[KINDS];
    struct leat__runtime     *runtime;
    struct leat__lock         lock;
    unsigned                  turn; /* whose queue is looked into first */
    struct leat__list         threads; /* but those on their way */
    struct leat__list         idle;    /* of threads, hottest first */
    struct thread            *ended;   /* I5 */
    unsigned                  threads_max, starting, idle_count;
    bool                      waking; /* I6 */
    LEAT_ATOMIC(struct thread *) looker; /* I7 */
    LEAT_ATOMIC(uint32_t) alive; /* stop sleeps on it */
    bool                     stopping, left_behind;
    const struct leat__cpus *cpus;
    leat_time                idle_life;
    leat__blocking_start_fn *start;
};

enum told { LOOKING, TOLD, ASLEEP };

struct thread {
    struct leat__list      node, idle_node;
    struct leat__blocking *pool;
    struct leat__offload  *call; /* given by whoever tells */
    struct kind_of_call   *kind; /* of what it runs; NULL: nothing */
    int (*fn)(void *arg);        /* what it runs, for reports; NULL: nothing */
    LEAT_ATOMIC(uint32_t) told;  /* enum told */
    bool hopeful;                /* the last call came soon after it became idle */
    bool woken;                  /* I6: it is on its way */
    struct leat__thread handle;
};

static void start_another(struct leat__blocking *pool);
static struct thread *pass_on(struct leat__blocking *pool);

/* ---- a thread's life ---- */

static bool may_run(const struct kind_of_call *kind)
{
    return kind->running < kind->quota;
}

/* With the lock: a kind of call that waits and may run, each in its turn; NULL: none. */
static struct kind_of_call *find_runnable(struct leat__blocking *pool)
{
    for (unsigned i = 0; i < KINDS; i++) {
        struct kind_of_call *kind = &pool->kind[(pool->turn + i) % KINDS];

        if (!leat__list_empty(&kind->queue) && may_run(kind))
            return kind;
    }
    return NULL;
}

/* With the lock: the thread has this call, of that kind, or none. */
static void give(struct thread *thread, struct kind_of_call *kind, struct leat__offload *call)
{
    thread->call = call;
    thread->kind = kind;
    thread->fn = call ? call->fn : NULL;
    if (kind)
        kind->running++;
}

/* With the lock: the thread is done with its call; the next one from the queues. */
static struct leat__offload *take(struct leat__blocking *pool, struct thread *thread)
{
    struct kind_of_call *kind;
    struct leat__offload *call = NULL;

    if (thread->kind)
        thread->kind->running--;
    kind = find_runnable(pool);
    if (kind) {
        call = leat__list_entry(leat__list_pop_front(&kind->queue), struct leat__offload, node);
        pool->turn++;
    }
    give(thread, kind, call);
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
    bool last;

    leat__list_remove(&thread->node);
    pool->ended = thread;
    count_out(pool);
    last = pool->left_behind && load_relaxed(&pool->alive) == 0; /* relaxed: with the lock */
    leat__unlock(&pool->lock);
    if (before) {
        leat__thread_join(&before->handle);
        free(before);
    }
    if (last) {
        leat__thread_detach(&thread->handle);
        free(thread);
        free(pool);
    }
}

static void tell(struct thread *thread)
{
    if (exchange_release(&thread->told, TOLD) == ASLEEP) /* O1: pairs with sleep_idle */
        leat__futex_wake(&thread->told, 1); /* the thread may be gone by now: harmless */
}

/* With the lock: the hottest idle thread, of which there is one. It must be told: of a call, or,
 * `woken`, to look for itself. */
static struct thread *pick_idle(struct leat__blocking *pool, bool woken)
{
    struct thread *thread =
        leat__list_entry(leat__list_pop_front(&pool->idle), struct thread, idle_node);

    pool->idle_count--;
    thread->woken = woken;
    if (woken)
        pool->waking = true;
    /* relaxed: a looker that ends its look has the lock again before it ends itself */
    store_relaxed(&pool->looker, NULL);
    return thread;
}

/* The looker looks for the next call for about as long as a wake takes. */
static bool told_soon(struct leat__blocking *pool, struct thread *thread, leat_time begin)
{
    while (leat__clock_now() - begin < LEAT__BLOCKING_SPIN_NS) {
        for (int i = 0; i < 32; i++) {
            if (load_acquire(&thread->told) == TOLD) /* O1: pairs with tell */
                return true;
            cpu_relax();
        }
    }
    store_relaxed(&pool->looker, NULL); /* relaxed: as in pick_idle */
    return false;
}

/* With the lock: the thread has nothing to do. Returns whether it is to look for a while. */
static bool become_idle(struct leat__blocking *pool, struct thread *thread)
{
    struct leat__list *first = &pool->idle;
    bool another = load_relaxed(&pool->looker) != NULL; /* relaxed, and below: as in pick_idle */
    bool looks = thread->hopeful && !another;

    if (looks)
        store_relaxed(&pool->looker, thread);
    if (another)
        first = leat__list_first(&pool->idle); /* which is the looker */
    leat__list_push_front(first, &thread->idle_node);
    pool->idle_count++;
    store_relaxed(&thread->told, LOOKING); /* relaxed: who tells has taken the lock after us */
    return looks;
}

/* With the lock, which it releases. Sleep until told of a call: returns it, or NULL to look again;
 * or, with *up set and the lock held, the thread's time is up and the queue is empty (I1). */
static struct leat__offload *sleep_idle(struct leat__blocking *pool, struct thread *thread,
                                        bool *up)
{
    leat_time begin = leat__clock_now(), deadline = leat__time_add(begin, pool->idle_life);
    uint32_t looking = LOOKING;
    bool looks = become_idle(pool, thread);

    leat__unlock(&pool->lock);
    /* relaxed: it says only that a wake is needed; what was told is acquired below */
    if (!looks || !told_soon(pool, thread, begin))
        (void)cas_relaxed(&thread->told, &looking, ASLEEP);
    while (load_acquire(&thread->told) != TOLD) { /* O1: pairs with tell */
        if (leat__futex_wait(&thread->told, ASLEEP, deadline) != -ETIMEDOUT)
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
    thread->hopeful = leat__clock_now() - begin <= 2 * LEAT__BLOCKING_SPIN_NS;
    return thread->call;
}

/* The next call for this thread, or NULL: it has left the pool. */
static struct leat__offload *next_call(struct leat__blocking *pool, struct thread *thread)
{
    struct leat__offload *call;
    bool up = false;

    for (;;) {
        struct thread *next = NULL;
        bool woken;

        leat__lock(&pool->lock);
        woken = thread->woken;
        if (woken)
            thread->woken = pool->waking = false;
        call = take(pool, thread);
        if (call) {
            if (woken)
                next = pass_on(pool);
            leat__unlock(&pool->lock);
            if (next)
                tell(next);
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

static void run_call(struct leat__blocking *pool, struct leat__offload *call)
{
    if (!leat__owned_is(call)) {
        leat__offload_run(call);
        return;
    }
    leat__runtime_adopt(NULL); /* it may outlive the runtime */
    leat__owned_run(call);
    leat__runtime_adopt(pool->runtime);
}

static void refuse(struct leat__offload *call, int err)
{
    if (leat__owned_is(call))
        leat__owned_refuse(call, err);
    else
        leat__offload_refuse(call, err);
}

static void run_thread(void *arg)
{
    struct thread *thread = arg;
    struct leat__blocking *pool = thread->pool;
    struct leat__offload *call;
    struct thread *next;

    leat__runtime_adopt(pool->runtime);
    leat__lock(&pool->lock);
    pool->starting--;
    leat__list_push_back(&pool->threads, &thread->node);
    call = take(pool, thread);
    next = pass_on(pool);
    leat__unlock(&pool->lock);
    if (next)
        tell(next);
    if (!call)
        call = next_call(pool, thread);
    for (; call; call = next_call(pool, thread))
        run_call(pool, call);
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
    while (load_relaxed(&pool->alive) == 0) {
        struct kind_of_call *kind = find_runnable(pool); /* none runs, so each that waits may */
        struct leat__list *node = kind ? leat__list_pop_front(&kind->queue) : NULL;

        if (!node)
            return;
        leat__unlock(&pool->lock);
        refuse(leat__list_entry(node, struct leat__offload, node), -EAGAIN);
        leat__lock(&pool->lock);
    }
}

/* With the lock, which it may give up for a while: when a queued call may run and nobody is on the
 * way to it, somebody shall be (I2). Returns a thread that must be told, or NULL. */
static struct thread *pass_on(struct leat__blocking *pool)
{
    if (pool->waking || !find_runnable(pool))
        return NULL;
    if (leat__list_empty(&pool->idle)) {
        start_another(pool);
        return NULL;
    }
    return pick_idle(pool, true);
}

/* ---- calls ---- */

static int submit(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct kind_of_call *kind = leat__container_of(port, struct kind_of_call, port);
    struct leat__blocking *pool = kind->pool;
    struct thread *thread = NULL;
    int err = 0;

    leat__lock(&pool->lock);
    if (pool->stopping) {
        err = -EPIPE;
    } else if (load_relaxed(&pool->looker) && may_run(kind)) { /* relaxed: as in pick_idle */
        thread = pick_idle(pool, false);
        give(thread, kind, call);
    } else {
        leat__list_push_back(&kind->queue, &call->node);
        if (may_run(kind))
            thread = pass_on(pool);
    }
    leat__unlock(&pool->lock);
    if (thread)
        tell(thread);
    return err;
}

static bool withdraw(struct leat__offload_pool *port, struct leat__offload *call)
{
    struct leat__blocking *pool = leat__container_of(port, struct kind_of_call, port)->pool;
    bool queued;

    leat__lock(&pool->lock);
    queued = leat__list_linked(&call->node);
    leat__list_remove(&call->node);
    leat__unlock(&pool->lock);
    return queued;
}

/* ---- the pool ---- */

static unsigned at_least_1(unsigned n)
{
    return n > 0 ? n : 1;
}

/* Names and the program's calls leave an eighth to files, even together: names that hang and calls
 * that wait for a file then have one to wait for. One or two threads are too few for that. */
static void set_quotas(struct leat__blocking *pool)
{
    unsigned max = pool->threads_max, names = at_least_1(max / 4);
    unsigned others = names + at_least_1(max / 8);

    pool->kind[LEAT__BLOCKING_FILES].quota = max;
    pool->kind[LEAT__BLOCKING_NAMES].quota = names;
    pool->kind[LEAT__BLOCKING_USER].quota = max > others ? max - others : 1;
}

int leat__blocking_create(struct leat__blocking **ret, struct leat__runtime *runtime,
                          unsigned threads_max, const struct leat__cpus *cpus)
{
    static const struct leat__reason reason = { "have made a blocking call of",
                                                LEAT__ABOUT_FUNCTION, LEAT__OUTER };
    struct leat__blocking *pool = calloc(1, sizeof *pool);

    if (!pool)
        return -ENOMEM;
    threads_max = threads_max > 0 ? threads_max : 1;
    for (unsigned i = 0; i < KINDS; i++) {
        struct kind_of_call *kind = &pool->kind[i];

        kind->port = (struct leat__offload_pool){ .reason = &reason, .submit = submit,
                                                  .withdraw = withdraw };
        kind->pool = pool;
        leat__list_init(&kind->queue);
    }
    pool->threads_max = threads_max;
    set_quotas(pool);
    leat__list_init(&pool->threads);
    leat__list_init(&pool->idle);
    pool->runtime = runtime;
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
        char name[192];

        leat__blocking_name(name, sizeof name, fns[i]);
        leat__log(pool->runtime, LEAT_LOG_WARN,
                  "a blocking call of %s has held up the shutdown for %" PRId64 " s", name,
                  waited / LEAT_SEC);
    }
}

/* Tell the idle threads, one at a time: no lock is held over a wake. */
static void dismiss_idle(struct leat__blocking *pool)
{
    leat__lock(&pool->lock);
    pool->stopping = true;
    while (!leat__list_empty(&pool->idle)) {
        struct thread *thread = pick_idle(pool, true);

        leat__unlock(&pool->lock);
        tell(thread);
        leat__lock(&pool->lock);
    }
    leat__unlock(&pool->lock);
}

/* Wait until the threads have ended, or for `limit`. */
static void await_threads(struct leat__blocking *pool, leat_time limit)
{
    leat_time begin = leat__clock_now(), due = LEAT_SEC;
    uint32_t alive;

    /* relaxed: the caller's lock orders what the threads did before */
    while ((alive = load_relaxed(&pool->alive)) > 0) {
        leat_time next = due < limit ? due : limit;

        if (leat__futex_wait(&pool->alive, alive, leat__time_add(begin, next)) != -ETIMEDOUT)
            continue;
        report_slow(pool, next);
        if (next == limit)
            return;
        due += 10 * LEAT_SEC;
    }
}

void leat__blocking_stop(struct leat__blocking *pool, leat_time limit)
{
    struct thread *last;
    uint32_t left;

    dismiss_idle(pool);
    await_threads(pool, limit > 0 ? limit : LEAT__BLOCKING_STOP);
    leat__lock(&pool->lock);
    left = load_relaxed(&pool->alive); /* relaxed: with the lock */
    pool->left_behind = left > 0;
    last = pool->ended;
    pool->ended = NULL;
    leat__unlock(&pool->lock);
    if (left > 0)
        leat__log(pool->runtime, LEAT_LOG_WARN,
                  "threads left behind in calls that nobody waits for: %" PRIu32, left);
    if (last) {
        leat__thread_join(&last->handle);
        free(last);
    }
}

void leat__blocking_destroy(struct leat__blocking *pool)
{
    if (!pool)
        return;
    leat__lock(&pool->lock);
    if (pool->left_behind && load_relaxed(&pool->alive) > 0) { /* relaxed: with the lock */
        leat__unlock(&pool->lock);
        return;
    }
    leat__unlock(&pool->lock);
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

struct leat__offload_pool *leat__blocking_port(struct leat__blocking *pool,
                                               enum leat__blocking_kind kind)
{
    return &pool->kind[kind].port;
}
