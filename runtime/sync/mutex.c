/* SPDX-License-Identifier: MIT */
/* Mutex: one word for those who find it free, and a list for those who do not.
 *
 * Who comes by takes it when it is free, also in front of those who wait (barging): a hand-over to
 * a parked waiter leaves the mutex idle until that one runs, and everybody behind it parks too. So
 * an unlock only wakes the first waiter, which tries again; who was passed over for STARVED_NS
 * closes the mutex to those who come by, and is handed it by the next unlock. As Go's sync.Mutex
 * (sync/mutex.go), which adds nothing for cancels: here a waiter may leave at any time.
 *
 *   LOCKED    somebody holds it, or it is being handed over
 *   WAITERS   there may be somebody in the list: an unlock has to look
 *   WOKEN     somebody who was woken has not tried yet: no need to wake another
 *   STARVING  an unlock hands over; nobody takes it in passing
 *
 * A lock that succeeds at once is no checkpoint and spends no budget: it is one compare-and-swap,
 * and to yield for a spent budget inside another mutex's section would queue everybody up there.
 *
 * INVARIANTS
 *   I1  The list, WAITERS, STARVING and the setting of WOKEN change only under the inner lock.
 *   I2  While the list is not empty, WAITERS is set, and either LOCKED or WOKEN is: so somebody is
 *       on the way who will look after the list. WAITERS is announced by the compare-and-swap that
 *       sees LOCKED, and who is woken takes WOKEN back by the one that takes the mutex or sees
 *       LOCKED.
 *   I3  STARVING implies LOCKED.
 *   I4  A wake is a claim that succeeded; its waiter always tries again before it looks at its
 *       scopes. So a cancel takes no wake away: who fails to get it leaves it LOCKED by another.
 *   I5  An unlock that woke or handed over touches the mutex last before the wake; one that found
 *       nobody touches it last when it lets go: the next holder may take the memory back.
 *
 * ORDERING
 *   O1  Taking acquires what letting go released, by the word, whose changes are all
 *       read-modify-writes, or where it was handed over by the claim and the wake (wait_word.h). */
#include "sync/mutex.h"
#include "base/check.h"
#include "platform/clock.h"
#include "sched/sched.h"
#include "task/self.h"

#include <errno.h>

#define LOCKED   UINT32_C(1)
#define WAITERS  UINT32_C(2)
#define WOKEN    UINT32_C(4)
#define STARVING UINT32_C(8)

/* As long as two wakes of another core: below it, the price of fairness is higher than its worth.
 * Go has 1 ms. */
#ifndef LEAT__MUTEX_STARVED_NS
#define LEAT__MUTEX_STARVED_NS (500 * LEAT_USEC)
#endif

/* How often to look before parking, and the pauses between: they double. In all about as long as a
 * wake takes, where a pause takes 16 ns. Each look has the holder wait for the word, so the first
 * is not at once, and many that are spread do better than few: two workers under one lock paid
 * 68 ns a lock where pauses began with 1, and 30 with 16 (one run; two bound threads and a spin
 * lock 73). The model checker builds with 0. */
#ifndef LEAT__MUTEX_LOOKS
#define LEAT__MUTEX_LOOKS 24
#endif
#ifndef LEAT__MUTEX_PAUSES /* the simulation, where each is a decision, builds with 1 */
#define LEAT__MUTEX_PAUSES 16
#endif
#define PAUSES_MIN LEAT__MUTEX_PAUSES
#define PAUSES_MAX (4 * LEAT__MUTEX_PAUSES)

enum { WAKE_TRY, WAKE_OWNS }; /* node->result */

static struct leat__mutex *inside(struct leat_mutex *mutex)
{
    return (struct leat__mutex *)(void *)mutex;
}

static inline bool take_free(struct leat__mutex *mutex)
{
    uint32_t seen = leat__held.unlocked; /* 0, unless locks are watched: held.h */

    return cas_acquire(&mutex->word, &seen, LOCKED); /* O1 */
}

/* If nobody waits. */
static inline bool let_go_free(struct leat__mutex *mutex)
{
    uint32_t seen = leat__held.locked; /* LOCKED, as above */

    return cas_release(&mutex->word, &seen, 0); /* O1 */
}

