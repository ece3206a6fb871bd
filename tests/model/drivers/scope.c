/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c task/scope.c task/task.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Scopes: the owner spawns and joins, other workers run the children or the owner does in place.
 * Join sees what every child did, and when it has returned nobody touches the scope any more. */
#include <errno.h>

#include "tasks.h"

enum { BLOCKS = 4, POISON = 0xa5 };

static struct leat_scope scope;
static struct leat__task blocks[BLOCKS];
static LEAT_ATOMIC(uint32_t) made;          /* blocks taken */
static LEAT_ATOMIC(uint32_t) queued[BLOCKS]; /* 1: to be run by whoever makes it 2 */
static LEAT_ATOMIC(uint32_t) to_come;       /* tasks that nobody has taken yet */
static int results[BLOCKS], runs[BLOCKS];
static struct leat__stack stack;

/* ---- the rooms below, played ---- */

struct leat__task *leat__slab_get(struct leat__slabs *slabs, struct leat__worker *worker)
{
    uint32_t i = fetch_add_acq_rel(&made, 1);

    (void)slabs, (void)worker;
    model_check(i < BLOCKS);
    return &blocks[i];
}

void leat__slab_put(struct leat__slabs *slabs, struct leat__worker *worker, struct leat__task *task)
{
    (void)slabs, (void)worker, (void)task;
}

static void wake_servers(void)
{
    for (int i = 2; i <= 3; i++)
        if (model_self() != i)
            model_wake(i);
}

void leat__start(struct leat__fiber *fiber)
{
    struct leat__task *task = (struct leat__task *)(void *)fiber;

    store_release(&queued[task - blocks], 1); /* as every queue does */
    wake_servers();
}

static void one_has_come(void)
{
    if (fetch_sub_relaxed(&to_come, 1) == 1)
        wake_servers();
}

static struct leat__fiber *take(const void *group)
{
    for (int i = BLOCKS; i-- > 0;) {
        uint32_t one = 1;

        if (queued[i] != 1 || (group && blocks[i].fiber.group != group))
            continue;
        if (cas_acquire(&queued[i], &one, 2)) {
            one_has_come();
            return &blocks[i].fiber;
        }
    }
    return NULL;
}

struct leat__fiber *leat__take_fresh(const void *group)
{
    return take(group);
}

bool leat__look_due(void)
{
    return false;
}

struct leat__runtime *leat__runtime_current(void)
{
    return &runtime;
}

void *leat__sched_runtime(const struct leat__sched *sched)
{
    (void)sched;
    return &runtime;
}

int leat_worker(void)
{
    return 0;
}

int *leat_errno_location(void)
{
    static int location;

    return &location;
}

/* ---- threads ---- */

/* Another worker: runs what is queued, until all that is to come was taken by somebody. */
static void serve(void *arg)
{
    (void)arg;
    while (to_come > 0) {
        struct leat__fiber *fiber = take(NULL);

        if (!fiber) {
            model_sleep();
            continue;
        }
        faces[model_self()].running = fiber;
        leat__task_body(fiber);
        faces[model_self()].running = &fibers[model_self()];
    }
}

/* A child: leaves its result in the parent's frame. */
static int note(void *arg)
{
    int i = (int)(intptr_t)arg;

    model_plain_write(&results[i]);
    results[i] = 100 + i;
    runs[i]++;
    return 0;
}

static int note_and_spawn(void *arg)
{
    model_check(leat_spawn(&scope, note, (void *)(intptr_t)1) == 0);
    return note(arg);
}

static int note_and_fail(void *arg)
{
    note(arg);
    return -EIO;
}

static int note_and_cancel(void *arg)
{
    leat_scope_cancel(&scope);
    return note(arg);
}

/* Join, look at what n children did, and use the scope's memory for something else. */
static void join(int n, int error)
{
    model_check(leat_scope_join(&scope) == error);
    for (int i = 0; i < n; i++) {
        model_plain_read(&results[i]);
        model_check(results[i] == 100 + i && runs[i] == 1);
    }
    memset(&scope, POISON, sizeof scope);
}

