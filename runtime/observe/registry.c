/* SPDX-License-Identifier: MIT */
/* See registry.h.
 *
 * INVARIANTS
 *   I1  The list changes under the lock, and the thread looks at its runtimes under it: so one that
 *       has left the list is not looked at. Who stops a runtime waits for a look, or a dump on a
 *       signal, that is under way.
 *   I2  `bell` is set before the futex is woken, and cleared before what it may stand for is looked
 *       at.
 * ORDERING
 *   O1  Going to sleep against an awakening worker: we ask to be rung for, then read how many are
 *       awake; the worker counts itself awake, then reads whether it is to ring. The fences
 *       (leat__sched_ring_me, leat__idle) keep both from reading the older value. */
#include "observe/registry.h"
#include "base/clamp.h"
#include "observe/dump.h"
#include "observe/sample.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "platform/thread.h"
#include "sched/sched.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Between two looks. A hog's neighbours wait for one. */
#define PERIOD_NS       (5 * LEAT_MSEC)
#define PERIOD_ALONE_NS (25 * LEAT_MSEC) /* one worker: there is no neighbour */
#define PERIOD_MIN_NS   (1 * LEAT_MSEC)
#define QUIET           2
#define PERIOD_FOREIGN_NS (500 * LEAT_MSEC) /* until threads of the program's are counted again */
#define DOUBTS_MAX      8 /* so often sooner: ones that end, or the kernel's, may be counted too */
#define LATE_NS         (25 * LEAT_MSEC) /* by so much a look says nothing of who holds a worker */

static struct {
    pthread_mutex_t        life; /* one start or stop at a time; taken before lock */
    pthread_mutex_t        lock;
    struct leat__observed *first;
    struct leat__thread    thread;
    bool                   started;
    int                    signal; /* installed; 0: none */
    struct sigaction       before;
} registry = { .life = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER };

static LEAT_ATOMIC(uint32_t) bell;
static LEAT_ATOMIC(bool) stopping, dump_wanted, look_wanted;

static void ring(void)
{
    store_release(&bell, 1); /* pairs with the exchange in await_bell */
    leat__futex_wake((const void *)&bell, 1);
}

void leat__observe_ring(void)
{
    store_relaxed(&look_wanted, true); /* relaxed: the bell comes after it */
    ring();
}

/* ---- the thread ---- */

static leat_time period(void)
{
    leat_time shortest = PERIOD_ALONE_NS;

    for (struct leat__observed *at = registry.first; at; at = at->next) {
        if (at->watch && leat__sched_workers(at->runtime->sched) > 1)
            shortest = leat__time_min(shortest, PERIOD_NS);
        if (at->stall > 0)
            shortest = leat__time_min(shortest, at->stall / 2);
    }
    return leat__time_max(shortest, PERIOD_MIN_NS);
}

/* Returns after how long the runtime wants another look; LEAT_NEVER: it rings. */
static leat_time look(struct leat__observed *observed, leat_time now, bool late, bool wanted)
{
    struct leat__sched *sched = observed->runtime->sched;
    uint64_t moved;
    bool still;

    if (!observed->watch)
        return LEAT_NEVER;
    if (!wanted && observed->asleep && leat__sched_is_quiet(sched)) {
        if (!observed->foreign)
            return LEAT_NEVER;
        if (!leat__deadlock_alone())
            return ++observed->doubts <= DOUBTS_MAX ? period() : PERIOD_FOREIGN_NS;
    }
    observed->asleep = false;
    still = leat__sched_is_still(sched, &moved);
    if (!still || moved != observed->moved) {
        observed->moved = moved;
        observed->quiet = 0;
        observed->doubts = 0;
        leat__watch(observed, now, late);
        return period();
    }
    if (++observed->quiet < QUIET || leat__deadlock_look(observed))
        return period();
    observed->asleep = leat__sched_ring_me(sched, &bell); /* O1 */
    return observed->asleep && !observed->foreign ? LEAT_NEVER : period();
}

static void dump_all(void)
{
    for (struct leat__observed *at = registry.first; at; at = at->next)
        leat__dump_runtime(at->runtime, STDERR_FILENO);
}

static void await_bell(leat_time deadline)
{
    while (exchange_acquire(&bell, 0) == 0) /* pairs with the release in ring; I2 */
        if (leat__futex_wait((const void *)&bell, 0, deadline) == -ETIMEDOUT)
            return;
}

