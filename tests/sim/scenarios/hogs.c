/* SPDX-License-Identifier: MIT */
/* Tasks that compute and never suspend: what is queued behind them runs elsewhere while a worker is
 * free, pinned tasks run as soon as theirs is, and a wheel of hundreds of timers that are due at
 * once fires each, however many are taken off it meanwhile. (Timers behind a hog: reliefs.c) */
#include "sim/scenarios/scenario.h"

static uint32_t ended;
static leat_time until;

/* ---- with a worker to spare nobody waits for as long as the hog computes ---- */

static int hogs(void *arg)
{
    leat_sim_compute((leat_time)(uintptr_t)arg);
    ended++;
    return 0;
}

#define HOG_NS  (60 * LEAT_MSEC)
#define LOOK_NS LEAT_MSEC /* between two looks of a sentinel */

/* How long may what is queued behind hogs wait, with a worker to spare? The sentinel sees at the
 * second look that a worker stands still, and each look takes half of what is queued there (some
 * take it all, at once). Where who took it becomes a hog in its turn, the next one has to see that.
 * One look more for what the looks themselves take, up to a hundred of them side by side. */
static leat_time patience(uint32_t queued, uint32_t hogs_in_turn)
{
    uint32_t looks = 1 + 2 * hogs_in_turn;

    for (; queued > 0; queued /= 2)
        looks++;
    return (leat_time)looks * LOOK_NS;
}

static leat_time asked_at[101], longest;

static int answers(void *arg)
{
    leat_time waited = leat_now() - asked_at[(uintptr_t)arg];

    longest = waited > longest ? waited : longest;
    ended++;
    return 0;
}

/* Queues work behind itself, in either queue, and then computes for long. */
static int queue_and_hog(uint32_t count, enum leat_priority priority)
{
    LEAT_SCOPE(scope);

    for (uintptr_t i = 0; i < count; i++) {
        asked_at[i] = leat_now();
        (void)leat_spawn_opt(&scope, answers, (void *)i,
                             LEAT_TASK_OPTIONS(.priority = priority));
        if (leat_sim_choose(8) == 0)
            leat_yield();
    }
    leat_sim_compute(HOG_NS);
    return leat_scope_join(&scope);
}

static int queues_and_hogs(void *arg)
{
    return queue_and_hog((uint32_t)(uintptr_t)arg, (enum leat_priority)leat_sim_choose(3));
}

static int short_turns(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 20; i++)
        leat_yield();
    return 0;
}

static int idles(void *arg)
{
    (void)arg;
    while (leat_now() < until)
        if (leat_sleep((leat_time)(1 + leat_sim_choose(2000)) * LEAT_USEC) != 0)
            break;
    return 0;
}

static unsigned worker_count(void)
{
    struct leat_stats stats;

    leat_sim_expect(leat_stats_read(&stats) == 0);
    return stats.workers;
}

/* What is promised is time, so the machine is one that is fair to its threads. */
SCENARIO_OF(work_behind_a_hog, .seeds = 200,
            .with = "strategy=0,interval=2,tick=50")
{
    uint32_t count = 1 + leat_sim_size() / 4;

    ended = 0;
    longest = 0;
    until = leat_now() + HOG_NS;
    LEAT_SCOPE(scope);
    spawn_many(&scope, leat_sim_choose(4), idles, NULL);
    spawn_many(&scope, leat_sim_choose(4), short_turns, NULL);
    leat_sim_expect(leat_spawn(&scope, queues_and_hogs, (void *)(uintptr_t)count) == 0);
    if (leat_sim_choose(2))
        (void)leat_sleep((leat_time)leat_sim_choose(1000) * LEAT_USEC);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == count);
    if (worker_count() > 1)
        leat_sim_expect(longest < patience(count, 1));
}

/* ---- and likewise where those who came for it become hogs themselves ---- */

static uint32_t asked, chain;

static int hogs_and_calls_another(void *arg)
{
    uint32_t left = (uint32_t)(uintptr_t)arg;
    LEAT_SCOPE(scope);

    for (uint32_t i = 1 + leat_sim_choose(3); i > 0 && asked < 101; i--) {
        asked_at[asked] = leat_now();
        (void)leat_spawn(&scope, answers, (void *)(uintptr_t)asked++);
    }
    if (left > 1)
        (void)leat_spawn(&scope, hogs_and_calls_another, (void *)(uintptr_t)(left - 1));
    leat_sim_compute(HOG_NS);
    return leat_scope_join(&scope);
}

