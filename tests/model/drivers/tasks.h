/* SPDX-License-Identifier: MIT */
/* tasks.h: model threads as tasks and plain threads, for what stands on task/wait.h. The rooms
 * below task are played here: the scheduler's two verbs by the model's, the clock stands still
 * unless a driver moves tasks_clock, and a timer fires when a thread of the driver says so. A
 * driver of the real wheel defines TASKS_WHEEL and has one wheel for all, `wheel`. */
#ifndef LEAT_MODEL_TASKS_H
#define LEAT_MODEL_TASKS_H

#include <string.h>

#include "model.h"
#include "platform/clock.h"
#include "task/held.h"
#include "task/runtime.h"
#include "task/task.h"
#include "task/waitlist.h"

enum { TASKS = 5 }; /* 0 is the body */

static struct leat__self selves[TASKS];
static struct leat__seat seats[TASKS];
static struct leat__task played[TASKS]; /* waiters and fibers of those that are tasks */
static struct leat__sleeper sleepers[TASKS]; /* and of those that are plain threads */
static struct leat__timer *armed[TASKS]; /* whose wait has a deadline */
static struct leat__runtime runtime;
static struct leat__worker_face faces[TASKS];
static struct leat__inside insides[TASKS];
static leat_time tasks_clock;
#ifdef TASKS_WHEEL
static struct leat__wheel wheel;
#endif

/* Do threads look on before they wait? Once each time, so all is tried from too early on. */
static bool tasks_watch;

/* In the body: all are tasks, in scope, or outside of any (NULL). */
static inline void tasks_reset(struct leat__scope *scope)
{
    memset(selves, 0, sizeof selves);
    memset(seats, 0, sizeof seats);
    memset(armed, 0, sizeof armed);
    tasks_clock = 0;
    tasks_watch = false;
    for (int i = 0; i < TASKS; i++) {
        memset(&played[i], 0, sizeof played[i]);
        selves[i].waiter = &played[i].waiter;
        selves[i].task = &played[i];
        selves[i].scope = scope;
        leat__self_sit(&selves[i], &seats[i]);
        selves[i].budget = 1000;
        played[i].fiber.self = &selves[i];
        faces[i].running = &played[i].fiber;
        faces[i].inside = &insides[i];
        insides[i].object = NULL;
        faces[i].runtime = &runtime;
#ifdef TASKS_WHEEL
        faces[i].index = 0;
        runtime.wheels = &wheel;
#endif
    }
    if (scope) {
        memset(scope, 0, sizeof *scope);
        scope->owner = &selves[0];
        scope->waiter = &played[0].waiter;
        scope->deadline = scope->own_deadline = LEAT_NEVER;
    }
}

/* In the body, after tasks_reset: thread i is a plain thread, which sleeps on its word. */
static inline void tasks_make_plain(int i)
{
    sleepers[i] = (struct leat__sleeper){ .waiter.word = LEAT__WORD_THREAD };
    selves[i].waiter = &sleepers[i].waiter;
    leat__self_sit(&selves[i], &seats[i]);
    selves[i].task = NULL;
}

/* In a thread: time goes by: the wait of task i ends if it has a deadline. */
static inline void tasks_fire(int i)
{
    struct leat__timer *timer = armed[i];

    if (timer) {
        armed[i] = NULL;
        leat__wait_fire(timer->arg, timer->value);
    }
}

struct leat__parking {
    leat__commit_fn *commit;
    void *arg;
    struct leat__fiber *fiber;
};

/* A driver may want to know: a thread is about to park, the next context has done its commit
 * (model_self is who parks), the thread runs again. */
static void (*tasks_parks)(void), (*tasks_parked)(void), (*tasks_resumes)(void);

static bool tasks_commit(void *arg)
{
    struct leat__parking *parking = arg;
    bool parked = parking->commit(parking->fiber, parking->arg);

    if (tasks_parked)
        tasks_parked();
    return parked;
}

void leat__park(leat__commit_fn *commit, void *arg)
{
    struct leat__parking parking = { commit, arg, faces[model_self()].running };

    if (tasks_parks)
        tasks_parks();
    model_park(tasks_commit, &parking);
    if (tasks_resumes)
        tasks_resumes();
}

void leat__park_on(struct leat__worker *worker, leat__commit_fn *commit, void *arg)
{
    (void)worker;
    leat__park(commit, arg);
}

/* A thread may run a fiber that is not its own: a spawned task's. */
void leat__ready(struct leat__fiber *fiber)
{
    int i = 1;

    while (i < TASKS && faces[i].running != fiber)
        i++;
    model_ready(i);
}

void leat__ready_on(struct leat__worker *worker, struct leat__fiber *fiber)
{
    (void)worker;
    leat__ready(fiber);
}

void leat__give_way(void)
{
}

bool leat__watch_for(bool (*there)(void *arg), void *arg)
{
    return tasks_watch && there(arg);
}

/* Nobody watches the locks. */
struct leat__held_switch leat__held = { false, 0, 1 };
const struct leat_local leat__held_at_end;

void leat__held_yields(void) {}
void leat__held_before(const struct leat__held_lock *lock) { (void)lock; }
void leat__held_taken(const struct leat__held_lock *lock) { (void)lock; }
void leat__held_given(const struct leat__held_lock *lock) { (void)lock; }

leat_time leat__clock_now(void)
{
    return tasks_clock;
}

/* Each thread that is not a plain one is a worker of its own, which runs its task. */
struct leat__worker *leat__worker_current(void)
{
    int self = model_self();

    return selves[self].task ? (struct leat__worker *)(void *)&faces[self] : NULL;
}

struct leat__self *leat__self_of_thread(void)
{
    return &selves[model_self()];
}

#ifndef TASKS_WHEEL
void leat__timer_arm(struct leat__wheel *all, struct leat__timer *timer, leat_time when)
{
    (void)all;
    (void)when;
    store_relaxed(&timer->wheel, (void *)armed); /* relaxed: the task's own; not NULL */
    armed[model_self()] = timer;
}

void leat__timer_disarm(struct leat__timer *timer, struct leat__wheel *mine)
{
    (void)mine;
    store_relaxed(&timer->wheel, NULL); /* relaxed: the task's own */
    armed[model_self()] = NULL;
}
#endif

#endif
