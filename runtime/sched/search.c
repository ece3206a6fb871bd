/* SPDX-License-Identifier: MIT */
/* What workers take from each other, and when that is better than leaving it where it is.
 *
 * Whose turns are short is left alone: moving a task costs more than its turn takes. Whose turn is
 * long is not: of what is queued behind it thieves take half, and half of the rest, until nothing
 * is left or it comes round; and the task in its LIFO slot, which those who look never take
 * otherwise, since it is the one that is hot in its core. How long a turn is by now nobody tells:
 * a thief sees that the counts of a worker stand still between two of its own looks. So a task that
 * is readied by who computes on waits for one look of somebody's: of the worker that was woken for
 * it (leat__offer_slot) some 40 us; of a sentinel up to a millisecond.
 *
 * INVARIANT
 *   I1  What is remembered of a victim (watched_*, slot_*) is a hint: thieves overwrite each
 *       other's, and at worst wait for longer, or move a task that did not need it. */
#include "base/container.h"
#include "platform/clock.h"
#include "sched/worker.h"

#ifndef LEAT__SPIN_PAUSES /* the model checker builds with none */
#define LEAT__SPIN_PAUSES 32
#endif

/* A turn is long when it was seen to last for so long: a task that is moved costs some hundred ns,
 * a theft from the slot a barrier besides. */
#define LONG_NS (8 * LEAT_USEC)

/* For how long has the worker not looked around, as far as was seen? relaxed, all: I1 */
static leat_time standing(struct leat__worker *victim, leat_time now)
{
    uint64_t looks = leat__probe_read(&victim->face.probe.turns);

    if (load_relaxed(&victim->watched_looks) != looks) {
        store_relaxed(&victim->watched_looks, looks);
        store_relaxed(&victim->watched_since, now);
        return 0;
    }
    return now - load_relaxed(&victim->watched_since);
}

/* Are the victim's turns too short to be moved? Not if it has not looked around for a while: then
 * it computes, and what stands behind it is better off here. */
static bool leave_alone(struct leat__worker *victim, leat_time now)
{
    return standing(victim, now) < LEAT__SENTINEL_NS / 2 &&
           load_relaxed(&victim->turn_ns) < LEAT__TURN_SHORT_NS; /* relaxed: an estimate */
}

static bool has_queue(struct leat__worker *worker)
{
    return leat__runq_len(&worker->runq) > 0 || leat__deque_len(&worker->fresh) > 0;
}

/* ---- the slot ---- */

enum sight { NOTHING, MOVES, STANDS, IS_LONG };

/* Its slot and its turns, beside when they were last looked at. relaxed, all: I1 */
static enum sight look_at_slot(struct leat__worker *victim, leat_time now)
{
    void *item = leat__slot_holds(&victim->lifo);
    uint64_t turns;

    if (!item || !victim->sched->relief)
        return NOTHING;
    turns = leat__worker_turns(victim);
    if (load_relaxed(&victim->slot_turns) != turns || load_relaxed(&victim->slot_item) != item) {
        store_relaxed(&victim->slot_turns, turns);
        store_relaxed(&victim->slot_item, item);
        store_relaxed(&victim->slot_since, now);
        return MOVES;
    }
    return now - load_relaxed(&victim->slot_since) < LONG_NS ? STANDS : IS_LONG;
}

static struct leat__fiber *steal_slot(struct leat__worker *worker, struct leat__worker *victim)
{
    struct leat__fiber *fiber = leat__slot_steal(&victim->lifo);

    if (!fiber)
        return NULL;
    /* What it readies next is offered at once, and who awakes asks. relaxed, all: estimates */
    if (load_relaxed(&victim->turn_ns) <= LEAT__WAKE_NS)
        store_relaxed(&victim->turn_ns, LEAT__WAKE_NS + 1);
    store_relaxed(&victim->sched->asks_skip, 0);
    store_relaxed(&victim->sched->asks_left, 0);
    leat__probe_count(&worker->face.probe.steals);
    leat__probe_count(&worker->face.probe.steal_items);
    return fiber;
}

/* The first that stands behind a long turn; or, in *ret_sight, whether it is worth looking on. */
static struct leat__fiber *steal_slots(struct leat__worker *worker, unsigned start, leat_time now,
                                       enum sight *ret_sight)
{
    struct leat__sched *sched = worker->sched;

    *ret_sight = NOTHING;
    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__worker *victim = &sched->workers[(start + i) % sched->count];
        enum sight sight = victim == worker ? NOTHING : look_at_slot(victim, now);
        struct leat__fiber *fiber = sight == IS_LONG ? steal_slot(worker, victim) : NULL;