/* Take it if it is free and open. `woken`: it is we who are. */
static bool take(struct leat__mutex *mutex, bool woken)
{
    uint32_t old = load_relaxed(&mutex->word); /* relaxed: the compare-and-swap decides */

    while (!(old & (LOCKED | STARVING))) {
        uint32_t next = (woken ? old & ~WOKEN : old) | LOCKED;

        if (cas_weak_acquire(&mutex->word, &old, next)) /* O1 */
            return true;
    }
    return false;
}

/* With the inner lock held: take it, or say that we wait (I2). */
static bool take_or_announce(struct leat__mutex *mutex, bool woken, bool starved)
{
    uint32_t old = load_relaxed(&mutex->word); /* relaxed: the compare-and-swap decides */

    for (;;) {
        uint32_t next = woken ? old & ~WOKEN : old;
        bool free = !(old & (LOCKED | STARVING));

        next |= free ? LOCKED : starved ? WAITERS | STARVING : WAITERS;
        if (cas_weak_acquire(&mutex->word, &old, next)) /* O1 */
            return free;
    }
}

/* With the inner lock held: somebody has left the list. */
static void tidy(struct leat__mutex *mutex)
{
    if (leat__waitlist_empty(&mutex->waiters))
        /* relaxed: the bits say where to look, and order nothing */
        (void)fetch_and_relaxed(&mutex->word, ~(WAITERS | STARVING));
}

static bool starved(leat_time since)
{
    return leat__clock_now() - since >= LEAT__MUTEX_STARVED_NS;
}

/* With one worker, the holder is parked, or a thread of no runtime. */
static bool others_run(const struct leat__self *self)
{
    struct leat__worker *worker = self->task ? leat__worker_current() : NULL;

    return !worker || leat__sched_workers(leat__worker_sched(worker)) > 1;
}

/* Not while it is handed over: nobody takes it in passing then. Where each of a hundred tasks
 * looked on before it stood behind the others, all had starved by the time they got it, so that it
 * was handed over for good: 10 us a lock, on two workers of a busy machine. */
static bool look_on(struct leat__mutex *mutex, bool woken)
{
    int pauses = PAUSES_MIN;

    for (int i = 0; i < LEAT__MUTEX_LOOKS; i++) {
        if (take(mutex, woken))
            return true;
        if (load_relaxed(&mutex->word) & STARVING) /* relaxed: a hint */
            return false;
        for (int j = 0; j < pauses; j++)
            cpu_relax();
        if (pauses < PAUSES_MAX)
            pauses *= 2;
    }
    return false;
}

static int lock_contended(struct leat__mutex *mutex, enum leat__wait_kind kind)
{
    static const struct leat__reason reason = { "lock a mutex", LEAT__ABOUT_NOTHING, LEAT__INNER };
    struct leat__self *self = leat__self();
    struct leat__waitnode node = { 0 };
    struct leat__wait wait;
    enum leat__cause cause;
    bool woken = false, own;
    int err;

    for (;;) {
        if (LEAT__MUTEX_LOOKS > 0 && others_run(self) && look_on(mutex, woken))
            return 0;
        leat__lock(&mutex->lock);
        if (take_or_announce(mutex, woken, woken && starved((leat_time)node.count))) {
            leat__unlock(&mutex->lock);
            return 0;
        }
        err = leat__wait_begin(&wait, kind, LEAT_NEVER);
        if (err)
            break;
        node.ticket = wait.ticket;
        if (woken) {
            leat__waitlist_push_first(&mutex->waiters, &node); /* it keeps its place */
        } else {
            node.count = (uint64_t)leat__clock_now();
            leat__waitlist_push(&mutex->waiters, &node);
        }
        leat__self_reason(self, &reason, NULL);
        cause = leat__wait_park(&wait, &mutex->lock);
        if (cause != LEAT__CAUSE_EVENT) {
            err = leat__wait_error(&wait, cause, &own);
            leat__lock(&mutex->lock);
            leat__waitlist_remove(&mutex->waiters, &node);
            break;
        }
        if (node.result == WAKE_OWNS)
            return 0;
        woken = true;
    }
    tidy(mutex);
    leat__unlock(&mutex->lock);
    return err;
}

