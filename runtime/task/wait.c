/* SPDX-License-Identifier: MIT */
/* Waiting: the wait word applied to tasks (which park) and plain threads (which sleep on it). */
#include "task/wait.h"
#include "base/check.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/doze.h"
#include "platform/fork.h"
#include "platform/futex.h"
#include "sched/sched.h"
#include "task/late.h"
#include "task/runtime.h"
#include "task/task.h"

#include <errno.h>
#include <sched.h>

LEAT_ATOMIC(bool) leat__late_doubt;

/* A thread sleeps on the half of the word that holds state, cause and flags. */
static uint32_t *low_half(struct leat__waiter *waiter)
{
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the state is in the first half");
    return (uint32_t *)(void *)&waiter->word;
}

static struct leat__sleeper *sleeper_of(struct leat__waiter *waiter)
{
    return (struct leat__sleeper *)(void *)((char *)waiter -
                                            offsetof(struct leat__sleeper, waiter));
}

/* A timer's value is its wait's generation, and this bit besides where it ends a grace. */
#define GRACE UINT64_C(1)
_Static_assert(!(LEAT__WORD_GENERATION & GRACE), "a generation leaves the bit alone");

static void time_is_up(struct leat__waiter *waiter, uint64_t generation)
{
    struct leat__ticket ticket = { waiter, generation };
    struct leat__fiber *fiber;

    if (!leat__claim(ticket, LEAT__CAUSE_TIMEOUT) || !leat__word_wake(&waiter->word))
        return;
    /* It has slept for long, and runs after those that are woken with it: ask the cache now. */
    fiber = leat__waiter_host(waiter, generation);
    leat__context_prefetch_cold(&fiber->context);
    leat__ready(fiber);
}

static void grace_is_over(struct leat__waiter *waiter, uint64_t generation)
{
    if (leat__word_unshield(&waiter->word, generation))
        leat__wake(waiter);
}

void leat__wait_fire(void *arg, uint64_t value)
{
    if (__builtin_expect(value & GRACE, 0))
        grace_is_over(arg, value & ~GRACE);
    else
        time_is_up(arg, value);
}

/* Late enough to see a deadline that passed a look ago, and free. */
static leat_time recent(const struct leat__worker *worker)
{
    return worker ? leat__worker_looked(worker) : leat__clock_now();
}

/* A wait under a guard: its scopes' ends are seen from the guard's end on. Up to then a cancel
 * leaves its mark on the word, where grace_is_over finds it. */
static void begin_guarded(struct leat__wait *wait)
{
    struct leat__self *self = wait->self;
    LEAT_ATOMIC(uint64_t) *word = &self->waiter->word;

    wait->guard = self->guard;
    /* A mark that is there may be of a scope that is over; one that comes from here on stays.
     * acquire: pairs with the release in leat__word_cancel, for its scope's `ended` */
    (void)fetch_and_acquire(word, ~LEAT__WORD_CANCEL);
    leat__bound_join(self);
    if (load_acquire(&self->scope->ended)) /* pairs with the release in mark */
        /* relaxed: nothing hangs on it */
        (void)fetch_or_relaxed(word, LEAT__WORD_CANCEL);
    wait->deadline = leat__time_min(wait->deadline,
                                    leat__time_max(self->scope->deadline, self->guard->until));
}

/* Close a wait of which only cancels know. Returns false when one has claimed it. Not a park: the
 * caller may hold the lock of what it waits for, on which this worker's next task would sleep, and
 * with it all workers. A cancel wakes in the line after its claim, so this is short. */
static bool withdraw(struct leat__wait *wait)
{
    LEAT_ATOMIC(uint64_t) *word = &wait->ticket.waiter->word;

    if (leat__word_abandon(word))
        return true;
    while (leat__word_state(load_acquire(word)) != LEAT__WORD_DONE) /* pairs with leat__word_wake */
        cpu_relax();
    return false;
}

