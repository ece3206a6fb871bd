/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c lockfree/idle.c lockfree/injector.c lockfree/deque.c
 * model: sources lockfree/runq.c lockfree/slot.c sched/idle.c sched/search.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RUNQ_SLOTS=4u -DLEAT__DEQUE_SLOTS=2u
 * model: flags -DLEAT__SPIN_PAUSES=0 -DLEAT__WATCH_PAUSES=2
 *
 * When workers offer, search, stand sentinel and sleep: a loop as worker.c's over the real queues.
 * A fiber behind a long turn is taken by somebody who sleeps, whatever the owner thought it worth,
 * and one that is handed over is run, whether its worker watches for it, searches or sleeps; a
 * violation shows as a deadlock. Time goes by when somebody's sleep ends by it. */
#include <string.h>

#include "model.h"
#include "platform/clock.h"
#include "sched/worker.h"

enum { WORKERS = 3, FIBERS = 3, HOG = 0, SHORT = 1, OTHER_HOG = 2 };

static struct leat__sched sched;
static struct leat__worker workers[WORKERS];
static struct leat__poller pollers[WORKERS];
static struct leat__fiber fibers[FIBERS];
static leat_time now;
static bool completed[FIBERS]; /* a hog is readied by a reactor: worker 1's the other one, worker
                                  0's the first one */
static bool short_ran;
static bool in_slot; /* where the hog puts the short fiber; else in its queue */
static int hogs[WORKERS], runs[FIBERS], left;

/* ---- the rooms below, played ---- */

leat_time leat__clock_now(void)
{
    return now += 11 * LEAT_USEC; /* longer than a search looks on */
}

struct leat__worker *leat__worker_current(void)
{
    int i = model_self() - 1;

    return i >= 0 && i < (int)sched.count ? &workers[i] : NULL;
}

void leat__keep_fresh(struct leat__worker *worker, struct leat__fiber *fiber)
{
    model_check(leat__deque_push(&worker->fresh, &fiber->link, NULL));
}

void leat__enqueue(struct leat__worker *worker, struct leat__fiber *fiber)
{
    model_check(leat__runq_push(&worker->runq, &fiber->link));
}

struct leat__fiber *leat__handed(struct leat__worker *worker)
{
    struct leat__link *item;

    leat__inbox_take(&worker->inbox, &worker->pinned);
    item = leat__batch_pop(&worker->pinned);
    model_check(item);
    return (struct leat__fiber *)(void *)item;
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

/* ---- workers ---- */

static void stop(void)
{
    store_release(&sched.stopping, true);
    for (unsigned i = 0; i < sched.count; i++)
        wake(&pollers[i]);
}

/* A turn that lasts until somebody ran the short fiber. */
static void compute(void)
{
    while (!short_ran) {
        hogs[model_self() - 1] = 1;
        model_sleep();
        hogs[model_self() - 1] = 0;
    }
}

/* As leat__ready_on, or as leat__enqueue. */
static void queue_short(struct leat__worker *worker)
{
    if (!in_slot) {
        model_check(leat__runq_push(&worker->runq, &fibers[SHORT].link));
        leat__offer(worker);
        return;
    }
    model_check(!leat__slot_swap(&worker->lifo, &fibers[SHORT]));
    if (load_relaxed(&sched.asks)) /* relaxed: as in park.c */
        leat__offer_slot(worker);
}

static void run(struct leat__worker *worker, struct leat__fiber *fiber)
{
    int i = (int)(fiber - fibers);

    leat__probe_count(&worker->face.probe.switches);
    runs[i]++;
    if (i == HOG) {
        queue_short(worker);
        compute();
    } else if (i == OTHER_HOG) {
        compute();
    } else {
        short_ran = true;
        for (int w = 0; w < WORKERS; w++)
            if (hogs[w])
                model_wake(w + 1);
    }
    if (--left == 0)
        stop();
}

static struct leat__worker *worker_of(int hog)
{
    return &workers[hog == HOG ? 0 : 1];
}

static struct leat__fiber *look_around(struct leat__worker *worker)
{
    struct leat__link *item = NULL;

