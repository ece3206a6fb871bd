/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c task/scope.c task/task.c
 * model: sources task/record.c task/ended.c task/local.c task/shield.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Scopes: the owner spawns and joins, other workers run the children or the owner does in place.
 * Join sees what every child did, and when it has returned nobody touches the scope any more. */
#include "scopes.h"

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
    reset(1, 1);
    model_run_all(spawn_one_and_join, serve);
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
    reset(2, 1);
    model_run_all(spawn_two_and_join, serve);
    check_untouched();
}

/* A child that waits, on its parent's fiber or on its own. Its block was the other's before. */
static struct leat__lock gate;
static struct leat__waitlist at_gate;
static bool opened;

static int wait_at_the_gate(void *arg)
{
    struct leat__waitnode node = { 0 };

    leat__lock(&gate);
    if (opened)
        leat__unlock(&gate);
    else
        model_check(leat__waitlist_wait(&at_gate, &node, &gate) == 0);
    return note(arg);
}

static void open_the_gate(void *arg)
{
    struct leat__waitnode *node;

    (void)arg;
    leat__lock(&gate);
    opened = true;
    node = leat__waitlist_claim(&at_gate);
    leat__unlock(&gate);
    if (node)
        leat__wake(node->ticket.waiter);
}

static void spawn_a_waiter_and_join(void *arg)
{
    (void)arg;
    enter(0);
    spawn(wait_at_the_gate, 0);
    join(1, 0);
}

static void run_a_waiter(int served_by, uint64_t before)
{
    reset(1, served_by);
    gate = (struct leat__lock){ 0 };
    at_gate = (struct leat__waitlist){ 0 };
    opened = false;
    blocks[0].waiter.word = before;
    model_spawn(spawn_a_waiter_and_join, NULL);
    if (served_by > 0)
        model_run_all(serve, open_the_gate);
    check_untouched();
}

MODEL_DRIVER(scope_child_in_place_is_woken_on_its_parents_fiber)
{
    run_a_waiter(0, 0);
}

MODEL_DRIVER(scope_child_elsewhere_is_woken_on_its_own_fiber)
{
    run_a_waiter(1, LEAT__WORD_HOSTED);
}

MODEL_DRIVER(scope_join_sees_children_of_two_other_workers)
{
    reset(2, 2);
    model_run_all(spawn_two_and_join, serve, serve);
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
    reset(2, 2);
    model_run_all(spawn_a_spawner_and_join, serve, serve);
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
    reset(2, 1);
    model_run_all(spawn_two_at_a_limit_of_one, serve);
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
    reset(2, 1);
    model_run_all(spawn_a_canceller_at_a_limit_of_one, serve);
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
    reset(2, 2);
    model_run_all(spawn_a_failing_one_and_join, serve, serve);
    check_untouched();
}
