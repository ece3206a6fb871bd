/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c lockfree/injector.c lockfree/deque.c lockfree/runq.c
 * model: sources lockfree/slot.c lockfree/idle.c sched/pick.c sched/idle.c sched/search.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RUNQ_SLOTS=8u -DLEAT__DEQUE_SLOTS=2u
 * model: flags -DLEAT__SPIN_PAUSES=0 -DLEAT__NORMAL_AGE=3 -DLEAT__LOW_AGE=5
 *
 * Priorities: the order of one worker's turns, with its ages; that two workers share the classes'
 * queues and run each fiber once; that a sleeper is woken for a class, or finds it by itself. */
#include <string.h>

#include "model.h"
#include "platform/clock.h"
#include "sched/worker.h"

enum { WORKERS = 2, FIBERS = 24 };

static struct leat__sched sched;
static struct leat__worker workers[WORKERS];
static struct leat__poller pollers[WORKERS];
static struct leat__fiber fibers[FIBERS];
static leat_time now;
static int runs[FIBERS], used, ran;
static LEAT_ATOMIC(bool) it_ran, called;

/* ---- the rooms below, played ---- */

leat_time leat__clock_now(void)
{
    return now += 11 * LEAT_USEC;
}

struct leat__worker *leat__worker_current(void)
{
    int i = model_self() - 1;

    return i >= 0 && i < WORKERS ? &workers[i] : NULL;
}

/* Nobody hands a worker a fiber of its own. */
struct leat__fiber *leat__handed(struct leat__worker *worker)
{
    (void)worker;
    model_check(false);
    return NULL;
}

static void sleep_until(struct leat__poller *poller, leat_time deadline)
{
    (void)poller;
    if (deadline == LEAT_NEVER)
        model_sleep();
    else if (!model_sleep_timed() && now < deadline)
        now = deadline;
}

static void wake(struct leat__poller *poller)
{
    model_wake((int)(poller - pollers) + 1);
}

/* ---- fibers ---- */

static void begin(void)
{
    memset(&sched, 0, sizeof sched);
    memset(workers, 0, sizeof workers);
    memset(fibers, 0, sizeof fibers);
    memset(runs, 0, sizeof runs);
    sched.workers = workers;
    sched.count = WORKERS;
    leat__idle_init(&sched.idle, WORKERS);
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i].sched = &sched;
        workers[i].face.index = i;
        workers[i].due = workers[i].trim_at = LEAT_NEVER;
        workers[i].poller = &pollers[i];
        workers[i].turn_ns = 10;
        pollers[i].sleep = sleep_until;
        pollers[i].wake = wake;
        model_check(leat__deque_init(&workers[i].fresh) == 0);
        model_check(leat__runq_init(&workers[i].runq) == 0);
    }
    it_ran = called = false;
    now = used = ran = 0;
}

/* A fiber that was started, of a class or none: in the place that leat__enqueue has for it. */
static int add(struct leat__worker *worker, uint16_t special)
{
    int i = used++; /* before others run */

    fibers[i].state = LEAT__FIBER_QUEUED;
    fibers[i].special = special;
    leat__enqueue(worker, &fibers[i]);
    return i;
}

enum { NORMAL = 0, HIGH = 1 + LEAT__CLASS_HIGH, LOW = 1 + LEAT__CLASS_LOW,
       PINNED = LEAT__FIBER_PINNED };

/* The kind of the fiber that runs in the worker's next turn; -1: none. */
static int turn(struct leat__worker *worker)
{
    struct leat__fiber *fiber;

    worker->turns_left++; /* as it goes down, its last bit and others alternate */
    fiber = leat__pick(worker);
    if (!fiber)
        return -1;
    model_check(++runs[fiber - fibers] == 1);
    ran++;
    return fiber->special;
}

static void end(void)
{
    for (int i = 0; i < used; i++)
        model_check(runs[i] == 1);
    for (int i = 0; i < WORKERS; i++)
        leat__deque_fini(&workers[i].fresh);
}

/* ---- one worker ---- */

MODEL_DRIVER(priority_high_goes_before_normal_before_low)
{
    begin();
    sched.alone = true;
    add(&workers[0], LOW);
    add(&workers[0], NORMAL);
    add(&workers[0], HIGH);
    model_check(turn(&workers[0]) == HIGH);
    model_check(turn(&workers[0]) == NORMAL);
    model_check(turn(&workers[0]) == LOW);
    model_check(turn(&workers[0]) == -1);
    end();
}

/* With a high one always there a normal one has one turn of NORMAL_AGE, and a low one comes when it
 * was passed over LOW_AGE times, not before. */