SCENARIO_OF(hogs_in_a_chain, .seeds = 200, .with = "strategy=0,interval=2,tick=50")
{
    ended = asked = 0;
    longest = 0;
    chain = 1 + leat_sim_choose(4);
    if (chain >= worker_count())
        chain = worker_count() > 1 ? worker_count() - 1 : 1;
    LEAT_SCOPE(scope);
    (void)leat_sleep((leat_time)leat_sim_choose(3) * LEAT_MSEC);
    leat_sim_expect(leat_spawn(&scope, hogs_and_calls_another, (void *)(uintptr_t)chain) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == asked);
    if (worker_count() > chain)
        leat_sim_expect(longest < patience(asked, chain));
}

/* ---- and where the sentinel gets work of its own, at the moment in which a hog begins ---- */

static leat_time meeting;

/* On a worker of its own, or nearly so, by the time of the meeting. */
static int comes_to_the_meeting(void *arg)
{
    bool computes = arg != NULL;

    leat_sim_compute(5 * LEAT_MSEC);
    leat_sim_expect(leat_sleep_until(meeting - (leat_time)leat_sim_choose(3) * 50 * LEAT_USEC) ==
                    0);
    if (computes)
        leat_sim_compute(HOG_NS);
    return 0;
}

SCENARIO_OF(sentinels_with_work, .seeds = 200, .with = "tick=50,watch=0")
{
    uint32_t workers = worker_count(), count = 1 + leat_sim_choose(4);
    uint32_t computing = workers > 2 ? 1 + leat_sim_choose(workers - 2) : 0;
    LEAT_SCOPE(scope);

    ended = 0;
    longest = 0;
    meeting = leat_now() + 100 * LEAT_MSEC;
    for (uintptr_t i = 0; i < workers - 1; i++)
        leat_sim_expect(leat_spawn(&scope, comes_to_the_meeting,
                                   i < computing ? &meeting : NULL) == 0);
    leat_sim_expect(leat_sleep_until(meeting - 20 * LEAT_MSEC) == 0);
    for (uint32_t i = 0; i < 400; i++) /* our worker's turns are short by now */
        leat_yield();
    leat_sim_expect(leat_sleep_until(meeting - (leat_time)leat_sim_choose(3) * 50 * LEAT_USEC) ==
                    0);
    leat_sim_expect(leat_spawn(&scope, queues_and_hogs, (void *)(uintptr_t)count) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == count);
    if (workers > computing + 1)
        leat_sim_expect(longest < patience(count, 2));
}

/* ---- and where it stands in the slot of the one who is to be next ---- */

static struct leat_event call;

static int answers_a_call(void *arg)
{
    leat_sim_expect(leat_event_wait(&call) == 0);
    return answers(arg);
}

/* Its turns are short until it calls, when all others may be asleep, or about to compute. */
static int calls_and_hogs(void *arg)
{
    (void)arg;
    for (uint32_t i = leat_sim_choose(2) * 400; i > 0; i--)
        leat_yield();
    leat_sim_expect(leat_sleep_until(meeting - (leat_time)leat_sim_choose(3) * 50 * LEAT_USEC) ==
                    0);
    asked_at[0] = leat_now();
    leat_event_set(&call);
    leat_sim_compute(HOG_NS);
    return 0;
}

static void call_behind_a_hog(uint32_t computing)
{
    LEAT_SCOPE(scope);

    ended = 0;
    longest = 0;
    memset(&call, 0, sizeof call);
    meeting = leat_now() + 100 * LEAT_MSEC;
    spawn_many(&scope, computing, comes_to_the_meeting, &meeting);
    leat_sim_expect(leat_spawn(&scope, answers_a_call, NULL) == 0);
    leat_sim_expect(leat_sleep(10 * LEAT_MSEC) == 0);
    leat_sim_expect(leat_spawn(&scope, calls_and_hogs, NULL) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == 1);
    if (worker_count() > computing + 1)
        leat_sim_expect(longest < patience(1, 2));
}

/* All others sleep. */
SCENARIO_OF(a_slot_behind_the_only_hog, .seeds = 200, .with = "tick=50,watch=0,barrier=1")
{
    call_behind_a_hog(0);
}

/* Who else awakes may take the only one who was asked to look; then the watching thread asks. */
SCENARIO_OF(a_slot_behind_a_hog, .seeds = 200, .with = "tick=50,watch=1,barrier=1")
{
    uint32_t workers = worker_count();

    call_behind_a_hog(workers > 2 ? leat_sim_choose(workers - 1) : 0);
}