        if (fiber)
            return fiber;
        if (sight != IS_LONG && sight > *ret_sight)
            *ret_sight = sight;
    }
    return NULL;
}

/* ---- queues ---- */

bool leat__queued(struct leat__sched *sched)
{
    for (unsigned i = 0; i < sched->count; i++)
        if (has_queue(&sched->workers[i]) || leat__slot_holds(&sched->workers[i].lifo))
            return true;
    return leat__injector_len(&sched->injector) > 0 || leat__classes_wait(sched);
}

/* What a search would leave alone is the sentinel's: a worker that stayed awake beside that would
 * go round without end, and take the idle word's cache line from those who work. */
bool leat__takeable(struct leat__sched *sched)
{
    leat_time now = 0;

    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__worker *victim = &sched->workers[i];
        bool queue = has_queue(victim);

        if (!queue && !leat__slot_holds(&victim->lifo))
            continue;
        if (now == 0)
            now = leat__clock_now();
        if ((queue && !leave_alone(victim, now)) || look_at_slot(victim, now) == IS_LONG)
            return true;
    }
    return leat__injector_len(&sched->injector) > 0 || leat__classes_wait(sched);
}

/* The oldest fresh fiber of the victim, to run, and up to half of the others for our own deque: one
 * at a time, for the owner takes from the other end of what a thief would move at once. */
static struct leat__fiber *steal_fresh(struct leat__worker *worker, struct leat__worker *victim)
{
    uint64_t more = leat__deque_len(&victim->fresh) / 2;
    struct leat__link *first, *item;
    bool raced;

    if (leat__deque_len(&victim->fresh) == 0)
        return NULL; /* a hint, which saves the barrier */
    leat__deque_raid(&victim->fresh);
    do {
        first = leat__deque_steal(&victim->fresh, &raced);
    } while (raced);
    if (!first) {
        leat__deque_leave(&victim->fresh);
        return NULL;
    }
    leat__probe_count(&worker->face.probe.steals);
    leat__probe_count(&worker->face.probe.steal_items);
    for (uint64_t i = 0; i < more && i < LEAT__STEAL_MAX; i++) {
        item = leat__deque_steal(&victim->fresh, &raced);
        if (!item)
            break;
        leat__keep_fresh(worker, leat__container_of(item, struct leat__fiber, link));
        leat__probe_count(&worker->face.probe.steal_items);
    }
    leat__deque_leave(&victim->fresh);
    return leat__container_of(first, struct leat__fiber, link);
}

/* Half of the victim's started ones: the oldest, to run, the others for our own queue. */
static struct leat__fiber *steal_started(struct leat__worker *worker, struct leat__worker *victim)
{
    uint32_t count;
    struct leat__link *item = leat__runq_steal_half(&victim->runq, &worker->runq, &count);

    if (!item)
        return NULL;
    leat__probe_count(&worker->face.probe.steals);
    leat__probe_add(&worker->face.probe.steal_items, count);
    return leat__container_of(item, struct leat__fiber, link);
}

/* Something was taken from its queue. As long as thieves find that short (they tell: turn_ns), the
 * next comes only after as long a while; else they and a victim that spawns a million in one turn
 * would meet at each of them. */
static void rest(struct leat__worker *victim, leat_time now)
{
    if (load_relaxed(&victim->turn_ns) < LEAT__TURN_SHORT_NS) /* relaxed, both: I1 */
        store_relaxed(&victim->watched_since, now);
}

static struct leat__fiber *steal(struct leat__worker *worker, enum sight *ret_sight)
{
    struct leat__sched *sched = worker->sched;
    leat_time now = leat__clock_now();
    unsigned start = leat__random_below(&worker->random, sched->count);

    for (unsigned i = 0; i < sched->count; i++) {
        struct leat__worker *victim = &sched->workers[(start + i) % sched->count];
        struct leat__fiber *fiber;

        if (victim == worker || leave_alone(victim, now))
            continue;
        worker->raided = victim;
        fiber = steal_fresh(worker, victim);
        if (!fiber && leat__runq_len(&victim->runq) == 0)
            continue;
        if (!fiber)
            fiber = steal_started(worker, victim);
        if (fiber) {
            rest(victim, now);
            return fiber;
        }
        leat__probe_count(&worker->face.probe.steal_fails);
    }
    return steal_slots(worker, start, now, ret_sight);
}