    if (leat__slot_peek(&worker->lifo))
        item = leat__slot_take(&worker->lifo);
    if (!item)
        item = leat__runq_pop(&worker->runq);
    if (!item)
        item = leat__deque_take_oldest(&worker->fresh, false);
    if (!item)
        item = leat__batch_pop(&worker->pinned);
    if (item)
        return (struct leat__fiber *)(void *)item;
    if (!leat__inbox_is_empty(&worker->inbox))
        return leat__handed(worker);
    for (int i = 0; i < FIBERS; i++)
        if (completed[i] && worker == worker_of(i)) {
            completed[i] = false;
            return &fibers[i];
        }
    return NULL;
}

static void work(void *arg)
{
    struct leat__worker *worker = arg;

    for (;;) {
        struct leat__fiber *fiber = worker->next;

        worker->next = NULL;
        if (!fiber && worker->watches)
            fiber = leat__watch_inbox(worker);
        if (!fiber)
            fiber = look_around(worker);
        if (!fiber && load_relaxed(&sched.stopping)) /* relaxed: as in worker.c */
            return;
        if (!fiber)
            fiber = leat__search(worker);
        if (!fiber) {
            leat__idle(worker);
            continue;
        }
        leat__found(worker);
        run(worker, fiber);
    }
}

static void complete(void *arg)
{
    int hog = (int)(intptr_t)arg;

    completed[hog] = true;
    wake(worker_of(hog)->poller);
}

static void complete_both(void *arg)
{
    (void)arg;
    complete((void *)(intptr_t)HOG);
    complete((void *)(intptr_t)OTHER_HOG);
}

static void hand_over(int fiber)
{
    if (leat__inbox_push(&workers[0].inbox, &fibers[fiber].link))
        wake(workers[0].poller);
}

static void hand_over_two(void *arg)
{
    (void)arg;
    hand_over(SHORT);
    hand_over(OTHER_HOG);
}

static void hand_over_hog(void *arg)
{
    (void)arg;
    hand_over(HOG);
}

static void reset(unsigned count, leat_time turn)
{
    memset(&sched, 0, sizeof sched);
    memset(workers, 0, sizeof workers);
    memset(fibers, 0, sizeof fibers);
    memset(runs, 0, sizeof runs);
    memset(hogs, 0, sizeof hogs);
    sched.workers = workers;
    sched.count = count;
    sched.relief = true;
    leat__idle_init(&sched.idle, count);
    for (unsigned i = 0; i < count; i++) {
        workers[i].sched = &sched;
        workers[i].face.index = i;
        workers[i].due = workers[i].trim_at = LEAT_NEVER;
        workers[i].poller = &pollers[i];
        workers[i].turn_ns = turn;
        leat__random_init(&workers[i].random, i);
        pollers[i].sleep = sleep_until;
        pollers[i].wake = wake;
        model_check(leat__deque_init(&workers[i].fresh) == 0);
        model_check(leat__runq_init(&workers[i].runq) == 0);
    }
    for (int i = 0; i < FIBERS; i++)
        fibers[i].state = LEAT__FIBER_QUEUED;
    workers[0].next = &fibers[HOG];
    memset(completed, 0, sizeof completed);
    short_ran = in_slot = false;
    now = 0;
    left = 2;
}

static void check_ran(int fibers_run)
{
    for (int i = 0; i < fibers_run; i++)
        model_check(runs[i] == 1);
    for (unsigned i = 0; i < sched.count; i++)
        leat__deque_fini(&workers[i].fresh);
}

MODEL_DRIVER(sched_long_turns_are_offered, .stale = 1)
{
    reset(2, LEAT__WAKE_NS);
    model_spawn(work, &workers[0]);
    model_spawn(work, &workers[1]);
    model_run();
    check_ran(2);
}

MODEL_DRIVER(sched_sentinel_takes_what_was_not_offered, .stale = 1)
{
    reset(2, 10);
    model_spawn(work, &workers[0]);
    model_spawn(work, &workers[1]);
    model_run();
    check_ran(2);
}

MODEL_DRIVER(sched_sentinel_of_two_sleepers_takes_what_was_not_offered, .preemptions = 1,
             .stale = 1)
{
    reset(3, 10);
    for (int i = 0; i < 3; i++)
        model_spawn(work, &workers[i]);
    model_run();
    check_ran(2);
}

/* The same from its LIFO slot, where others never look while turns are short. */
MODEL_DRIVER(sched_sentinel_takes_from_the_slot, .stale = 1)
{
    reset(2, 10);
    in_slot = true;
    model_spawn(work, &workers[0]);
    model_spawn(work, &workers[1]);
    model_run();
    check_ran(2);
}

/* All sleep when the hog awakes, so there is no sentinel. */
MODEL_DRIVER(sched_slot_of_who_awakes_is_taken, .preemptions = 1, .stale = 1)
{
    reset(2, 10);
    in_slot = true;
    workers[0].next = NULL;
    model_spawn(work, &workers[0]);
    model_spawn(work, &workers[1]);
    model_spawn(complete, (void *)(intptr_t)HOG);
    model_run();
    check_ran(2);
}

MODEL_DRIVER(sched_slot_is_taken_though_the_sentinel_gets_work, .preemptions = 1, .stale = -1,
             .long_run = true)
{
    reset(3, 10);
    in_slot = true;
    left = 3;
    for (int i = 0; i < 3; i++)
        model_spawn(work, &workers[i]);
    model_spawn(complete, (void *)(intptr_t)OTHER_HOG);
    model_run();
    check_ran(3);
}

/* Worker 1 gets a long turn of its own while it stands sentinel: the third one must go on. No old
 * values: see O3 in sched/idle.c. */
MODEL_DRIVER(sched_sentinel_with_work_of_its_own_is_relieved, .preemptions = 1, .stale = -1,
             .long_run = true)
{
    reset(3, 10);
    left = 3;
    for (int i = 0; i < 3; i++)
        model_spawn(work, &workers[i]);
    model_spawn(complete, (void *)(intptr_t)OTHER_HOG);
    model_run();
    check_ran(3);
}

/* The same of one that was woken to search, and with all asleep there is no sentinel. */
MODEL_DRIVER(sched_searcher_with_work_of_its_own_is_relieved, .preemptions = 1, .stale = -1,
             .long_run = true)
{
    reset(3, 10);
    workers[0].next = NULL;
    left = 3;
    for (int i = 0; i < 3; i++)
        model_spawn(work, &workers[i]);
    model_spawn(complete_both, NULL);
    model_run();
    check_ran(3);
}

/* A worker that watches from the start on, and one that comes to it by a search. */
static void be_handed(bool watches)
{
    reset(2, 10);
    workers[0].next = NULL;
    workers[0].watches = watches;
    short_ran = true;
    model_spawn(work, &workers[0]);
    model_spawn(work, &workers[1]);
    model_spawn(hand_over_two, NULL);
    model_run();
    model_check(runs[HOG] == 0 && runs[SHORT] == 1 && runs[OTHER_HOG] == 1);
    check_ran(0);
}

MODEL_DRIVER(sched_handed_to_who_watches, .preemptions = 1, .stale = 1)
{
    be_handed(true);
}

MODEL_DRIVER(sched_handed_to_who_searches, .preemptions = 1, .stale = 1)
{
    be_handed(false);
}

/* Others rely on a search that ends so. */
MODEL_DRIVER(sched_searcher_that_is_handed_work_is_relieved, .preemptions = 1, .stale = 1)
{
    reset(2, 10);
    workers[0].next = NULL;
    model_spawn(work, &workers[0]);
    model_spawn(work, &workers[1]);
    model_spawn(hand_over_hog, NULL);
    model_run();
    check_ran(2);
}