/* ---- and where nobody ever is free: who always has something to run looks beside itself ---- */

static int gives_way(void *arg)
{
    (void)arg;
    while (leat_now() < until) {
        leat_sim_compute((leat_time)(1 + leat_sim_choose(200)) * LEAT_USEC);
        leat_yield();
    }
    return 0;
}

/* None of low priority, which has one turn of 256. */
static int queues_normal_and_hogs(void *arg)
{
    return queue_and_hog((uint32_t)(uintptr_t)arg, leat_sim_choose(2) ? LEAT_PRIORITY_HIGH
                                                                      : LEAT_PRIORITY_NORMAL);
}

SCENARIO_OF(a_hog_among_busy_workers, .seeds = 100, .with = "strategy=0,interval=2,tick=50")
{
    uint32_t count = 1 + leat_sim_size() / 4;
    LEAT_SCOPE(scope);

    ended = 0;
    longest = 0;
    until = leat_now() + 2 * HOG_NS;
    spawn_many(&scope, 3 * worker_count(), gives_way, NULL);
    leat_sim_expect(leat_sleep((leat_time)leat_sim_choose(20) * LEAT_MSEC) == 0);
    leat_sim_expect(leat_spawn(&scope, queues_normal_and_hogs, (void *)(uintptr_t)count) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == count);
    if (worker_count() > 1)
        leat_sim_expect(longest < HOG_NS / 2);
}

/* ---- pinned tasks stay where they are ---- */

static int pinned_visits(void *arg)
{
    int worker = leat_worker();

    (void)arg;
    for (uint32_t i = 0; i < 1 + leat_sim_size() / 4; i++) {
        dwell();
        leat_sim_expect(leat_worker() == worker);
    }
    ended++;
    return 0;
}

SCENARIO(pinned)
{
    uint32_t count = 1 + leat_sim_size() / 4;

    ended = 0;
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < count; i++)
            leat_sim_expect(leat_spawn_opt(&scope, pinned_visits, NULL,
                                           LEAT_TASK_OPTIONS(.pinned = true)) == 0);
        for (uint32_t i = leat_sim_choose(3); i > 0; i--, count++)
            leat_sim_expect(leat_spawn(&scope, hogs, (void *)(uintptr_t)LEAT_MSEC) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(ended == count);
}

/* ---- hundreds of timers of one instant, of which some are taken off again ---- */

#define CROWD 400

static struct leat_task crowd[CROWD];
static bool cancelled[CROWD];
static leat_time due;
static uint32_t late_of; /* one of so many sleeps for longer */

static int sleeps_with_the_others(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    leat_time when = due + (leat_time)(leat_sim_choose(late_of) == 0) * 20 * LEAT_SEC;
    int err = leat_sleep_until(when);

    leat_sim_expect(err == 0 || (err == -ECANCELED && cancelled[me]));
    if (!err) {
        leat_sim_expect(leat_now() >= when);
        leat_sim_expect(leat_now() < when + LEAT_SEC);
    }
    ended++;
    return 0;
}

SCENARIO(timers_of_one_instant)
{
    uint32_t count = leat_sim_choose(4) ? 4 * leat_sim_size() : CROWD;
    uint32_t out = leat_sim_choose(3) * leat_sim_choose(count);
    enum leat_priority priority = (enum leat_priority)leat_sim_choose(3);

    ended = 0;
    late_of = leat_sim_choose(2) ? 2 : 50;
    memset(cancelled, 0, sizeof cancelled);
    due = leat_now() + (leat_time)(1 + leat_sim_choose(400)) * 50 * LEAT_MSEC;
    LEAT_SCOPE(scope);
    for (uintptr_t i = 0; i < count; i++)
        leat_sim_expect(leat_spawn_handle(&scope, &crowd[i], sleeps_with_the_others, (void *)i,
                                          LEAT_TASK_OPTIONS(.priority = priority)) == 0);
    leat_sim_expect(leat_sleep(LEAT_MSEC) == 0);
    switch (leat_sim_choose(3)) {
    case 0: leat_sim_expect(leat_sleep_until(due - LEAT_MSEC) == 0); break; /* they are spread */
    case 1: leat_sim_expect(leat_sleep_until(due) == 0); break; /* some of them have fired */
    default: break;
    }
    for (uint32_t i = 0; i < out; i++) {
        uint32_t which = leat_sim_choose(count);

        cancelled[which] = true;
        leat_sim_expect(leat_task_cancel(crowd[which]) == 0);
        if (leat_sim_choose(16) == 0)
            leat_yield();
    }
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == count);
}