/* A worker that always has something to run steals nothing, so what stands behind one that computes
 * would wait for as long as that does. So at each look around it looks at one of the others, and
 * takes half of what is queued behind one that has not looked around for long: it must be
 * computing, or is off its CPU. */
void leat__raid_stalled(struct leat__worker *worker, leat_time now)
{
    struct leat__sched *sched = worker->sched;
    struct leat__worker *victim = &sched->workers[worker->neighbour];
    struct leat__fiber *fiber;

    worker->neighbour = (worker->neighbour + 1) % sched->count;
    if (victim == worker || !(has_queue(victim) || leat__slot_holds(&victim->lifo)) ||
        standing(victim, now) < LEAT__SENTINEL_NS / 2)
        return;
    fiber = sched->relief ? steal_slot(worker, victim) : NULL;
    if (fiber)
        leat__enqueue(worker, fiber);
    fiber = steal_fresh(worker, victim);
    if (!fiber) {
        if (leat__runq_room(&worker->runq) < LEAT__RUNQ_SLOTS)
            (void)leat__runq_grow(&worker->runq); /* else it takes what fits */
        fiber = steal_started(worker, victim);
    }
    if (fiber)
        leat__enqueue(worker, fiber);
}

/* Look on, in a search that has found nothing yet? Where something sits in a slot, long enough to
 * see whether the turn before it is long. */
static bool look_on(struct leat__worker *worker, enum sight sight, unsigned pass, leat_time *until)
{
    leat_time now;

    if (worker->driven)
        return false;
    if (worker->spin_ns >= LEAT__SPIN_NS_MIN) {
        now = leat__clock_now();
        if (*until == 0)
            *until = now + worker->spin_ns;
        if (now < *until)
            return true;
    }
    if (sight == STANDS || (sight == MOVES && pass == 0))
        return true;
    worker->spin_ns /= 2;
    return false;
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
    for (unsigned pass = 0;; pass++) {
        enum sight sight = NOTHING;
        struct leat__fiber *fiber = steal(worker, &sight);

        if (fiber) {
            worker->spin_ns = LEAT__SPIN_NS;
            return fiber;
        }
        if (!leat__inbox_is_empty(&worker->inbox)) {
            worker->spin_ns = LEAT__SPIN_NS;
            worker->watches = !worker->driven; /* whose step returns at once instead */
            return leat__handed(worker);
        }
        if (leat__injector_len(&sched->injector) > 0 || leat__classes_wait(sched)) {
            worker->spin_ns = LEAT__SPIN_NS;
            return NULL; /* the loop looks there, and leat__idle does not sleep beside it */
        }
        if (!look_on(worker, sight, pass, &until))
            return NULL;
        /* Others' queues are not looked at all the time, which would take their lines from them.
         * Our own inbox costs nobody anything. */
        for (int i = 0; i < LEAT__SPIN_PAUSES && leat__inbox_is_empty(&worker->inbox); i++)
            cpu_relax();
    }
}

/* Others hand us our fibers, if that is how the last one came that we were looking out for, and the
 * next one comes about now: see it at once, and leave clock, timers and reactor for later. They get
 * their look at the end of a round of turns, of which each such hand-over is one. It costs nobody
 * anything, since only who hands over writes that line; nor is it a search: to all others this is a
 * worker in a short turn. */
struct leat__fiber *leat__watch_inbox(struct leat__worker *worker)
{
    for (int i = 0; i < LEAT__WATCH_PAUSES; i++) {
        if (!leat__inbox_is_empty(&worker->inbox))
            return leat__handed(worker);
        cpu_relax();
    }
    worker->watches = false;
    return NULL;
}

/* Is the running fiber all there is to run here? */
static bool has_only_this(struct leat__worker *worker)
{
    worker->special = worker->special &&
                      (worker->pinned.first || leat__classes_wait(worker->sched));
    return !worker->special && !has_queue(worker) && !leat__slot_holds(&worker->lifo) &&
           !worker->starved.first;
}

bool leat__watch_for(bool (*there)(void *arg), void *arg)
{
    struct leat__worker *worker = leat__worker_current();

    if (!worker || !worker->watches || !worker->face.running || worker->turns_left <= 1 ||
        !has_only_this(worker))
        return false;
    worker->turns_left--;
    for (int i = 0; i < LEAT__WATCH_PAUSES && leat__inbox_is_empty(&worker->inbox); i++) {
        if (there(arg))
            return true;
        cpu_relax();
    }
    return false;
}