int leat__wait_begin(struct leat__wait *wait, enum leat__wait_kind kind, leat_time deadline)
{
    struct leat__self *self = leat__self();
    bool shielded = kind == LEAT__WAIT_SHIELDED || leat__shielded(self);
    bool cancelled;

    /* Also of calls without a checkpoint. A task is no forked child. */
    if (!self->task && kind != LEAT__WAIT_SHIELDED && leat__fork_refuses())
        return -EPERM;
    self->since = recent(leat__worker_current());
    wait->self = self;
    wait->deadline = deadline;
    wait->guard = NULL;
    wait->ticket.waiter = self->waiter;
    wait->ticket.generation = leat__word_begin(&self->waiter->word, shielded, &cancelled);
    if (!shielded && self->scope) {
        int err;

        /* `cancelled` needs no look: who set it marked the scope first, and the scope is asked. */
        leat__bound_join(self);
        wait->deadline = leat__time_min(deadline, self->scope->deadline);
        err = leat__bound_check(self, self->since);
        if (err) {
            self->reason = NULL;
            return withdraw(wait) ? err : -ECANCELED;
        }
    } else if (shielded && kind != LEAT__WAIT_SHIELDED && self->shield == 0 && self->scope) {
        begin_guarded(wait);
    }
    return 0;
}

struct commit {
    LEAT_ATOMIC(uint64_t) *word;
    struct leat__lock     *held;
};

/* Runs in the next context; `arg` is on the waiter's frame, which is gone once the word says
 * WAITING, so it is read before. */
static bool commit_wait(struct leat__fiber *fiber, void *arg)
{
    struct commit commit = *(struct commit *)arg;
    bool parked;

    (void)fiber;
    parked = leat__word_commit(commit.word);
    if (commit.held)
        leat__unlock(commit.held);
    return parked;
}

leat__commit_fn *leat__wait_commit = commit_wait;

/* What time brings to a plain thread's wait, which is on no wheel. */
struct times {
    leat_time deadline, grace;
};

static struct times times_of(const struct leat__wait *wait)
{
    return (struct times){ wait->deadline, wait->guard ? wait->guard->until : LEAT_NEVER };
}

static leat_time next_of(const struct times *times)
{
    return leat__time_min(times->deadline, times->grace);
}

/* The next one has come. */
static void pass_time(const struct leat__wait *wait, struct times *times)
{
    if (times->grace < times->deadline) {
        grace_is_over(wait->ticket.waiter, wait->ticket.generation);
        times->grace = LEAT_NEVER;
    } else {
        if (leat__claim(wait->ticket, LEAT__CAUSE_TIMEOUT))
            leat__wake(wait->ticket.waiter);
        times->deadline = LEAT_NEVER; /* somebody has won: his wake is on its way */
    }
}

static void sleep_on_word(const struct leat__wait *wait, struct times times)
{
    struct leat__waiter *waiter = wait->ticket.waiter;

    for (;;) {
        uint64_t word = load_acquire(&waiter->word); /* pairs with leat__wake's release */

        if (leat__word_state(word) == LEAT__WORD_DONE)
            return;
        if (leat__futex_wait(low_half(waiter), (uint32_t)word, next_of(&times)) == -ETIMEDOUT)
            pass_time(wait, &times);
    }
}

/* The last of fds is for wakes. */
static void sleep_on_descriptors(const struct leat__wait *wait, struct pollfd *fds, size_t count)
{
    struct leat__waiter *waiter = wait->ticket.waiter;
    struct times times = times_of(wait);

    /* relaxed: a hint; sleep_on_word sees how it has ended */
    while (leat__word_state(load_relaxed(&waiter->word)) == LEAT__WORD_WAITING) {
        leat__doze(fds, count, next_of(&times));
        for (size_t i = 0; i + 1 < count; i++)
            if (fds[i].revents) {
                if (leat__claim(wait->ticket, LEAT__CAUSE_EVENT))
                    leat__wake(waiter);
                break;
            }
        if (next_of(&times) != LEAT_NEVER && next_of(&times) <= leat__clock_now())
            pass_time(wait, &times);
    }
    sleep_on_word(wait, times);
}

static struct leat__wheel *wheel_of(const struct leat__worker *worker)
{
    struct leat__runtime *runtime = leat__worker_runtime(worker);

    return &runtime->wheels[leat__worker_index(worker)];
}

static void arm(struct leat__timer *timer, uint64_t value, leat_time when)
{
    struct leat__worker *worker = leat__worker_current();

    timer->value = value;
    leat__probe_count(&leat__worker_probe(worker)->timer_arms);
    leat__timer_arm(wheel_of(worker), timer, when);
}

static void disarm(struct leat__timer *timer)
{
    struct leat__worker *worker;

    if (!load_acquire(&timer->wheel)) /* O1 of the wheel: it has fired */
        return;
    worker = leat__worker_current();
    leat__timer_disarm(timer, wheel_of(worker));
}