static struct leat__held_lock told(struct leat__mutex *mutex, const void *from)
{
    return (struct leat__held_lock){ &mutex->name, LEAT__HELD_MUTEX, from };
}

__attribute__((noinline)) static int lock_slow(struct leat__mutex *mutex,
                                               enum leat__wait_kind kind, const void *from)
{
    struct leat__held_lock lock;
    int err;

    if (!leat__held_watched())
        return take(mutex, false) ? 0 : lock_contended(mutex, kind);
    lock = told(mutex, from);
    leat__held_before(&lock);
    err = take(mutex, false) ? 0 : lock_contended(mutex, kind);
    if (!err)
        leat__held_taken(&lock);
    return err;
}

__attribute__((noinline)) static int try_slow(struct leat__mutex *mutex, const void *from)
{
    struct leat__held_lock lock = told(mutex, from);

    if (!take(mutex, false))
        return -EAGAIN;
    if (leat__held_watched())
        leat__held_taken(&lock);
    return 0;
}

/* With the inner lock held, which it releases: `node` is claimed and off the list. Wake it, or hand
 * the mutex over to it. */
static void pass_on(struct leat__mutex *mutex, struct leat__waitnode *node)
{
    struct leat__waiter *waiter = node->ticket.waiter;
    struct leat__waitnode *next = mutex->waiters.first;
    uint32_t old = load_relaxed(&mutex->word); /* relaxed: STARVING is ours, by the lock */
    uint32_t done = next ? 0 : WAITERS | STARVING;

    if (old & STARVING) {
        node->result = WAKE_OWNS;
        if (next && !starved((leat_time)next->count))
            done = STARVING;
        (void)fetch_and_relaxed(&mutex->word, ~done); /* relaxed: the wake releases (O1) */
    } else {
        node->result = WAKE_TRY;
        while (!cas_weak_release(&mutex->word, &old, (old & ~(LOCKED | done)) | WOKEN)) /* O1 */
            ;
    }
    leat__unlock(&mutex->lock);
    leat__wake(waiter); /* I5 */
}

__attribute__((noinline)) static void unlock_slow(struct leat__mutex *mutex, const void *from)
{
    uint32_t old = load_relaxed(&mutex->word); /* relaxed: the holder's own, or a hint */

    leat__check(old & LOCKED, "unlock a mutex that you have locked");
    if (leat__held_watched()) {
        struct leat__held_lock lock = told(mutex, from);

        leat__held_given(&lock);
    }
    for (;;) {
        struct leat__waitnode *node;

        if (!(old & STARVING) && (!(old & WAITERS) || (old & WOKEN))) {
            if (cas_weak_release(&mutex->word, &old, old & ~LOCKED)) /* O1, I5 */
                return;
            continue;
        }
        leat__lock(&mutex->lock);
        node = leat__waitlist_claim(&mutex->waiters);
        if (node) {
            pass_on(mutex, node);
            return;
        }
        tidy(mutex); /* all have left, or are about to */
        leat__unlock(&mutex->lock);
        old = load_relaxed(&mutex->word); /* relaxed: a hint */
    }
}

int leat__mutex_lock(struct leat__mutex *mutex, enum leat__wait_kind kind, const void *from)
{
    return __builtin_expect(take_free(mutex), 1) ? 0 : lock_slow(mutex, kind, from);
}

void leat__mutex_unlock(struct leat__mutex *mutex, const void *from)
{
    if (__builtin_expect(!let_go_free(mutex), 0))
        unlock_slow(mutex, from);
}

int leat_mutex_lock(struct leat_mutex *public)
{
    struct leat__mutex *mutex = inside(public);

    if (__builtin_expect(take_free(mutex), 1))
        return 0;
    return lock_slow(mutex, LEAT__WAIT_ABANDONABLE, leat__held_from());
}

int leat_mutex_try_lock(struct leat_mutex *public)
{
    struct leat__mutex *mutex = inside(public);

    return __builtin_expect(take_free(mutex), 1) ? 0 : try_slow(mutex, leat__held_from());
}

void leat_mutex_unlock(struct leat_mutex *public)
{
    struct leat__mutex *mutex = inside(public);

    if (__builtin_expect(!let_go_free(mutex), 0))
        unlock_slow(mutex, leat__held_from());
}
