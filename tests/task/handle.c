/* SPDX-License-Identifier: MIT */
/* Handles of single tasks, done-callbacks, and what they cost in memory. */
#include "harness/test.h"
#include "task/runtime.h"

#include <leat/leat.h>

#include <pthread.h>

static int give(void *arg)
{
    return *(int *)arg;
}

static int sleep_long(void *arg)
{
    int err = leat_sleep(LEAT_HOUR);

    if (arg)
        *(int *)arg = err;
    return err;
}

static int sleep_briefly(void *arg)
{
    int err = leat_sleep(2 * LEAT_MSEC);

    return err ? err : *(int *)arg;
}

static size_t records_used(void)
{
    struct leat__records *records = &leat__runtime_current()->records;
    size_t used;

    leat__lock(&records->lock);
    used = records->used;
    leat__unlock(&records->lock);
    return used;
}

LEAT_TEST_TASK(handle, a_join_waits_and_gives_the_result_however_often_it_is_asked)
{
    struct leat_task task;
    int value = 42, result = 0;
    LEAT_SCOPE(scope);

    assert_ok(leat_spawn_handle(&scope, &task, sleep_briefly, &value, NULL));
    expect_ne(leat_task_id(task), 0);
    for (int i = 0; i < 3; i++) {
        result = 0;
        expect_ok(leat_task_join(task, &result));
        expect_eq(result, 42);
    }
    expect_eq(leat_task_status(task), LEAT_TASK_ENDED);
    expect_ok(leat_task_join(task, NULL));
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(handle, a_handle_is_stale_after_its_scopes_join)
{
    struct leat_task task, none = { NULL, 0 };
    int value = 1, result = 5;
    LEAT_SCOPE(scope);

    assert_ok(leat_spawn_handle(&scope, &task, give, &value, NULL));
    expect_ok(leat_scope_join(&scope));
    expect_err(leat_task_join(task, &result), -ESRCH);
    expect_err(leat_task_status(task), -ESRCH);
    expect_err(leat_task_cancel(task), -ESRCH);
    expect_err(leat_task_join(none, &result), -ESRCH);
    expect_err(leat_task_cancel(none), -ESRCH);
    leat_task_forget(task);
    leat_task_forget(none);
    expect_eq(result, 5); /* untouched */
    expect_eq(records_used(), 0);
}

struct joiner {
    struct leat_task task;
    int              err, result;
};

static int join_it(void *arg)
{
    struct joiner *joiner = arg;

    joiner->err = leat_task_join(joiner->task, &joiner->result);
    return 0;
}

static void *join_on_a_thread(void *arg)
{
    join_it(arg);
    return NULL;
}

LEAT_TEST_TASK(handle, several_tasks_and_a_thread_join_the_same_task)
{
    struct joiner joiners[20];
    struct leat_task task;
    pthread_t thread;
    int value = 9;
    LEAT_SCOPE(scope);
    LEAT_SCOPE(inner);

    assert_ok(leat_spawn_handle(&scope, &task, sleep_briefly, &value, NULL));
    for (int i = 0; i < 20; i++)
        joiners[i] = (struct joiner){ task, 1, 0 };
    expect_ok(pthread_create(&thread, NULL, join_on_a_thread, &joiners[0]));
    for (int i = 1; i < 20; i++)
        expect_ok(leat_spawn(&inner, join_it, &joiners[i]));
    expect_ok(leat_scope_join(&inner));
    expect_ok(leat_task_join(task, NULL));
    expect_ok(pthread_join(thread, NULL));
    for (int i = 0; i < 20; i++) {
        expect_ok(joiners[i].err);
        expect_eq(joiners[i].result, 9);
    }
}

LEAT_TEST_TASK(handle, a_cancel_ends_that_task_alone)
{
    struct leat_task task;
    int value = 3, result = 0, alone = 0, err = 1;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    expect_ok(leat_spawn(&scope, sleep_briefly, &value));
    assert_ok(leat_spawn_handle(&scope, &task, sleep_long, &alone, NULL));
    expect_ok(leat_sleep(100 * LEAT_USEC));
    expect_ok(leat_task_cancel(task));
    expect_ok(leat_task_join(task, &err));
    expect_err(err, -ECANCELED);
    expect_err(alone, -ECANCELED);
    expect_ok(leat_task_cancel(task)); /* it has ended: nothing to do */
    expect_ok(leat_sleep(1)); /* the caller is not meant */
    result = leat_scope_join(&scope);
    expect_err(result, -ECANCELED); /* what the task returned is its first error */
}

LEAT_TEST_TASK(handle, a_cancel_before_the_start_is_seen_by_the_first_call)
{
    struct leat_task task;
    int result = 0;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    assert_ok(leat_spawn_handle(&scope, &task, sleep_long, &result, NULL));
    expect_ok(leat_task_cancel(task));
    expect_err(leat_scope_join(&scope), -ECANCELED);
    expect_err(result, -ECANCELED);
}

struct parent {
    int inner, outer;
};

static int be_a_parent(void *arg)
{
    struct parent *parent = arg;
    LEAT_SCOPE(scope);

    leat_spawn(&scope, sleep_long, &parent->inner);
    parent->outer = leat_scope_join(&scope);
    return leat_sleep(LEAT_HOUR); /* still cancelled */
}

LEAT_TEST_TASK(handle, a_cancel_reaches_the_scopes_that_the_task_has_entered)
{
    struct parent parent = { 0, 0 };
    struct leat_task task;
    int result = 0;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    assert_ok(leat_spawn_handle(&scope, &task, be_a_parent, &parent, NULL));
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_task_cancel(task));
    expect_ok(leat_task_join(task, &result));
    expect_err(result, -ECANCELED);
    expect_err(parent.inner, -ECANCELED);
    expect_err(parent.outer, -ECANCELED);
}

