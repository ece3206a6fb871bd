/* SPDX-License-Identifier: MIT */
/* Scopes in objects, and detached tasks. */
#include "harness/test.h"

#include <leat/leat.h>

static int sleep_long(void *arg)
{
    int err = leat_sleep(LEAT_HOUR);

    if (arg)
        *(int *)arg = err;
    return err;
}

static int count_up(void *arg)
{
    leat_yield();
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

static int fail(void *arg)
{
    (void)arg;
    return -EIO;
}

LEAT_TEST_TASK(open_scope, it_owns_tasks_and_does_not_bound_the_opener)
{
    struct leat_scope scope;
    int result = 0;

    expect_ok(leat_scope_open(&scope, NULL));
    expect_ok(leat_spawn(&scope, sleep_long, &result));
    expect_ok(leat_spawn(&scope, fail, NULL));
    expect_ok(leat_sleep(2 * LEAT_MSEC)); /* a child has failed: not our end */
    expect_ok(leat_cancelled());
    expect_err(leat_scope_close(&scope), -EIO);
    expect_err(result, -ECANCELED);
}

LEAT_TEST_TASK(open_scope, the_openers_end_is_not_its_end)
{
    struct leat_scope scope;
    int count = 0;

    {
        LEAT_SCOPE(outer);

        leat_scope_cancel(&outer);
        expect_err(leat_sleep(1), -ECANCELED);
        expect_ok(leat_scope_open(&scope, NULL));
        expect_ok(leat_spawn(&scope, count_up, &count));
    }
    expect_ok(leat_spawn(&scope, count_up, &count));
    expect_ok(leat_scope_close(&scope));
    expect_eq(count, 2);
}

static int close_it(void *arg)
{
    return leat_scope_close(arg);
}

LEAT_TEST_TASK(open_scope, another_task_may_close_it)
{
    struct leat_scope scope;
    int count = 0;

    expect_ok(leat_scope_open(&scope, LEAT_SCOPE_OPTIONS(.name = "object")));
    for (int i = 0; i < 100; i++)
        expect_ok(leat_spawn(&scope, count_up, &count));
    {
        LEAT_SCOPE(inner);

        expect_ok(leat_spawn(&inner, close_it, &scope));
        expect_ok(leat_scope_join(&inner));
    }
    expect_eq(count, 100);
}

struct server {
    struct leat_scope scope;
    int               ended;
};

static int serve(void *arg)
{
    struct server *server = arg;

    if (leat_sleep(LEAT_HOUR) == -ECANCELED)
        __atomic_fetch_add(&server->ended, 1, __ATOMIC_RELAXED);
    return 0;
}

static int accept_some(void *arg)
{
    struct server *server = arg;

    for (int i = 0; i < 50; i++)
        expect_ok(leat_spawn(&server->scope, serve, server));
    return 0;
}

LEAT_TEST_TASK(open_scope, tasks_of_all_sorts_spawn_into_it_and_a_cancel_ends_them)
{
    struct server server = { .ended = 0 };

    expect_ok(leat_scope_open(&server.scope, LEAT_SCOPE_OPTIONS(.on_error = LEAT_COLLECT)));
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 4; i++)
            expect_ok(leat_spawn(&scope, accept_some, &server));
        expect_ok(leat_spawn(&server.scope, accept_some, &server));
        expect_ok(leat_scope_join(&scope));
    }
    expect_ok(leat_sleep(LEAT_MSEC));
    leat_scope_cancel(&server.scope);
    expect_ok(leat_scope_close(&server.scope));
    expect_eq(server.ended, 250);
}

LEAT_TEST_TASK(open_scope, bad_options_are_told_and_close_is_still_called)
{
    struct leat_scope_options options = { .size = 1 };
    struct leat_scope scope;

    expect_err(leat_scope_open(&scope, &options), -EINVAL);
    expect_err(leat_spawn(&scope, fail, NULL), -EINVAL);
    expect_err(leat_scope_close(&scope), -EINVAL);
}

LEAT_TEST(open_scope, outside_of_a_runtime_it_is_refused)
{
    struct leat_scope scope;

    expect_err(leat_scope_open(&scope, NULL), -EPERM);
    expect_err(leat_spawn(&scope, fail, NULL), -EPERM);
    expect_err(leat_scope_close(&scope), -EPERM);
    expect_err(leat_detach(fail, NULL, NULL), -EPERM);
}

static int leave_one_open(void *arg)
{
    static struct leat_scope scope;

    (void)arg;
    return leat_scope_open(&scope, NULL);
}

static void forget_a_close(void)
{
    expect_ok(leat_run(leave_one_open, NULL, LEAT_OPTIONS(.workers = 1)));
}

LEAT_TEST(open_scope, one_that_is_never_closed_is_a_checked_bug)
{
    expect_dies(forget_a_close, 6, "was not closed");
}

struct background {
    leat_time length; /* of each task's sleep */
    int       started, finished, cancelled;
};

static int work_in_background(void *arg)
{
    struct background *background = arg;

    __atomic_fetch_add(&background->started, 1, __ATOMIC_RELAXED);
    if (leat_sleep(background->length) == 0)
        __atomic_fetch_add(&background->finished, 1, __ATOMIC_RELAXED);
    else
        __atomic_fetch_add(&background->cancelled, 1, __ATOMIC_RELAXED);
    return -EIO; /* dropped */
}

static int request(void *arg)
{
    return leat_detach(work_in_background, arg, LEAT_TASK_OPTIONS(.name = "background"));
}

static int detach_ten(void *arg)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < 10; i++)
        leat_spawn(&scope, request, arg);
    return leat_scope_join(&scope);
}

static void run_background(leat_time drain, bool finished)
{
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct background background = { .length = finished ? 5 * LEAT_MSEC : LEAT_MINUTE };

        expect_ok(leat_run(detach_ten, &background,
                           LEAT_OPTIONS(.workers = workers, .drain_ns = drain)));
        expect_eq(background.started, 10);
        expect_eq(background.finished, finished ? 10 : 0);
        expect_eq(background.cancelled, finished ? 0 : 10);
    }
}

LEAT_TEST(detach, tasks_outlive_their_spawner_and_are_drained_at_shutdown)
{
    run_background(LEAT_MINUTE, true);
    run_background(LEAT_NEVER, true);
}

LEAT_TEST(detach, without_patience_tasks_are_cancelled_at_shutdown_and_waited_for)
{
    run_background(0, false);
}

static int detach_a_chain(void *arg)
{
    int *left = arg;

    if (--*left > 0)
        return leat_detach(detach_a_chain, left, NULL);
    return 0;
}

LEAT_TEST(detach, tasks_that_detached_tasks_detach_are_drained_too)
{
    int left = 1000;

    expect_ok(leat_run(detach_a_chain, &left, LEAT_OPTIONS(.workers = 2)));
    expect_eq(left, 0);
}

static int shielded_end(void *arg)
{
    int *order = arg;

    LEAT_SHIELD (LEAT_MINUTE) {
        expect_ok(leat_sleep(3 * LEAT_MSEC));
        *order = 1;
    }
    expect_err(leat_sleep(1), -ECANCELED);
    return 0;
}

static int detach_one(void *arg)
{
    return leat_detach(shielded_end, arg, NULL);
}

LEAT_TEST(detach, a_shielded_end_is_waited_for)
{
    int order = 0;

    expect_ok(leat_run(detach_one, &order, LEAT_OPTIONS(.workers = 1)));
    expect_eq(order, 1);
}
