/* SPDX-License-Identifier: MIT */
/* More moments of a few instructions: what has been beaten and still acts, a timer, a release or a
 * cancel, must not touch what comes after it. */
#include "sim/scenarios/scenario.h"

#define CROWD 100

/* For this many others' steps, about. */
static void let_others_step(void)
{
    for (uint32_t i = leat_sim_choose(8); i > 0; i--)
        leat_sim_point();
}

/* ---- timers of one instant, at which also comes what the tasks wait for ---- */

static struct leat_event events[CROWD];
static leat_time due;
static uint32_t count, ended;

static int waits_for_either(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    leat_time when;
    int err;

    {
        LEAT_SCOPE(limit, .deadline = due);

        err = leat_event_wait(&events[me]);
    }
    leat_sim_expect(err == 0 || (err == -ETIMEDOUT && leat_now() >= due));
    for (int i = 0; i < 2; i++) {
        when = leat_after((leat_time)(1 + leat_sim_choose(2000)) * LEAT_USEC);
        leat_sim_expect(leat_sleep_until(when) == 0); /* and no timer from before ends that */
        leat_sim_expect(leat_now() >= when);
        leat_sim_expect(leat_now() < when + LEAT_SEC);
    }
    ended++;
    return 0;
}

static int sets_some(void *arg)
{
    uint32_t first = (uint32_t)(uintptr_t)arg;

    leat_sim_expect(leat_sleep_until(due - (leat_time)leat_sim_choose(30) * LEAT_USEC) == 0);
    for (uint32_t i = first; i < count; i += 3)
        leat_event_set(&events[i]);
    return 0;
}

SCENARIO(timers_that_come_too_late)
{
    memset(events, 0, sizeof events);
    count = leat_sim_size();
    ended = 0;
    due = leat_now() + (leat_time)(1 + leat_sim_choose(400)) * 50 * LEAT_MSEC;
    LEAT_SCOPE(scope);
    for (uintptr_t i = 0; i < count; i++)
        leat_sim_expect(leat_spawn(&scope, waits_for_either, (void *)i) == 0);
    for (uintptr_t i = 0; i < 3; i++)
        leat_sim_expect(leat_spawn(&scope, sets_some, (void *)i) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(ended == count);
}

/* ---- a release for those who wait, who have just left ---- */

static struct leat_semaphore semaphore;

static int leaves_soon(void *arg)
{
    int err;
    LEAT_LIMIT((leat_time)leat_sim_choose(60) * LEAT_USEC);

    (void)arg;
    err = leat_semaphore_acquire(&semaphore, 2);
    leat_sim_expect(err == 0 || err == -ETIMEDOUT);
    if (err == 0)
        leat_semaphore_release(&semaphore, 2);
    return 0;
}

static int passes_by(void *arg)
{
    (void)arg;
    for (int i = 0; i < 30; i++) {
        if (leat_semaphore_try_acquire(&semaphore, 1) == 0) {
            let_others_step();
            leat_semaphore_release(&semaphore, 1);
        }
        leat_yield();
    }
    return 0;
}

SCENARIO(releases_that_come_too_late)
{
    for (uint32_t i = 1 + leat_sim_size() / 4; i > 0; i--) {
        leat_semaphore_init(&semaphore, 3);
        {
            LEAT_SCOPE(scope);

            leat_sim_expect(leat_semaphore_acquire(&semaphore, 2) == 0);
            leat_sim_expect(leat_spawn(&scope, leaves_soon, NULL) == 0);
            leat_sim_expect(leat_spawn(&scope, passes_by, NULL) == 0);
            (void)leat_sleep((leat_time)leat_sim_choose(60) * LEAT_USEC);
            leat_semaphore_release(&semaphore, 1);
            let_others_step();
            leat_semaphore_release(&semaphore, 1);
            leat_sim_expect(leat_scope_join(&scope) == 0);
        }
        leat_sim_expect(leat_semaphore_available(&semaphore) == 3);
    }
}

/* ---- a set for one who waited, has just left, and looks again ---- */

static struct leat_event bell;
static leat_time moment;

static int leaves_and_looks_again(void *arg)
{
    int err;

    (void)arg;
    {
        LEAT_SCOPE(limit, .deadline = moment);

        err = leat_event_wait(&bell);
    }
    leat_sim_expect(err == 0 || err == -ETIMEDOUT);
    for (int i = 0; i < 200 && !leat_event_is_set(&bell); i++)
        leat_sim_point();
    leat_sim_expect(leat_event_wait(&bell) == 0);
    bury(&bell, sizeof bell);
    return 0;
}

static int sets_at_that_moment(void *arg)
{
    (void)arg;
    leat_sim_expect(leat_sleep_until(moment) == 0);
    let_others_step();
    leat_event_set(&bell);
    return 0;
}

SCENARIO(sets_that_come_too_late)
{
    for (uint32_t i = 1 + leat_sim_size() / 4; i > 0; i--) {
        memset(&bell, 0, sizeof bell);
        moment = leat_now() + LEAT_MSEC;
        {
            LEAT_SCOPE(scope);

            leat_sim_expect(leat_spawn(&scope, leaves_and_looks_again, NULL) == 0);
            leat_sim_expect(leat_spawn(&scope, sets_at_that_moment, NULL) == 0);
            leat_sim_expect(leat_scope_join(&scope) == 0);
        }
        leat_sim_expect(is_at_rest(&bell, sizeof bell));
    }
}

/* ---- a cancel of a task that ends, and whose stack then is another's ---- */

static int is_cancelled(void *arg)
{
    (void)arg;
    if (leat_sim_choose(2))
        (void)leat_sleep((leat_time)leat_sim_choose(20) * LEAT_USEC);
    let_others_step();
    return 0;
}

static int lives_where_it_was(void *arg)
{
    volatile unsigned char mine[2048];

    (void)arg;
    for (size_t i = 0; i < sizeof mine; i++)
        mine[i] = GRAVE;
    let_others_step();
    for (size_t i = 0; i < sizeof mine; i++)
        leat_sim_expect(mine[i] == GRAVE);
    return 0;
}

SCENARIO(cancels_that_come_too_late)
{
    for (uint32_t i = 1 + leat_sim_size() / 4; i > 0; i--) {
        struct leat_task task;
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn_handle(&scope, &task, is_cancelled, NULL, NULL) == 0);
        spawn_many(&scope, 3, lives_where_it_was, NULL);
        let_others_step();
        if (leat_sim_choose(2))
            (void)leat_sleep((leat_time)leat_sim_choose(20) * LEAT_USEC);
        leat_sim_expect(leat_task_cancel(task) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
}