static void reset(uint32_t tasks)
{
    tasks_reset(NULL);
    memset(blocks, 0, sizeof blocks);
    memset(queued, 0, sizeof queued);
    memset(results, 0, sizeof results);
    memset(runs, 0, sizeof runs);
    stack.low = NULL;
    for (int i = 1; i < TASKS; i++)
        fibers[i].stack = &stack;
    for (int i = 1; i < TASKS; i++) /* only tasks may spawn: a task needs not be more than itself */
        selves[i].task = &blocks[0];
    made = 0;
    to_come = tasks;
}

/* In the body, at the end: nobody has touched the scope since the join. */
static void check_untouched(void)
{
    const unsigned char *bytes = (const unsigned char *)&scope;

    for (size_t i = 0; i < sizeof scope; i++)
        model_check(bytes[i] == POISON);
}

static void enter(unsigned limit)
{
    struct leat_scope_options options = { .size = sizeof options, .limit = limit };

    leat_scope_enter(&scope, &options);
}

static void spawn(leat_task_fn *fn, int i)
{
    model_check(leat_spawn(&scope, fn, (void *)(intptr_t)i) == 0);
}

static void spawn_one_and_join(void *arg)
{
    (void)arg;
    enter(0);
    spawn(note, 0);
    join(1, 0);
}

MODEL_DRIVER(scope_join_against_a_child_that_ends_elsewhere, .preemptions = 3)
{
    reset(1);
    model_spawn(spawn_one_and_join, NULL);
    model_spawn(serve, NULL);
    model_run();
    check_untouched();
}

static void spawn_two_and_join(void *arg)
{
    (void)arg;
    enter(0);
    spawn(note, 0);
    spawn(note, 1);
    join(2, 0);
}

MODEL_DRIVER(scope_join_sees_children_run_here_and_elsewhere)
{
    reset(2);
    model_spawn(spawn_two_and_join, NULL);
    model_spawn(serve, NULL);
    model_run();
    check_untouched();
}

MODEL_DRIVER(scope_join_sees_children_of_two_other_workers)
{
    reset(2);
    model_spawn(spawn_two_and_join, NULL);
    model_spawn(serve, NULL);
    model_spawn(serve, NULL);
    model_run();
    check_untouched();
}

static void spawn_a_spawner_and_join(void *arg)
{
    (void)arg;
    enter(0);
    spawn(note_and_spawn, 0);
    join(2, 0);
}

MODEL_DRIVER(scope_children_may_spawn_into_it)
{
    reset(2);
    model_spawn(spawn_a_spawner_and_join, NULL);
    model_spawn(serve, NULL);
    model_spawn(serve, NULL);
    model_run();
    check_untouched();
}

/* The second spawn waits until the first child is over. */
static void spawn_two_at_a_limit_of_one(void *arg)
{
    (void)arg;
    enter(1);
    spawn(note, 0);
    spawn(note, 1);
    join(2, 0);
}

MODEL_DRIVER(scope_limit_lets_the_next_one_in)
{
    reset(2);
    model_spawn(spawn_two_at_a_limit_of_one, NULL);
    model_spawn(serve, NULL);
    model_run();
    check_untouched();
}

/* The child cancels while its parent waits at the limit: the place is passed on or the spawn is
 * refused, and then the scope remembers that. */
static void spawn_a_canceller_at_a_limit_of_one(void *arg)
{
    int err;

    (void)arg;
    enter(1);
    spawn(note_and_cancel, 0);
    err = leat_spawn(&scope, note, (void *)(intptr_t)1);
    if (err)
        one_has_come();
    join(err ? 1 : 2, err);
    model_check(err == 0 || err == -ECANCELED);
}

MODEL_DRIVER(scope_cancelled_at_its_limit)
{
    reset(2);
    model_spawn(spawn_a_canceller_at_a_limit_of_one, NULL);
    model_spawn(serve, NULL);
    model_run();
    check_untouched();
}

static void spawn_a_failing_one_and_join(void *arg)
{
    (void)arg;
    enter(0);
    spawn(note_and_fail, 0);
    spawn(note, 1);
    join(2, -EIO);
}

MODEL_DRIVER(scope_join_returns_a_childs_error)
{
    reset(2);
    model_spawn(spawn_a_failing_one_and_join, NULL);
    model_spawn(serve, NULL);
    model_spawn(serve, NULL);
    model_run();
    check_untouched();
}