/* Who slept for long and ends now leaves the scope's members, as cold as it was: ask for its
 * neighbours. */
static void end_timer(struct leat__seat *seat)
{
    disarm(&seat->timer);
    __builtin_prefetch(load_relaxed(&seat->next), 1); /* relaxed, both: hints */
    __builtin_prefetch(load_relaxed(&seat->prev), 1);
}

enum leat__cause leat__wait_park(struct leat__wait *wait, struct leat__lock *held)
{
    struct leat__waiter *waiter = wait->ticket.waiter;

    if (!leat__ticket_of_thread(wait->ticket)) {
        struct commit commit = { &waiter->word, held };
        bool timed = wait->deadline != LEAT_NEVER;
        bool graced = wait->guard && wait->guard->until < wait->deadline;

        if (timed)
            arm(&wait->self->seat->timer, wait->ticket.generation, wait->deadline);
        if (graced) {
            wait->guard->timer.arg = waiter;
            arm(&wait->guard->timer, wait->ticket.generation | GRACE, wait->guard->until);
        }
        leat__park(leat__wait_commit, &commit);
        if (timed)
            end_timer(wait->self->seat);
        if (graced)
            disarm(&wait->guard->timer);
    } else {
        bool parked = leat__word_commit(&waiter->word);

        if (held)
            leat__unlock(held);
        if (parked)
            sleep_on_word(wait, times_of(wait));
    }
    wait->self->reason = NULL;
    /* relaxed: wake's hand-over has ordered it */
    return leat__word_cause(load_relaxed(&waiter->word));
}

enum leat__cause leat__wait_doze(struct leat__wait *wait, struct pollfd *fds, size_t count)
{
    struct leat__sleeper *sleeper = sleeper_of(wait->ticket.waiter);

    sleeper->doze = fds[count - 1].fd + 1; /* before commit, which releases it to who claims */
    if (leat__word_commit(&sleeper->waiter.word))
        sleep_on_descriptors(wait, fds, count);
    sleeper->doze = 0;
    wait->self->reason = NULL;
    /* relaxed: wake's hand-over has ordered it */
    return leat__word_cause(load_relaxed(&sleeper->waiter.word));
}

enum leat__cause leat__wait_abandon(struct leat__wait *wait)
{
    if (leat__word_abandon(&wait->ticket.waiter->word))
        return LEAT__CAUSE_EVENT;
    /* Somebody has won and will wake us: let him, or his wake would meet a later wait. */
    wait->deadline = LEAT_NEVER;
    wait->guard = NULL;
    return leat__wait_park(wait, NULL);
}

int leat__wait_error(const struct leat__wait *wait, enum leat__cause cause, bool *own)
{
    const struct leat__self *self = wait->self;

    *own = false;
    if (cause == LEAT__CAUSE_EVENT)
        return 0;
    if (cause == LEAT__CAUSE_CANCEL)
        return -ECANCELED;
    if (cause == LEAT__CAUSE_DEADLOCK)
        return -EDEADLK;
    if (self->shield == 0 && self->scope && self->scope->deadline <= wait->deadline &&
        (!wait->guard || wait->guard->until <= wait->deadline)) {
        int err = leat__bound_check(self, wait->deadline);

        if (err)
            return err;
    }
    *own = true;
    return 0;
}

void leat__wake(struct leat__waiter *waiter)
{
    /* relaxed: what a fiber's is does not change while its wait is open */
    struct leat__fiber *fiber = leat__waiter_fiber(waiter, load_relaxed(&waiter->word));

    if (!leat__word_wake(&waiter->word))
        return; /* not parked yet: commit, or the thread, sees DONE */
    if (fiber) {
        leat__ready(fiber);
        return;
    }
    /* The thread may return, its word be reused and its descriptor another's the moment it sees
     * DONE. release: what was delivered; pairs with the acquire in sleep_on_word. */
    if (sleeper_of(waiter)->doze)
        leat__doze_wake(sleeper_of(waiter)->doze - 1);
    (void)fetch_and_release(&waiter->word, ~LEAT__WORD_STATE);
    leat__futex_wake(low_half(waiter), 1);
}

void leat__stand_back(void)
{
    cpu_relax();
    leat__give_way();
    sched_yield();
}
