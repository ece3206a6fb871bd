/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/idle.c lockfree/lock.c lockfree/injector.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Parking: the worker loop of idle.h's head comment on the real injector and run queues. A wake
 * that is lost shows as a deadlock: all workers asleep and an item queued. */
#include "items.h"
#include "lockfree/idle.h"
#include "lockfree/injector.h"

static struct leat__idle idle;
static struct leat__injector injector;
static int left; /* items not run yet */
static int thread_of[2];

static void wake_one(void)
{
    int w = leat__idle_pick(&idle);

    if (w >= 0)
        model_wake(thread_of[w]);
}

static void submit(int i)
{
    leat__injector_push(&injector, item_make(i));
    if (leat__idle_should_wake(&idle))
        wake_one();
}

static struct leat__link *find(void)
{
    struct leat__batch batch = { 0 };

    return leat__injector_pop_batch(&injector, 1, &batch) ? batch.first : NULL;
}

/* Runs an item; the last one to be run sends all workers home. */
static void run(struct leat__link *link)
{
    item_take(link);
    if (--left == 0)
        for (int w = 0; w < 2; w++)
            if (thread_of[w])
                model_wake(thread_of[w]);
}

static void work(void *arg)
{
    uint32_t self = (uint32_t)(intptr_t)arg;
    bool searching = false;

    while (left > 0) {
        struct leat__link *link = NULL;

        if (!searching)
            searching = leat__idle_start_search(&idle);
        if (searching && (link = find())) {
            searching = false;
            if (leat__idle_end_search(&idle) && leat__injector_len(&injector) > 0)
                wake_one();
            run(link);
            continue;
        }
        if (!leat__idle_sleep(&idle, self, searching) || leat__injector_len(&injector) == 0)
            if (left > 0)
                model_sleep();
        searching = !leat__idle_leave(&idle, self);
    }
}

static void submit_one(void *arg)
{
    submit((int)(intptr_t)arg);
}

static void submit_two(void *arg)
{
    submit((int)(intptr_t)arg);
    submit((int)(intptr_t)arg + 1);
}

static void reset(uint32_t workers, int n)
{
    items_reset();
    memset(&injector, 0, sizeof injector);
    leat__idle_init(&idle, workers);
    left = n;
    thread_of[0] = thread_of[1] = 0;
}

MODEL_DRIVER(idle_one_worker_sees_every_submit, .preemptions = 3)
{
    reset(1, 2);
    thread_of[0] = model_spawn(work, (void *)0);
    model_spawn(submit_two, (void *)0);
    model_run();
    items_check_taken(2);
}

MODEL_DRIVER(idle_one_worker_two_submitters)
{
    reset(1, 2);
    thread_of[0] = model_spawn(work, (void *)0);
    model_spawn(submit_one, (void *)0);
    model_spawn(submit_one, (void *)1);
    model_run();
    items_check_taken(2);
}

MODEL_DRIVER(idle_two_workers_see_every_submit, .stale = 1)
{
    reset(2, 2);
    thread_of[0] = model_spawn(work, (void *)0);
    thread_of[1] = model_spawn(work, (void *)1);
    model_spawn(submit_two, (void *)0);
    model_run();
    items_check_taken(2);
}

/* Item 0 does not end before item 1 was run: whoever runs 0 can't run 1, so if the other worker
 * sleeps beside item 1, nobody ever does. */
static int hog_wants;

static void work_with_hog(void *arg)
{
    uint32_t self = (uint32_t)(intptr_t)arg;
    bool searching = false;

    while (left > 0) {
        struct leat__link *link = NULL;

        if (!searching)
            searching = leat__idle_start_search(&idle);
        if (searching && (link = find())) {
            searching = false;
            if (leat__idle_end_search(&idle))
                wake_one();
            if (item_take(link) == 0) {
                hog_wants = model_self();
                while (items[1].takers == 0)
                    model_sleep();
            } else if (hog_wants) {
                model_wake(hog_wants);
            }
            if (--left == 0)
                model_wake(thread_of[1 - self]);
            continue;
        }
        if (!leat__idle_sleep(&idle, self, searching) || leat__injector_len(&injector) == 0)
            if (left > 0)
                model_sleep();
        searching = !leat__idle_leave(&idle, self);
    }
}

MODEL_DRIVER(idle_no_worker_sleeps_beside_an_item_behind_a_hog, .stale = 1)
{
    reset(2, 2);
    hog_wants = 0;
    thread_of[0] = model_spawn(work_with_hog, (void *)0);
    thread_of[1] = model_spawn(work_with_hog, (void *)1);
    model_spawn(submit_two, (void *)0);
    model_run();
    items_check_taken(2);
}

/* A timer and a submitter wake the same worker: it is taken off the list exactly once. */
static int picked, left_list;

static void sleep_once(void *arg)
{
    (void)arg;
    (void)leat__idle_sleep(&idle, 0, false);
    model_sleep();
    left_list = leat__idle_leave(&idle, 0);
}

static void pick_once(void *arg)
{
    (void)arg;
    picked += leat__idle_pick(&idle) == 0;
}

static void ring(void *arg)
{
    (void)arg;
    model_wake(thread_of[0]);
}

MODEL_DRIVER(idle_worker_is_picked_or_leaves_never_both)
{
    reset(1, 1);
    picked = 0;
    thread_of[0] = model_spawn(sleep_once, NULL);
    model_spawn(pick_once, NULL);
    model_spawn(pick_once, NULL);
    model_spawn(ring, NULL);
    model_run();
    model_check(picked + left_list == 1);
    model_check(leat__idle_count_awake(&idle) == 1);
    model_check((int)leat__idle_searching(load_relaxed(&idle.word)) == picked);
}
