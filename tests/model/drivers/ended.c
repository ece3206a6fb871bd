/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c task/scope.c task/task.c
 * model: sources task/record.c task/ended.c task/local.c task/shield.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * What is known of single tasks: handles (join, cancel, forget) against a task's start and end and
 * against the join of its scope; results as they finish; races. Each result goes to whoever asks,
 * once where it is handed out, and no record is lost or given back twice. */
#include "scopes.h"

static struct leat_task handle;
static LEAT_ATOMIC(uint32_t) published; /* the handle may be used; its scope is not over */
static LEAT_ATOMIC(uint32_t) done;      /* the user of the handle is through */

/* ---- tasks ---- */

static int answer(void *arg)
{
    int i = (int)(intptr_t)arg;

    model_plain_write(&results[i]);
    results[i] = 100 + i;
    runs[i]++;
    return 40 + i;
}

static int wait_for_ever(void *arg)
{
    struct leat__wait wait;
    bool own;
    int err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);

    runs[(int)(intptr_t)arg]++;
    return err ? err : leat__wait_error(&wait, leat__wait_park(&wait, NULL), &own);
}

static void enter_with(struct leat_scope_options options)
{
    options.size = sizeof options;
    leat_scope_enter(&scope, &options);
}

/* In the body, at the end: every record is back, once. */
static void check_records(void)
{
    int n = 0;

    model_check(runtime.records.used == 0);
    for (struct leat__record *record = runtime.records.free; record; record = record->next)
        model_check(++n <= BLOCKS && record->id == 0);
    model_check(n == BLOCKS);
}

/* ---- handles ---- */

/* The owner: lends the handle to another thread until that is through with it. */
static void lend(leat_task_fn *fn, int result)
{
    enter_with((struct leat_scope_options){ .on_error = LEAT_COLLECT });
    model_check(leat_spawn_handle(&scope, &handle, fn, NULL, NULL) == 0);
    store_release(&published, 1);
    model_wake(3);
    while (!load_acquire(&done))
        model_sleep();
    model_check(leat_scope_join(&scope) == result);
    memset(&scope, POISON, sizeof scope);
}

static void lend_answer(void *arg)
{
    (void)arg;
    lend(answer, 0);
}

static void lend_sleeper(void *arg)
{
    (void)arg;
    lend(wait_for_ever, -ECANCELED);
}

static void borrow(void)
{
    while (!load_acquire(&published))
        model_sleep();
}

static void give_back(void)
{
    store_release(&done, 1);
    model_wake(1);
}

static void join_it(void *arg)
{
    int result = 0;

    (void)arg;
    borrow();
    model_check(leat_task_join(handle, &result) == 0 && result == 40);
    model_plain_read(&results[0]);
    model_check(leat_task_status(handle) == LEAT_TASK_ENDED);
    give_back();
}

static void cancel_it(void *arg)
{
    (void)arg;
    borrow();
    model_check(leat_task_cancel(handle) == 0);
    give_back();
}

static void forget_it(void *arg)
{
    (void)arg;
    borrow();
    leat_task_forget(handle);
    model_check(leat_task_join(handle, NULL) == -ESRCH);
    give_back();
}

static void run_lent(void (*owner)(void *), void (*user)(void *))
{
    reset(1, 1);
    published = done = 0;
    model_run_all(owner, serve, user);
    model_check(runs[0] == 1);
    check_untouched();
    check_records();
}

MODEL_DRIVER(ended_join_of_a_handle_against_the_end, .weak_preemptions = 1, .stale = 1)
{
    run_lent(lend_answer, join_it);
}

MODEL_DRIVER(ended_cancel_of_a_handle_against_start_and_end, .weak_preemptions = 1, .stale = 1)
{
    run_lent(lend_answer, cancel_it);
}

MODEL_DRIVER(ended_cancel_of_a_handle_ends_its_wait, .weak_preemptions = 1, .stale = 1)
{
    run_lent(lend_sleeper, cancel_it);
}

MODEL_DRIVER(ended_forget_of_a_handle_against_the_end, .weak_preemptions = 1, .stale = 1)
{
    run_lent(lend_answer, forget_it);
}

