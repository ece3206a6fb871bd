/* SPDX-License-Identifier: MIT */
/* The worker's loop.
 *
 * Order: what the worker has in its own hands (pick.c); at an interval calibrated to about 50 us,
 * and whenever that is nothing: inbox, injector, timers and reactor together; then half of a
 * victim's queue (search.c); then sleep (idle.c). A fixed number of turns between two looks
 * (Tokio's 61) was rejected: turns last from 10 ns to milliseconds, and a look at epoll is a system
 * call. */
#include "sched/turn.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "sched/current.h"

#include <leat/errno.h>

/* At least so many: a join that looks for its children between two looks needs a turn or two. At
 * most so many, since turns that grow long are noticed only at the next look. */
#define TURNS_MIN 4
#define TURNS_MAX 256

/* A new fiber that found no stack is tried again this often while nothing else happens. */
#define STARVED_RETRY_NS (10 * LEAT_MSEC)

/* Make worker->birth lead into a new fiber, on one of the hot stacks. Returns false when there is
 * none. */
bool leat__bind_stack(struct leat__worker *worker)
{
    struct leat__stack *stack = worker->hot;

    if (!stack)
        return false;
    worker->hot = stack->next;
    worker->hot_count--;
    leat__context_make(&worker->birth, stack, leat__fiber_main, stack);
    return true;
}

static void keep_stacks(struct leat__worker *worker, leat_time now)
{
    struct leat__stack *batch = worker->hot;
    struct leat__stack *last = batch;

    if (worker->hot_count <= LEAT__STACKS_HOT)
        return;
    for (unsigned i = 1; i < worker->hot_count - LEAT__STACKS_HOT / 2; i++)
        last = last->next;
    worker->hot = last->next;
    worker->hot_count = LEAT__STACKS_HOT / 2;
    last->next = NULL;
    leat__probe_count(&worker->face.probe.stack_puts);
    if (leat__stacks_put(&worker->sched->stacks, batch) && worker->trim_at == LEAT_NEVER)
        worker->trim_at = leat__time_add(now, LEAT__STACKS_PERIOD_NS);
}

static bool fetch_stacks(struct leat__worker *worker)
{
    int got;

    if (worker->hot)
        return true;
    got = leat__stacks_get(&worker->sched->stacks, &worker->hot, LEAT__STACKS_HOT / 4);
    if (got <= 0)
        return false;
    worker->hot_count = (unsigned)got;
    leat__probe_count(&worker->face.probe.stack_gets);
    return true;
}

struct leat__stack *leat__sched_borrow_stack(void)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__stack *stack;

    if (!fetch_stacks(worker))
        return NULL;
    stack = worker->hot;
    worker->hot = stack->next;
    worker->hot_count--;
    stack->next = NULL;
    return stack;
}

void leat__sched_return_stack(struct leat__sched *sched, struct leat__stack *stack)
{
    struct leat__worker *worker = leat__worker_current();

    if (!worker || worker->sched != sched) {
        leat__stacks_put(&sched->stacks, stack);
        return;
    }
    stack->next = worker->hot;
    worker->hot = stack;
    worker->hot_count++;
}

/* Our share of what was submitted from outside or did not fit elsewhere. */
static void take_injected(struct leat__worker *worker)
{
    struct leat__injector *injector = &worker->sched->injector;
    uint32_t length = leat__injector_len(injector);
    uint32_t room = leat__runq_room(&worker->runq);
    uint32_t share = length / worker->sched->count + 1;
    struct leat__batch batch = { 0 };

    if (length == 0)
        return;
    if (share > LEAT__RUNQ_SLOTS / 2)
        share = LEAT__RUNQ_SLOTS / 2;
    if (room < share && leat__runq_grow(&worker->runq))
        room = leat__runq_room(&worker->runq);
    if (room == 0)
        return; /* nor is there memory: once some of those in the queue have ended */
    leat__injector_pop_batch(injector, share < room ? share : room, &batch);
    leat__runq_push_batch(&worker->runq, &batch); /* all fit: only we push here */
}