MODEL_DRIVER(priority_who_is_passed_over_gets_turns)
{
    int passed = 0, normal = 0, low = 0;

    begin();
    sched.alone = true;
    add(&workers[0], LOW);
    add(&workers[0], LOW);
    for (int i = 0; i < 4; i++)
        add(&workers[0], NORMAL);
    add(&workers[0], HIGH);
    for (int i = 1; i <= 12; i++) {
        int kind = turn(&workers[0]);

        if (kind == HIGH)
            add(&workers[0], HIGH);
        else if (kind == LOW)
            model_check(i == ++low * LEAT__LOW_AGE);
        else
            normal++;
        passed = kind == NORMAL ? 0 : passed + 1;
        model_check(passed <= LEAT__NORMAL_AGE);
    }
    model_check(low == 2 && normal <= 12 / LEAT__NORMAL_AGE);
    while (turn(&workers[0]) != -1)
        continue;
    end();
}

/* Pinned ones have every other turn that is left to normal ones. */
MODEL_DRIVER(priority_pinned_ones_have_their_turns)
{
    int kind, turns = 0;

    begin();
    sched.alone = true;
    for (int i = 0; i < 4; i++)
        add(&workers[0], NORMAL);
    add(&workers[0], HIGH);
    add(&workers[0], PINNED);
    while ((kind = turn(&workers[0])) != PINNED) {
        if (kind == HIGH)
            add(&workers[0], HIGH);
        model_check(++turns <= 2 * LEAT__NORMAL_AGE);
    }
    while (turn(&workers[0]) != -1)
        continue;
    end();
}

/* ---- two workers ---- */

static void take_turns(void *arg)
{
    struct leat__worker *worker = arg;

    add(worker, worker->face.index == 0 ? HIGH : LOW);
    for (int i = 0; i < 2; i++)
        (void)turn(worker);
}

/* Each of them may be run by either, once. */
MODEL_DRIVER(priority_two_workers_share_the_classes, .stale = 1)
{
    begin();
    add(&workers[0], HIGH);
    add(&workers[1], LOW);
    model_spawn(take_turns, &workers[0]);
    model_spawn(take_turns, &workers[1]);
    model_run();
    workers[0].special = true; /* as look_around says when it finds one there */
    while (turn(&workers[0]) != -1)
        continue;
    end();
    model_check(ran == 4);
}

/* ---- a computing worker and a sleeper ---- */

/* Awakes by its reactor, perhaps from a sleep in which nobody was awake, nor a sentinel. */
static void queue_one_and_compute(void *arg)
{
    struct leat__worker *worker = arg;

    while (!load_acquire(&called)) /* pairs with call */
        leat__idle(worker);
    leat__found(worker);
    add(worker, *(int *)worker->face.runtime);
    while (!load_acquire(&it_ran)) /* pairs with look_and_sleep */
        model_sleep();
}

static void call(void *arg)
{
    (void)arg;
    store_release(&called, true); /* pairs with queue_one_and_compute */
    wake(&pollers[0]);
}

static void look_and_sleep(void *arg)
{
    struct leat__worker *worker = arg;

    for (;;) {
        struct leat__fiber *fiber;

        worker->special |= leat__classes_wait(&sched); /* as look_around */
        fiber = leat__pick(worker);
        if (!fiber)
            fiber = leat__search(worker);
        if (fiber) {
            leat__found(worker);
            runs[fiber - fibers]++;
            store_release(&it_ran, true); /* pairs with queue_one_and_compute */
            model_wake(1); /* who computes */
            return;
        }
        leat__idle(worker);
    }
}

static void share_with_a_sleeper(int kind)
{
    begin();
    workers[0].face.runtime = &kind;
    model_spawn(queue_one_and_compute, &workers[0]);
    model_spawn(look_and_sleep, &workers[1]);
    model_spawn(call, NULL);
    model_run();
    end();
}

MODEL_DRIVER(priority_high_behind_a_long_turn_runs_elsewhere, .preemptions = 1, .stale = 1)
{
    share_with_a_sleeper(HIGH);
}

MODEL_DRIVER(priority_low_behind_a_long_turn_runs_elsewhere, .preemptions = 1, .stale = 1)
{
    share_with_a_sleeper(LOW);
}

/* As leat__start does from a thread that is no worker. */
static void hand_in(void *arg)
{
    (void)arg;
    used = 1;
    fibers[0].state = LEAT__FIBER_QUEUED;
    fibers[0].special = HIGH;
    leat__injector_push(&sched.classes[LEAT__CLASS_HIGH], &fibers[0].link);
    leat__wake_one(&sched);
}

MODEL_DRIVER(priority_high_from_outside_meets_a_worker_that_goes_to_sleep, .stale = 1)
{
    begin();
    sched.count = 1;
    sched.alone = true;
    leat__idle_init(&sched.idle, 1);
    model_spawn(look_and_sleep, &workers[0]);
    model_spawn(hand_in, NULL);
    model_run();
    end();
}
