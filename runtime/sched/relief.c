/* SPDX-License-Identifier: MIT */
/* A worker that computes stalls nobody else: another one stands in for it.
 *
 * What waits behind a task that has held its worker for LEAT__HOG_NS: completions in its reactor,
 * cancels in its inbox, its timers, the task it readied last. Workers that look around notice who
 * has not (a count that stands still, at most once each LEAT__RELIEF_NS), take the reactor's token,
 * and ready what they find in their own queues. Its run queue is raided more often than that
 * (leat__raid_stalled); pinned tasks stay, that is what they asked for. Where the kernel hands
 * completions to the ring's own thread only, that thread gets a signal first (poller->nudge).
 *
 * Somebody must look: while a worker is awake and has declined to offer its queue there is a
 * sentinel (idle.c); the watching thread (observe) sees to the rest, by noticing too, and by waking
 * a worker to be the sentinel. A timer of CPU time for each worker was rejected: it would signal
 * every busy worker all the time, hog or not.
 *
 * The signal is SIGURG, as in Go's runtime: ignored by default, so a stray one does no harm. A
 * handler of the program's own is called for those that are not ours. System calls that it
 * interrupts are restarted (SA_RESTART), but for those that never are (signal(7)).
 *
 * ORDERING
 *   O1  `nudged` and `looks_seen` are hints. The token and the queues order what is handed over. */
#include "base/clamp.h"
#include "sched/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

/* After a nudge a helper looks again so soon. */
#define NUDGED_NS (200 * LEAT_USEC)

/* ---- the signal ---- */

static pthread_mutex_t handler_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned        handler_users;
static struct sigaction before;
static LEAT_ATOMIC(leat__sampler_fn *) sampler;

/* Async-signal-safe; on the worker's alternate stack. */
static void on_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    struct leat__worker *worker = leat__worker_current();

    if (worker && info->si_code == SI_TKILL) {
        leat__sampler_fn *sample = load_acquire(&sampler); /* pairs with leat__sched_sample_by */

        if (exchange_relaxed(&worker->nudged, false)) /* relaxed: O1 */
            worker->poller->nudge(worker->poller);
        if (sample)
            sample(worker, context);
    } else if (before.sa_flags & SA_SIGINFO) {
        before.sa_sigaction(number, info, context);
    } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
        before.sa_handler(number);
    }
    errno = saved;
}

static void install(void)
{
    struct sigaction action = { .sa_sigaction = on_signal,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

    sigemptyset(&action.sa_mask);
    sigaction(LEAT__WATCH_SIGNAL, NULL, &before);
    sigaction(LEAT__WATCH_SIGNAL, &action, NULL);
}

void leat__signals_install(void)
{
    pthread_mutex_lock(&handler_lock);
    if (handler_users++ == 0)
        install();
    pthread_mutex_unlock(&handler_lock);
}

void leat__signals_remove(void)
{
    struct sigaction now;

    pthread_mutex_lock(&handler_lock);
    if (--handler_users == 0) {
        sigaction(LEAT__WATCH_SIGNAL, NULL, &now);
        if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal)
            sigaction(LEAT__WATCH_SIGNAL, &before, NULL);
    }
    pthread_mutex_unlock(&handler_lock);
}

void leat__sched_sample_by(leat__sampler_fn *fn)
{
    store_release(&sampler, fn); /* pairs with the acquire in on_signal */
}

bool leat__sched_signal(struct leat__sched *sched, unsigned index)
{
    /* acquire: pairs with the release in leat__sched_start, for the thread's handle. A thread that
     * ended by now is not joined before every worker has ended. A driven worker's thread is not
     * ours to interrupt. */
    return sched->signals && load_acquire(&sched->running) && !sched->workers[index].driven &&
           pthread_kill(sched->workers[index].thread.handle, LEAT__WATCH_SIGNAL) == 0;
}

/* ---- relief ---- */

/* For how long was the worker seen to make no turn? relaxed, all: O1 */
static leat_time standing(struct leat__worker *other, leat_time now)
{
    uint64_t looks = leat__probe_read(&other->face.probe.turns);

    if (load_relaxed(&other->looks_seen) != looks) {
        store_relaxed(&other->looks_seen, looks);
        store_relaxed(&other->looks_since, now);
        return 0;
    }
    return now - load_relaxed(&other->looks_since);
}

/* Unless it sleeps it computes: what it readies before its turn ends shall be offered, not go to
 * its LIFO slot. relaxed, all: an estimate */
static void foresee(struct leat__worker *other, leat_time turn)
{
    struct leat__idle *idle = &other->sched->idle;

    if (load_relaxed(&other->turn_ns) > LEAT__WAKE_NS || !leat__trylock(&idle->lock))
        return;
    if (!leat__idle_is_asleep(idle, other->face.index))
        store_relaxed(&other->turn_ns, turn);
    leat__unlock(&idle->lock);
}

static bool nudge(struct leat__sched *sched, struct leat__worker *other)
{
    if (!sched->signals || !other->poller->wants_nudge(other->poller))
        return false;
    store_relaxed(&other->nudged, true); /* relaxed: O1; the signal comes after it */
    return leat__sched_signal(sched, other->face.index);
}

void leat__relieve(struct leat__worker *worker, leat_time now)
{
    struct leat__sched *sched = worker->sched;

    worker->relieved = now;
    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__worker *other = &sched->workers[i];
        leat_time length = other == worker ? 0 : standing(other, now);

        if (length >= LEAT__RELIEF_NS)
            foresee(other, length);
        if (length < LEAT__HOG_NS || !other->poller->relieve(other->poller))
            continue;
        other->ticker->relieve(other->ticker, now);
        leat__probe_count(&worker->face.probe.reliefs);
        if (nudge(sched, other))
            worker->due = leat__time_min(worker->due, now + NUDGED_NS);
    }
}

bool leat__sched_notice(struct leat__sched *sched, leat_time now)
{
    bool hogged = false;

    if (sched->alone || !sched->relief)
        return false;
    leat__lock(&sched->idle.lock);
    for (unsigned i = 0; i < sched->count; i++)
        hogged |= standing(&sched->workers[i], now) >= LEAT__HOG_NS &&
                  !leat__idle_is_asleep(&sched->idle, i);
    leat__unlock(&sched->idle.lock);
    /* relaxed: at worst, a wake for nothing, or one at the next look */
    if (hogged && !load_relaxed(&sched->sentinel))
        leat__wake_one(sched);
    return hogged;
}