LEAT_TEST_TASK(handle, a_task_with_a_handle_meets_its_scopes_deadline_as_a_timeout)
{
    struct leat_task task;
    int result = 0, status = 0, err;
    LEAT_SCOPE(scope, .deadline = leat_after(2 * LEAT_MSEC));

    assert_ok(leat_spawn_handle(&scope, &task, sleep_long, &result, NULL));
    err = leat_task_join(task, &status);
    expect_err(err ? err : status, -ETIMEDOUT); /* of the two that time out, either is first */
    expect_err(leat_scope_join(&scope), -ETIMEDOUT);
    expect_err(result, -ETIMEDOUT);
}

static int wait_for_event(void *arg)
{
    int err = leat_event_wait(arg);

    return err ? err : 4;
}

LEAT_TEST_TASK(handle, a_cancelled_join_leaves_the_task_alone)
{
    struct leat_task task;
    struct leat_event go = { 0 };
    int result = 0;
    LEAT_SCOPE(outer);

    assert_ok(leat_spawn_handle(&outer, &task, wait_for_event, &go, NULL));
    {
        LEAT_LIMIT(200 * LEAT_USEC);
        expect_err(leat_task_join(task, &result), -ETIMEDOUT);
    }
    leat_event_set(&go);
    expect_ok(leat_task_join(task, &result));
    expect_eq(result, 4);
    expect_ok(leat_scope_join(&outer));
}

static int join_myself(void *arg)
{
    struct leat_task *task = arg;

    return leat_task_join(*task, NULL);
}

LEAT_TEST_TASK(handle, a_task_that_joins_itself_is_told)
{
    static struct leat_task task;
    int result = 0;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    assert_ok(leat_spawn_handle(&scope, &task, join_myself, &task, NULL));
    expect_ok(leat_task_join(task, &result));
    expect_err(result, -EDEADLK);
    expect_err(leat_scope_join(&scope), -EDEADLK);
}

static int look_at_status(void *arg)
{
    struct leat_task *task = arg;

    expect_eq(leat_task_status(*task), LEAT_TASK_STARTED);
    return 0;
}

LEAT_TEST_TASK(handle, the_status_goes_from_queued_over_started_to_ended)
{
    static struct leat_task task;
    LEAT_SCOPE(scope);

    assert_ok(leat_spawn_handle(&scope, &task, look_at_status, &task, NULL));
    expect_ge(leat_task_status(task), LEAT_TASK_QUEUED);
    expect_ok(leat_task_join(task, NULL));
    expect_eq(leat_task_status(task), LEAT_TASK_ENDED);
}

LEAT_TEST_TASK(handle, forgotten_handles_cost_nothing_and_are_stale)
{
    struct leat_task task;
    int value = 0;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 5000; i++) {
        assert_ok(leat_spawn_handle(&scope, &task, give, &value, NULL));
        if (i % 2)
            expect_ok(leat_task_join(task, NULL));
        leat_task_forget(task);
        expect_err(leat_task_join(task, NULL), -ESRCH);
        if (i % 64 == 0)
            expect_ok(leat_sleep(LEAT_USEC));
    }
    expect_ok(leat_scope_join(&scope));
    expect_eq(records_used(), 0);
    expect_lt(leat__runtime_current()->records.made, 5000);
}

static int sleep_for_an_hour(void *arg)
{
    (void)arg;
    return leat_sleep(LEAT_HOUR);
}

static void note_result(void *arg, int result)
{
    *(int *)arg = result;
}

