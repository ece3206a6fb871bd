/* SPDX-License-Identifier: MIT */
/* When a worker searches, when it sleeps, and who is woken.
 *
 * The protocol is lockfree/idle.h's; this file adds what it is applied to. Waking a sleeping core
 * is the dearest thing the scheduler does (17 to 35 us until the sleeper runs, 8 to 10 us for the
 * waker), so a worker that found nothing looks on for about half a wake before it sleeps, and a
 * worker offers its queue only when that is worth a wake: its turns are long enough to be moved,
 * and there are enough of them. Offering each push (as Go and Tokio do) made two workers two to
 * five times slower than one on tasks that only talk to each other.
 *
 * That prediction is wrong when a long turn follows short ones: nobody can look while it computes.
 * So while anybody is awake one sleeper is the sentinel: every millisecond it looks (search.c) for
 * who has not come round since, and takes what is queued there. With everybody asleep there is
 * none, and the first to awake wakes another when it readies a task, as long as that is of use.
 *
 * INVARIANTS
 *   I1  A worker with something in its queues is awake; it sleeps only after it found them empty.
 *       So an offer that is not made delays work, it loses none.
 *   I2  While a worker is awake and has declined to offer, there is a sentinel, or somebody who
 *       searches and then is it: who declines sees one, or wakes somebody. A sentinel, the last to
 *       search, or who got up before it slept for what a search would take, and finds work of its
 *       own, wakes another, where something is queued that was perhaps declined.
 *       LIFO slots are exempt. A sentinel looks at them too, but who puts a fiber there sees to one
 *       only as leat__offer_slot says, and what that misses is the watching thread's: it wakes a
 *       worker to be the sentinel (leat__sched_notice). So with LEAT_WATCH=0, and always where the
 *       kernel lacks the barrier by which a slot is stolen (sched->relief), a fiber in a slot may
 *       wait for as long as its worker computes.
 * ORDERING
 *   O1  The sentinel's retreat against somebody's awakening: it clears the mark, then reads how
 *       many are awake; who awakes counts himself, then reads the mark when he declines. The fences
 *       keep both from reading the older value.
 *   O2  Going to sleep beside a queue that is left alone, since there is a sentinel, against that
 *       one's finding work of its own:
 *
 *         sleeper                               sentinel
 *           look into every queue                 clear the mark, count itself awake
 *           fence_seq_cst()       <- pairs ->     fence_seq_cst()
 *           read the mark; none: be it            look into every queue and at who sleeps
 *
 *       If the sleeper reads the older mark, the sentinel sees what the sleeper saw, and that it
 *       sleeps, and wakes it.
 *   O3  Declining to offer has no fence, nor has the look whether to ask: a push that is still in
 *       its core's store buffer can be missed by a sentinel that stops being one at that moment.
 *       Accepted: both must begin a long turn just then, and what it costs is a delay until any
 *       worker awakes or looks around; the fence would be paid at every push while anybody sleeps.
 */
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/fork.h"
#include "platform/futex.h"
#include "sched/worker.h"

/* A sleep that others ended before this (a wake takes most of it) was too short to be worth it. */
#define SHORT_SLEEP_NS (60 * LEAT_USEC)

/* Awakenings between two for which another is woken in vain, at most: leat__offer_slot. */
#define ASKS_SKIP_MAX 63

void leat__wake_worker(struct leat__sched *sched, unsigned index)
{
    struct leat__worker *worker = leat__worker_current();

    if (worker)
        leat__probe_count(&worker->face.probe.wakes);
    else if (leat__fork_forked())
        return; /* its poller is the parent's too */
    sched->workers[index].poller->wake(sched->workers[index].poller);
}

void leat__wake_one(struct leat__sched *sched)
{
    int index;

    if (!leat__idle_should_wake(&sched->idle))
        return;
    index = leat__idle_pick(&sched->idle);
    if (index >= 0)
        leat__wake_worker(sched, (unsigned)index);
}

/* The worker has queued something: is it worth waking another? */
void leat__offer(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    leat_time turn = load_relaxed(&worker->turn_ns); /* relaxed: an estimate */
    uint64_t length;

    if (turn < LEAT__TURN_SHORT_NS && load_relaxed(&sched->sentinel)) /* relaxed: O1 */
        return;
    length = leat__runq_len(&worker->runq) + leat__deque_len(&worker->fresh);
    if (leat__idle_count_awake(&sched->idle) == sched->count)
        return;
    if ((turn >= LEAT__TURN_SHORT_NS && (leat_time)length * turn >= LEAT__WAKE_NS) ||
        !load_relaxed(&sched->sentinel)) /* relaxed: O1 */
        leat__wake_one(sched);
}

/* The worker has put a fiber into its LIFO slot, and perhaps nobody stands sentinel. If its turn is
 * a long one somebody should look; nobody can tell yet. So another is woken for the first such
 * fiber after any worker awoke; and, since a wake costs 8 us, half as often each time, until a turn
 * was long. What is missed so the watching thread finds (relief.c). */
void leat__offer_slot(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    uint32_t skip = 2 * load_relaxed(&sched->asks_skip) + 1; /* relaxed, all: an estimate */

    store_relaxed(&sched->asks, false);
    if (leat__idle_count_awake(&sched->idle) == sched->count || load_relaxed(&sched->sentinel))
        return; /* who goes to sleep first will be it; or somebody is */
    if (skip > ASKS_SKIP_MAX)
        skip = ASKS_SKIP_MAX;
    store_relaxed(&sched->asks_skip, skip);
    store_relaxed(&sched->asks_left, skip);
    leat__wake_one(sched);
}