/* The handle is forgotten at the same time as its scope is joined. */
static void spawn_and_join(void *arg)
{
    (void)arg;
    enter_with((struct leat_scope_options){ 0 });
    model_check(leat_spawn_handle(&scope, &handle, answer, NULL, NULL) == 0);
    store_release(&published, 1);
    model_wake(2);
    model_check(leat_scope_join(&scope) == 0);
    while (!load_acquire(&done)) /* the user may still be inside of forget: it needs the scope */
        model_sleep();
    memset(&scope, POISON, sizeof scope);
}

static void forget_while_it_is_joined(void *arg)
{
    (void)arg;
    borrow();
    leat_task_forget(handle);
    give_back();
}

MODEL_DRIVER(ended_forget_against_the_join_of_the_scope)
{
    reset(1, 0);
    published = done = 0;
    model_run_all(spawn_and_join, forget_while_it_is_joined);
    model_check(runs[0] == 1);
    check_records();
}

/* ---- results as they finish ---- */

static void take_all(int n)
{
    int seen[2] = { 0 };
    struct leat_ended ended;

    for (int i = 0; i < n; i++) {
        model_check(leat_scope_next(&scope, &ended) == 0);
        model_check(ended.result == 40 || ended.result == 41);
        model_plain_read(&results[ended.result - 40]);
        model_check(++seen[ended.result - 40] == 1);
    }
    model_check(leat_scope_next(&scope, &ended) == -ENODATA);
}

static void spawn_two_and_take(void *arg)
{
    (void)arg;
    enter_with((struct leat_scope_options){ .keep = true });
    for (intptr_t i = 0; i < 2; i++)
        model_check(leat_spawn(&scope, answer, (void *)i) == 0);
    take_all(2);
    model_check(leat_scope_join(&scope) == 0);
    memset(&scope, POISON, sizeof scope);
}

MODEL_DRIVER(ended_next_hands_out_each_result_once, .stale = 1)
{
    reset(2, 1);
    model_run_all(spawn_two_and_take, serve);
    check_untouched();
    check_records();
}

/* Two workers end the children at the same time. No old values: with them it takes half a
 * minute, and the results are written and read under the scope's lock. */
MODEL_DRIVER(ended_next_hands_out_results_of_two_workers, .preemptions = 1, .stale = -1)
{
    reset(2, 2);
    model_run_all(spawn_two_and_take, serve, serve);
    check_untouched();
    check_records();
}

/* The scope is cancelled while its owner waits for a result: what its child returned is handed out
 * all the same. */
static void spawn_a_sleeper_and_take(void *arg)
{
    struct leat_ended ended;

    (void)arg;
    enter_with((struct leat_scope_options){ .keep = true, .on_error = LEAT_COLLECT });
    model_check(leat_spawn(&scope, wait_for_ever, NULL) == 0);
    store_release(&published, 1);
    model_wake(3);
    model_check(leat_scope_next(&scope, &ended) == 0 && ended.result == -ECANCELED);
    while (!load_acquire(&done))
        model_sleep();
    model_check(leat_scope_join(&scope) == -ECANCELED);
    memset(&scope, POISON, sizeof scope);
}

static void cancel_the_scope(void *arg)
{
    (void)arg;
    borrow();
    leat_scope_cancel(&scope);
    give_back();
}

/* No old values here: the next driver has them, with a thread less. */
MODEL_DRIVER(ended_next_survives_a_cancel_of_its_scope, .preemptions = 1, .stale = -1)
{
    reset(1, 1);
    published = done = 0;
    model_run_all(spawn_a_sleeper_and_take, serve, cancel_the_scope);
    check_untouched();
    check_records();
}

/* A child takes results of a scope of its own while the scope around it is cancelled: the walk has
 * the outer lock and wants the inner one. */
static struct leat_scope around;

static int take_inside_of_another(void *arg)
{
    struct leat_ended ended;
    int err;

    (void)arg;
    enter_with((struct leat_scope_options){ .keep = true, .on_error = LEAT_COLLECT });
    leat__bound_join(leat__self()); /* as a wait in there does */
    model_check(leat_spawn(&scope, answer, NULL) == 0);
    err = leat_scope_next(&scope, &ended);
    model_check(err == 0 || err == -ECANCELED); /* whoever serves may be in here */
    (void)leat_scope_join(&scope);
    leat_scope_cleanup(&scope); /* drops the result, unless it was taken */
    memset(&scope, POISON, sizeof scope);
    return 0;
}