static void take_inbox(struct leat__worker *worker)
{
    struct leat__batch batch = { 0 };
    struct leat__link *item;

    if (leat__inbox_is_empty(&worker->inbox))
        return;
    leat__inbox_take(&worker->inbox, &batch);
    while ((item = leat__batch_pop(&batch)))
        leat__batch_push(&worker->pinned, item);
    worker->special = true;
}

struct leat__fiber *leat__handed(struct leat__worker *worker)
{
    take_inbox(worker);
    return leat__pick(worker);
}

/* Fit the number of turns between two looks to LEAT__LOOK_NS. */
static void calibrate(struct leat__worker *worker, leat_time now)
{
    leat_time elapsed = now - worker->face.looked;
    int turns = worker->turns - worker->turns_left;

    if (turns > 0 && worker->face.looked > 0) {
        /* relaxed, all: an estimate. A thief's is the better one for who spawns all in one turn. */
        leat_time turn = elapsed / (turns + (int)worker->face.talks * LEAT__TALK_TURNS);

        store_relaxed(&worker->turn_ns, (load_relaxed(&worker->turn_ns) + turn) / 2);
        if (worker->raided && turn < LEAT__TURN_SHORT_NS)
            store_relaxed(&worker->raided->turn_ns, turn);
        if (turn > LEAT__WAKE_NS && load_relaxed(&worker->sched->asks_skip) > 0) {
            store_relaxed(&worker->sched->asks_skip, 0);
            store_relaxed(&worker->sched->asks_left, 0);
        }
        worker->raided = NULL;
    }
    if (worker->turns_left <= 0) { /* it was time, not lack of work, that brought us here */
        if (elapsed < LEAT__LOOK_NS / 2 && worker->turns < TURNS_MAX)
            worker->turns *= 2;
        else if (elapsed > LEAT__LOOK_NS * 2)
            worker->turns = TURNS_MIN;
    }
    worker->face.looked = now;
    worker->face.talks = 0;
    worker->turns_left = worker->turns;
}

/* Fire timers, unless a long queue waits already: who is made ready would stand behind it, and what
 * does not fit goes the long way through the injector. */
static void fire_timers(struct leat__worker *worker, leat_time now)
{
    if (leat__runq_len(&worker->runq) > LEAT__RUNQ_SLOTS / 2 &&
        now - worker->fired < LEAT__FIRE_DELAY_NS)
        return;
    worker->fired = now;
    worker->due = worker->ticker->fire(worker->ticker, now);
}

/* Take pages of free stacks. To be done by a worker that has nothing to run and no timer to fire:
 * while a million sleepers end, each at its time, those who are due would wait for it. One that has
 * something to do all the time does it now and then all the same, LEAT__STACKS_TRIM at a time once
 * in LEAT__STACKS_OVERDUE_NS, so that it too comes down to what it needs. */
static void trim_stacks(struct leat__worker *worker, leat_time now)
{
    leat_time again = leat__stacks_trim(&worker->sched->stacks, LEAT__STACKS_TRIM);

    worker->trim_at = leat__time_add(now, again);
}

static void look_around(struct leat__worker *worker)
{
    leat_time now = leat__clock_now();
    bool trims = now - LEAT__STACKS_OVERDUE_NS >= worker->trim_at;

    leat__probe_count(&worker->face.probe.turns);
    worker->upcoming = NULL;
    calibrate(worker, now);
    keep_stacks(worker, now);
    take_inbox(worker);
    take_injected(worker);
    if (leat__classes_wait(worker->sched))
        worker->special = true;
    if (!worker->sched->alone)
        leat__raid_stalled(worker, now);
    fire_timers(worker, now);
    if (trims)
        trim_stacks(worker, now);
    if (trims || worker->due <= now) /* the turns are not to blame for the time that took */
        worker->face.looked = leat__clock_now();
    leat__probe_count(&worker->face.probe.polls);
    worker->poller->poll(worker->poller);
    if (worker->sched->relief && now - worker->relieved >= LEAT__RELIEF_NS)
        leat__relieve(worker, now);
}

/* The next fiber to run, NULL when there is none or the runtime stops. */
static struct leat__fiber *find_now(struct leat__worker *worker)
{
    struct leat__fiber *fiber;

