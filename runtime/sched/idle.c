/* SPDX-License-Identifier: MIT */
/* When a worker searches, when it sleeps, and who is woken.
 *
 * The protocol is lockfree/idle.h's; this file adds what it is applied to. Waking a sleeping core is
 * the dearest thing the scheduler does (17 to 35 us until the sleeper runs), so a worker that found
 * nothing looks on for about half a wake before it sleeps. */
#include "base/container.h"
#include "platform/clock.h"
#include "sched/worker.h"

/* How long a worker without work keeps looking before it sleeps. */
#define SPIN_NS (10 * LEAT_USEC)
#define SPIN_PAUSES 32

void leat__wake_worker(struct leat__sched *sched, unsigned index)
{
    struct leat__worker *worker = leat__worker_current();

    if (worker)
        leat__probe_count(&worker->probe.wakes);
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

static bool queued(struct leat__sched *sched)
{
    if (leat__injector_len(&sched->injector) > 0)
        return true;
    for (unsigned i = 0; i < sched->count; i++)
        if (leat__runq_len(&sched->workers[i].runq) > 0 ||
            leat__deque_len(&sched->workers[i].fresh) > 0)
            return true;
    return false;
}

/* The oldest fresh fiber of the victim, to run, and up to half of the others for our own deque: one
 * at a time, for the owner takes from the other end of what a thief would move at once. */
static struct leat__fiber *steal_fresh(struct leat__worker *worker, struct leat__worker *victim)
{
    uint64_t more = leat__deque_len(&victim->fresh) / 2;
    struct leat__link *first, *item;
    bool raced;

    do {
        first = leat__deque_steal(&victim->fresh, &raced);
    } while (raced);
    if (!first)
        return NULL;
    leat__probe_count(&worker->probe.steals);
    leat__probe_count(&worker->probe.steal_items);
    for (uint64_t i = 0; i < more && i < LEAT__STEAL_MAX; i++) {
        item = leat__deque_steal(&victim->fresh, &raced);
        if (!item)
            break;
        leat__keep_fresh(worker, leat__container_of(item, struct leat__fiber, link));
        leat__probe_count(&worker->probe.steal_items);
    }
    return leat__container_of(first, struct leat__fiber, link);
}

static struct leat__fiber *steal(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    unsigned start = leat__random_below(&worker->random, sched->count);

    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__worker *victim = &sched->workers[(start + i) % sched->count];
        struct leat__fiber *fiber;
        struct leat__link *item;
        uint32_t count;

        if (victim == worker)
            continue;
        fiber = steal_fresh(worker, victim);
        if (fiber)
            return fiber;
        if (leat__runq_len(&victim->runq) == 0)
            continue;
        item = leat__runq_steal_half(&victim->runq, &worker->runq, &count);
        if (item) {
            leat__probe_count(&worker->probe.steals);
            leat__probe_add(&worker->probe.steal_items, count);
            return leat__container_of(item, struct leat__fiber, link);
        }
        leat__probe_count(&worker->probe.steal_fails);
    }
    return NULL;
}

struct leat__fiber *leat__search(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    leat_time until = 0;

    if (sched->count == 1)
        return NULL;
    if (!worker->searching)
        worker->searching = leat__idle_start_search(&sched->idle);
    if (!worker->searching)
        return NULL;
    for (;;) {
        struct leat__fiber *fiber = steal(worker);

        if (fiber)
            return fiber;
        if (leat__injector_len(&sched->injector) > 0 || !leat__inbox_is_empty(&worker->inbox))
            return NULL; /* the loop looks there, and leat__idle does not sleep beside it */
        if (until == 0)
            until = leat__clock_now() + SPIN_NS;
        else if (leat__clock_now() >= until)
            return NULL;
        for (int i = 0; i < SPIN_PAUSES; i++)
            cpu_relax();
    }
}

/* A searcher has found something to run: let the next one search, if there may be more. */
void leat__end_search(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    int index;

    worker->searching = false;
    if (!leat__idle_end_search(&sched->idle) || !queued(sched))
        return;
    index = leat__idle_pick(&sched->idle);
    if (index >= 0)
        leat__wake_worker(sched, (unsigned)index);
}

/* Sleep in the reactor until there is something to do. Returns also without having slept. */
void leat__idle(struct leat__worker *worker)
{
    struct leat__sched *sched = worker->sched;
    bool look = leat__idle_sleep(&sched->idle, worker->index, worker->searching);
    bool stay = (look && queued(sched)) || !leat__inbox_is_empty(&worker->inbox) ||
                load_relaxed(&sched->stopping); /* relaxed: stop's wake is remembered */

    if (!stay) {
        leat__probe_count(&worker->probe.sleeps);
        worker->poller->sleep(worker->poller, worker->due);
    }
    worker->searching = !leat__idle_leave(&sched->idle, worker->index);
    worker->turns_left = 0;
}