static void cancel_around(void *arg)
{
    struct leat_scope_options options = { .size = sizeof options, .on_error = LEAT_COLLECT };

    (void)arg;
    leat_scope_enter(&around, &options);
    model_check(leat_spawn(&around, take_inside_of_another, NULL) == 0);
    leat_scope_cancel(&around);
    model_check(leat_scope_join(&around) == 0);
}

MODEL_DRIVER(ended_next_against_a_cancel_around_it, .preemptions = 2, .stale = -1)
{
    reset(2, 1);
    model_run_all(cancel_around, serve);
    model_check(runs[0] == 1);
    check_untouched();
    check_records();
}

/* The child itself cancels. */
static int cancel_and_answer(void *arg)
{
    leat_scope_cancel(&scope);
    return answer(arg);
}

static void spawn_a_canceller_and_take(void *arg)
{
    struct leat_ended ended;

    (void)arg;
    enter_with((struct leat_scope_options){ .keep = true, .on_error = LEAT_COLLECT });
    model_check(leat_spawn(&scope, cancel_and_answer, NULL) == 0);
    model_check(leat_scope_next(&scope, &ended) == 0 && ended.result == 40);
    model_plain_read(&results[0]);
    (void)leat_scope_join(&scope);
    memset(&scope, POISON, sizeof scope);
}

MODEL_DRIVER(ended_next_survives_a_cancel_by_a_child, .stale = 1)
{
    reset(1, 1);
    model_run_all(spawn_a_canceller_and_take, serve);
    check_untouched();
    check_records();
}

/* ---- races ---- */

/* `root` spawns two tasks, which two workers run. */
static void race(void (*root)(void *arg))
{
    reset(2, 2);
    model_run_all(root, serve, serve);
    model_check(runs[0] == 1 && runs[1] == 1);
    check_untouched();
    check_records();
}

static void spawn_two_and_race(void *arg)
{
    (void)arg;
    enter_with((struct leat_scope_options){ .race = LEAT_RACE_FINISHED });
    model_check(leat_spawn(&scope, wait_for_ever, (void *)1) == 0);
    model_check(leat_spawn(&scope, answer, NULL) == 0);
    model_check(leat_scope_race(&scope) == 40);
    memset(&scope, POISON, sizeof scope);
}

MODEL_DRIVER(ended_race_is_won_by_the_first, .preemptions = 1, .stale = 1)
{
    race(spawn_two_and_race);
}

static void take_the_winner(void *arg)
{
    struct leat_ended ended;

    (void)arg;
    enter_with((struct leat_scope_options){ .race = LEAT_RACE_FINISHED, .keep = true });
    model_check(leat_spawn(&scope, wait_for_ever, (void *)1) == 0);
    model_check(leat_spawn(&scope, answer, NULL) == 0);
    model_check(leat_scope_next(&scope, &ended) == 0 && ended.result == 40);
    model_check(leat_scope_race(&scope) == 40);
    leat_scope_cleanup(&scope);
    memset(&scope, POISON, sizeof scope);
}

MODEL_DRIVER(ended_winner_is_the_first_to_be_taken, .preemptions = 1, .stale = -1)
{
    race(take_the_winner);
}

static int fail(void *arg)
{
    runs[(int)(intptr_t)arg]++;
    return -EIO;
}

static void spawn_two_and_race_for_success(void *arg)
{
    (void)arg;
    enter_with((struct leat_scope_options){ .race = LEAT_RACE_SUCCESS });
    model_check(leat_spawn(&scope, fail, (void *)1) == 0);
    model_check(leat_spawn(&scope, answer, NULL) == 0);
    model_check(leat_scope_race(&scope) == 40);
    memset(&scope, POISON, sizeof scope);
}

MODEL_DRIVER(ended_race_for_success_passes_over_a_failure, .preemptions = 1)
{
    race(spawn_two_and_race_for_success);
}