    if (worker->turns_left <= 0)
        look_around(worker);
    if (worker->starved.first && fetch_stacks(worker))
        return leat__fiber_of(leat__batch_pop(&worker->starved));
    worker->turns_left--;
    fiber = leat__pick(worker);
    if (!fiber && worker->watches)
        fiber = leat__watch_inbox(worker);
    if (fiber)
        return fiber;
    worker->turns_left++; /* none: or an idle worker would seem to have short turns */
    look_around(worker);
    fiber = leat__pick(worker);
    /* relaxed: stop wakes every worker after it has set the mark */
    if (fiber || load_relaxed(&worker->sched->stopping))
        return fiber;
    fiber = leat__search(worker);
    if (fiber)
        return fiber;
    if (worker->starved.first)
        worker->due = leat__time_min(worker->due, worker->face.looked + STARVED_RETRY_NS);
    if (worker->face.looked >= worker->trim_at && worker->due > worker->face.looked)
        trim_stacks(worker, worker->face.looked);
    return NULL;
}

/* The next fiber to run, sleeping until there is one; NULL when the runtime stops. */
static struct leat__fiber *find(struct leat__worker *worker)
{
    struct leat__fiber *fiber = worker->next;

    if (fiber) {
        worker->next = NULL;
        return fiber;
    }
    while (!(fiber = find_now(worker))) {
        if (load_relaxed(&worker->sched->stopping)) /* relaxed: likewise */
            return NULL;
        leat__idle(worker);
    }
    leat__found(worker);
    return fiber;
}

static void run(struct leat__worker *worker, struct leat__fiber *fiber)
{
    struct leat__context *to = &fiber->context;

    if (!leat__turn_is_new(fiber)) {
        leat__turn_set_state(fiber, LEAT__FIBER_RUNNING);
    } else if (fetch_stacks(worker) && leat__bind_stack(worker)) {
        to = &worker->birth;
    } else {
        leat__probe_count(&worker->face.probe.starved);
        leat__batch_push(&worker->starved, &fiber->link);
        return;
    }
    worker->face.running = fiber;
    leat__probe_count(&worker->face.probe.switches);
    leat__context_switch(&worker->context, to);
    leat__arrive(worker);
}

static void begin(struct leat__worker *worker)
{
    leat__worker_become(worker);
    worker->errno_at = leat_errno_location();
    worker->face.exceptions_at = leat__exceptions_of_thread();
}

void leat__worker_main(void *arg)
{
    struct leat__worker *worker = arg;
    struct leat__fiber *fiber;

    begin(worker);
    while ((fiber = find(worker)))
        run(worker, fiber);
}

/* The loop for a worker without a thread of its own: where that one sleeps, this one returns. What
 * a round of turns has left over is found by the next step; thieves may have it meanwhile. */
static bool step_on(struct leat__worker *worker, const struct leat__sched_step *step,
                    leat_time *ret_due)
{
    bool settled = false;

    for (;;) {
        struct leat__fiber *fiber = worker->next;

        worker->next = NULL;
        if (!fiber)
            fiber = find_now(worker);
        if (fiber) {
            leat__found(worker);
            settled = false;
            run(worker, fiber);
            if (step->until != LEAT_NEVER && leat__clock_now() >= step->until)
                return false;
        } else if (!settled) {
            step->settle(step->arg);
            settled = true;
        } else if (leat__idle_rest(worker, ret_due)) {
            return true;
        }
    }
}

bool leat__worker_step(struct leat__worker *worker, const struct leat__sched_step *step,
                       leat_time *ret_due)
{
    struct leat__exceptions held = { 0 };
    bool caught, rests;

    begin(worker);
    caught = leat__worker_in_catch(worker);
    if (caught) /* I5 of worker.h */
        held = leat__exceptions_take(worker->face.exceptions_at);
    if (worker->resting)
        leat__idle_rise(worker);
    rests = step_on(worker, step, ret_due);
    if (caught)
        *worker->face.exceptions_at = held;
    leat__worker_become(NULL);
    return rests;
}