static void watch_all(void *unused)
{
    leat_time last = leat__clock_now();
    leat_time wait = PERIOD_MIN_NS;

    (void)unused;
    for (;;) {
        leat_time now;
        bool late, wanted;

        await_bell(wait == LEAT_NEVER ? LEAT_NEVER : leat__time_add(last, wait));
        if (load_acquire(&stopping)) /* pairs with the release in stop_thread */
            return;
        pthread_mutex_lock(&registry.lock);
        now = leat__clock_now();
        if (exchange_relaxed(&dump_wanted, false)) /* relaxed: the bell came after it */
            dump_all();
        /* A machine or a debugger that stood still is no task's fault. */
        late = wait >= PERIOD_FOREIGN_NS || now - last > wait + LATE_NS;
        wanted = exchange_relaxed(&look_wanted, false); /* relaxed: likewise */
        wait = LEAT_NEVER;
        for (struct leat__observed *at = registry.first; at; at = at->next)
            wait = leat__time_min(wait, look(at, now, late, wanted));
        last = leat__clock_now();
        pthread_mutex_unlock(&registry.lock);
    }
}

/* With the lock. */
static int start_thread(void)
{
    const struct leat__thread_options options = {
        .name = "leat/observe", .bind_cpu = -1, .block_signals = true
    };
    int err;

    if (registry.started)
        return 0;
    store_relaxed(&stopping, false); /* relaxed: the thread is not there yet */
    err = leat__thread_start(&registry.thread, &options, watch_all, NULL);
    registry.started = !err;
    return err;
}

/* By whoever took the last runtime off the list. */
static void stop_thread(void)
{
    store_release(&stopping, true); /* pairs with the acquire in watch_all */
    ring();
    leat__thread_join(&registry.thread);
    registry.started = false;
}

/* ---- the signal ---- */

/* Async-signal-safe: says what is wanted, and wakes. */
static void on_dump_signal(int number)
{
    int saved = errno;

    (void)number;
    store_relaxed(&dump_wanted, true); /* relaxed: the bell comes after it */
    ring();
    errno = saved;
}

/* With the lock. */
static void install_signal(int number)
{
    struct sigaction action = { .sa_handler = on_dump_signal, .sa_flags = SA_RESTART | SA_ONSTACK };

    if (number == 0 || registry.signal != 0)
        return;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, &registry.before) == 0)
        registry.signal = number;
}

static void remove_signal(void)
{
    struct sigaction now;

    if (registry.signal == 0)
        return;
    if (sigaction(registry.signal, NULL, &now) == 0 && now.sa_handler == on_dump_signal)
        sigaction(registry.signal, &registry.before, NULL);
    registry.signal = 0;
}

/* ---- runtimes ---- */

int leat__observe_start(struct leat__runtime *runtime, const struct leat__observe_options *options)
{
    unsigned workers = leat__sched_workers(runtime->sched);
    struct leat__observed *observed =
        calloc(1, sizeof *observed + workers * sizeof observed->workers[0]);
    int err;

    if (!observed)
        return -ENOMEM;
    observed->runtime = runtime;
    observed->watch = options->watch;
    observed->stall = options->watch ? options->stall : 0;
    pthread_mutex_lock(&registry.life);
    pthread_mutex_lock(&registry.lock);
    leat__sample_install();
    err = start_thread();
    if (!err) {
        observed->next = registry.first;
        registry.first = observed;
        install_signal(options->dump_signal);
    }
    pthread_mutex_unlock(&registry.lock);
    pthread_mutex_unlock(&registry.life);
    if (err)
        free(observed);
    else
        ring();
    return err;
}

void leat__observe_stop(struct leat__runtime *runtime)
{
    struct leat__observed **at, *observed;
    bool last;

    pthread_mutex_lock(&registry.life);
    pthread_mutex_lock(&registry.lock);
    for (at = &registry.first; *at && (*at)->runtime != runtime;)
        at = &(*at)->next;
    observed = *at;
    if (observed)
        *at = observed->next;
    last = observed && !registry.first;
    pthread_mutex_unlock(&registry.lock);
    if (last) {
        remove_signal();
        stop_thread(); /* without the lock: it may want that for a last look */
    } else if (observed) {
        leat__observe_ring(); /* it may have been all that those left waited for */
    }
    pthread_mutex_unlock(&registry.life);
    free(observed);
}

int leat__registry_each(int (*fn)(struct leat__runtime *runtime, void *arg), void *arg)
{
    int err = 0;

    pthread_mutex_lock(&registry.lock);
    for (struct leat__observed *at = registry.first; at && !err; at = at->next)
        err = fn(at->runtime, arg);
    pthread_mutex_unlock(&registry.lock);
    return err;
}

struct leat__observed *leat__registry_first(void)
{
    return registry.first;
}