/* A worker awakes: is somebody to be asked? relaxed, all: as above */
static void see_whether_to_ask(struct leat__sched *sched)
{
    uint32_t left = load_relaxed(&sched->asks_left);

    if (left > 0)
        store_relaxed(&sched->asks_left, left - 1);
    else if (!sched->alone)
        store_relaxed(&sched->asks, true);
}

/* The worker has put a fiber into a class's queue, where all find it when they look. */
void leat__offer_class(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;

    /* relaxed, both: as above */
    if (leat__idle_count_awake(&sched->idle) < sched->count &&
        (load_relaxed(&worker->turn_ns) >= LEAT__TURN_SHORT_NS || !load_relaxed(&sched->sentinel)))
        leat__wake_one(sched);
}

/* The worker has something to run and looks around no more for a while. Where it was the last to
 * search, the next one goes on, if there may be more. Where others relied on it, as the sentinel or
 * the one who would have been it next, another is (I2), whatever a search would take just now. */
void leat__found(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    bool relied_on = worker->guarded, next = false;

    worker->guarded = false;
    if (worker->searching) {
        worker->searching = false;
        if (leat__idle_end_search(&sched->idle)) {
            next = leat__takeable(sched);
            relied_on = true;
        }
    }
    if (relied_on && !next)
        next = !load_relaxed(&sched->sentinel) && leat__queued(sched); /* relaxed: O1 */
    if (next)
        leat__wake_one(sched);
}

/* Be the sentinel, if there is none. */
static bool stand_sentinel(struct leat__sched *sched)
{
    bool none = false;

    /* relaxed, both: O1's fences */
    return !sched->alone && !load_relaxed(&sched->sentinel) &&
           cas_relaxed(&sched->sentinel, &none, true);
}

/* A sentinel with nobody left awake sleeps like the others. */
static bool retreat(struct leat__sched *sched)
{
    if (leat__idle_count_awake(&sched->idle) > 0)
        return false;
    store_relaxed(&sched->sentinel, false); /* relaxed: ordered by the fence */
    fence_seq_cst(); /* O1: pairs with the fence in leat__idle */
    return leat__idle_count_awake(&sched->idle) == 0 || !stand_sentinel(sched);
}

/* The first worker to awake calls whoever went to sleep because all had (leat__sched_ring_me). */
static __attribute__((noinline)) void ring(struct leat__sched *sched)
{
    void *bell = exchange_acquire(&sched->bell, NULL); /* pairs with ring_me's release */

    if (!bell)
        return;
    store_release((LEAT_ATOMIC(uint32_t) *)bell, 1); /* pairs with the acquire of its owner */
    leat__futex_wake(bell, 1);
}

/* Count the worker as asleep, and see whether it may be. Returns when it has to awake; 0: it has to
 * stay. */
static leat_time lie_down(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    leat_time due = leat__time_min(worker->due, worker->trim_at);
    bool look;

    /* before we count as asleep, or offers would wake us */
    worker->sentinel = stand_sentinel(sched);
    look = leat__idle_sleep(&sched->idle, worker->face.index, worker->searching);
    if ((look && leat__takeable(sched)) || !leat__inbox_is_empty(&worker->inbox) ||
        load_relaxed(&sched->stopping)) /* relaxed: stop's wake is remembered */
        return 0;
    if (!worker->sentinel) {
        fence_seq_cst(); /* O2: pairs with the fence after leat__idle_leave */
        worker->sentinel = stand_sentinel(sched);
    }
    if (worker->sentinel && retreat(sched))
        worker->sentinel = false;
    leat__probe_count(&worker->face.probe.sleeps);
    return worker->sentinel ? leat__time_min(due, leat__clock_now() + LEAT__SENTINEL_NS) : due;
}

/* Count it as awake; `slept`: for how long it was not. */
static void get_up(struct leat__worker *worker, leat_time slept)
{
    struct leat__sched *sched = worker->sched;

    if (worker->sentinel)
        store_relaxed(&sched->sentinel, false); /* relaxed: we are awake ourselves */
    worker->guarded = worker->sentinel || slept == 0; /* I2: or it searched, and saw something */
    worker->searching = !leat__idle_leave(&sched->idle, worker->face.index);
    if (slept < SHORT_SLEEP_NS && (worker->searching || !leat__inbox_is_empty(&worker->inbox)))
        worker->spin_ns = LEAT__SPIN_NS;
    worker->turns_left = 0;
    see_whether_to_ask(sched);
    /* O1, O2: pairs with the fences in retreat, before a sleep, and in leat__sched_ring_me */
    fence_seq_cst();
    if (__builtin_expect(load_relaxed(&sched->bell) != NULL, 0)) /* relaxed: ordered by the fence */
        ring(sched);
}

/* Sleep in the reactor until there is something to do. Returns also without having slept. */
void leat__idle(struct leat__worker *worker)
{
    leat_time due = lie_down(worker);
    leat_time slept = 0;

    if (due != 0) {
        leat_time start = leat__clock_now();

        worker->poller->sleep(worker->poller, due);
        worker->face.looked = 0; /* the turns before are not timed by what comes after */
        slept = leat__clock_now() - start;
    }
    get_up(worker, slept);
}

/* The same in two halves, for a driven worker, whose thread sleeps elsewhere meanwhile. Returns
 * false when there is something to do. */
bool leat__idle_rest(struct leat__worker *worker, leat_time *ret_due)
{
    leat_time due = lie_down(worker);

    if (due != 0 && worker->poller->doze(worker->poller)) {
        worker->resting = true;
        *ret_due = due;
        return true;
    }
    get_up(worker, 0);
    return false;
}

void leat__idle_rise(struct leat__worker *worker)
{
    worker->poller->rouse(worker->poller);
    worker->resting = false;
    worker->face.looked = 0; /* as in leat__idle */
    get_up(worker, SHORT_SLEEP_NS);
}