LEAT_TEST_TASK(handle, a_cancel_before_the_start_holds_though_the_handle_is_forgotten)
{
    struct leat_task task;
    int result = 0;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    assert_ok(leat_spawn_handle(&scope, &task, sleep_for_an_hour, NULL,
                                LEAT_TASK_OPTIONS(.on_done = note_result,
                                                  .on_done_arg = &result)));
    expect_ok(leat_task_cancel(task));
    leat_task_forget(task);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    expect_err(result, -ECANCELED);
}

static void *forget_on_a_thread(void *arg)
{
    struct leat_task *tasks = arg;

    for (int i = 0; i < 64; i++)
        leat_task_forget(tasks[i]);
    return NULL;
}

LEAT_TEST_TASK(handle, handles_are_forgotten_while_their_scope_ends)
{
    int value = 0;

    for (size_t round = 0; round < test_rounds(100, 2000); round++) {
        struct leat_task tasks[64];
        pthread_t thread;
        LEAT_SCOPE(scope);

        for (int i = 0; i < 64; i++)
            assert_ok(leat_spawn_handle(&scope, &tasks[i], give, &value, NULL));
        expect_ok(pthread_create(&thread, NULL, forget_on_a_thread, tasks));
        expect_ok(leat_scope_join(&scope));
        expect_ok(pthread_join(thread, NULL));
        expect_eq(records_used(), 0);
    }
}

struct noted {
    int calls, result, worker;
};

static void note(void *arg, int result)
{
    struct noted *noted = arg;

    noted->calls++;
    noted->result = result;
    noted->worker = leat_worker();
    expect_ok(leat_sleep(LEAT_USEC)); /* shielded, also where the scope was cancelled */
}

LEAT_TEST_TASK(on_done, the_callback_comes_once_before_the_join_with_the_result)
{
    struct noted noted[50];
    struct leat_task task;
    int value = 11;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 50; i++) {
        const struct leat_task_options *options;

        noted[i] = (struct noted){ 0, 0, -1 };
        options = LEAT_TASK_OPTIONS(.on_done = note, .on_done_arg = &noted[i]);
        if (i % 2)
            expect_ok(leat_spawn_opt(&scope, sleep_briefly, &value, options));
        else
            expect_ok(leat_spawn_handle(&scope, &task, give, &value, options));
    }
    expect_ok(leat_task_join(task, NULL));
    expect_eq(noted[48].calls, 1);
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < 50; i++) {
        expect_eq(noted[i].calls, 1);
        expect_eq(noted[i].result, 11);
        expect_ge(noted[i].worker, 0);
    }
}

LEAT_TEST_TASK(on_done, a_cancelled_task_has_its_callback_too)
{
    struct noted noted = { 0, 0, -1 };
    LEAT_SCOPE(scope);

    expect_ok(leat_spawn_opt(&scope, sleep_long, NULL,
                             LEAT_TASK_OPTIONS(.on_done = note, .on_done_arg = &noted)));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    expect_eq(noted.calls, 1);
    expect_err(noted.result, -ECANCELED);
}

static int be_done(void *arg)
{
    leat_waitgroup_done(arg);
    return 0;
}

static size_t chunks(void)
{
    struct leat__slabs *slabs = &leat__runtime_current()->slabs;
    struct leat__slab_chunk *chunk = NULL;
    size_t count = 0;

    while ((chunk = leat__slab_next(slabs, chunk)))
        count++;
    return count;
}

/* In waves of a hundred, as a server's requests come and go. */
static void spawn_waves(struct leat_scope *scope, size_t waves, bool kept)
{
    for (size_t i = 0; i < waves; i++) {
        struct leat_waitgroup group = { { 0 } };
        struct leat_ended ended;

        leat_waitgroup_add(&group, 100);
        for (int k = 0; k < 100; k++)
            expect_ok(leat_spawn(scope, be_done, &group));
        expect_ok(leat_waitgroup_wait(&group));
        while (kept && leat_scope_next(scope, &ended) == 0)
            ;
    }
}

LEAT_TEST_TASK(growth, a_scope_that_stays_open_does_not_grow)
{
    size_t waves = test_rounds(1000, 10000) / TEST_SLOWDOWN, before;
    LEAT_SCOPE(scope);

    spawn_waves(&scope, waves / 10 + 1, false);
    before = chunks();
    spawn_waves(&scope, waves, false); /* 1e6 spawns under tests/release */
    expect_le(chunks(), before + 2);   /* what two workers may hold apart */
    expect_eq(records_used(), 0);
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(growth, a_kept_scope_whose_results_are_taken_does_not_grow)
{
    struct leat__records *records = &leat__runtime_current()->records;
    size_t waves = test_rounds(200, 10000) / TEST_SLOWDOWN;
    LEAT_SCOPE(scope, .keep = true);

    spawn_waves(&scope, waves, true);
    expect_eq(records_used(), 0);
    expect_le(records->made, 256);
    expect_ok(leat_scope_join(&scope));
}
