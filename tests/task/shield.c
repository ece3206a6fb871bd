/* SPDX-License-Identifier: MIT */
/* Shields with a grace, and task-locals. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdlib.h>

LEAT_TEST_TASK(shield, inside_it_calls_see_no_cancel_and_no_deadline)
{
    LEAT_SCOPE(scope, .deadline = leat_now() - 1);

    leat_scope_cancel(&scope);
    expect_err(leat_sleep(1), -ECANCELED);
    LEAT_SHIELD (LEAT_HOUR) {
        expect_ok(leat_sleep(LEAT_USEC));
        expect_ok(leat_cancelled());
    }
    expect_err(leat_sleep(1), -ECANCELED);
}

LEAT_TEST_TASK(shield, after_the_grace_an_open_wait_meets_a_cancel_that_came_before)
{
    leat_time start = leat_now();
    LEAT_SCOPE(scope);

    leat_scope_cancel(&scope);
    LEAT_SHIELD (3 * LEAT_MSEC) {
        expect_err(leat_sleep(LEAT_HOUR), -ECANCELED);
        expect_ge(leat_now() - start, 3 * LEAT_MSEC);
        expect_err(leat_sleep(LEAT_HOUR), -ECANCELED); /* and later ones */
        expect_err(leat_cancelled(), -ECANCELED);
    }
}

static int cancel_later(void *arg)
{
    (void)leat_sleep(LEAT_MSEC);
    leat_scope_cancel(arg);
    return 0;
}

static int cancel_much_later(void *arg)
{
    (void)leat_sleep(6 * LEAT_MSEC);
    leat_scope_cancel(arg);
    return 0;
}

LEAT_TEST_TASK(shield, a_cancel_during_the_grace_waits_for_its_end)
{
    leat_time start;
    LEAT_SCOPE(beside);
    LEAT_SCOPE(scope);

    expect_ok(leat_spawn(&beside, cancel_later, &scope));
    start = leat_now();
    LEAT_SHIELD (5 * LEAT_MSEC)
        expect_err(leat_sleep(LEAT_HOUR), -ECANCELED);
    expect_ge(leat_now() - start, 5 * LEAT_MSEC);
}

LEAT_TEST_TASK(shield, a_cancel_after_the_grace_ends_a_wait_that_began_in_it)
{
    LEAT_SCOPE(beside);
    LEAT_SCOPE(scope);

    expect_ok(leat_spawn(&beside, cancel_much_later, &scope));
    LEAT_SHIELD (LEAT_MSEC)
        expect_err(leat_sleep(LEAT_HOUR), -ECANCELED);
}

LEAT_TEST_TASK(shield, a_deadline_counts_from_the_end_of_the_grace)
{
    leat_time start = leat_now();
    LEAT_SCOPE(scope, .deadline = start + LEAT_MSEC);

    LEAT_SHIELD (4 * LEAT_MSEC)
        expect_err(leat_sleep(LEAT_HOUR), -ETIMEDOUT);
    expect_ge(leat_now() - start, 4 * LEAT_MSEC);
}

LEAT_TEST_TASK(shield, a_call_that_needs_less_than_the_grace_is_not_disturbed)
{
    LEAT_SCOPE(scope);

    leat_scope_cancel(&scope);
    LEAT_SHIELD (LEAT_MINUTE)
        expect_ok(leat_sleep(2 * LEAT_MSEC));
    LEAT_SHIELD (LEAT_MSEC) {
        LEAT_SHIELD (LEAT_MINUTE)
            expect_ok(leat_sleep(3 * LEAT_MSEC)); /* the later end holds */
        expect_err(leat_sleep(LEAT_HOUR), -ECANCELED);
    }
}

LEAT_TEST_TASK(shield, a_cancel_of_a_scope_that_is_over_is_not_remembered)
{
    {
        LEAT_SCOPE(scope);
        leat_scope_cancel(&scope);
    }
    {
        LEAT_SCOPE(scope);
        LEAT_SHIELD (LEAT_MSEC)
            expect_ok(leat_sleep(4 * LEAT_MSEC));
    }
}

static int leave_by_return(void)
{
    LEAT_SHIELD (LEAT_MINUTE)
        return leat_sleep(LEAT_USEC);
    return -1;
}

LEAT_TEST_TASK(shield, it_ends_however_the_block_is_left)
{
    int times = 0;
    LEAT_SCOPE(scope);

    leat_scope_cancel(&scope);
    expect_ok(leave_by_return());
    expect_err(leat_sleep(1), -ECANCELED);
    LEAT_SHIELD (LEAT_MINUTE) {
        times++;
        break;
    }
    expect_eq(times, 1);
    expect_err(leat_sleep(1), -ECANCELED);
    LEAT_SHIELD (LEAT_MINUTE)
        times++;
    expect_eq(times, 2);
    expect_err(leat_sleep(1), -ECANCELED);
}

static int sleep_shielded(void *arg)
{
    (void)arg;
    LEAT_SHIELD (2 * LEAT_MSEC)
        return leat_sleep(LEAT_HOUR);
    return 0;
}

LEAT_TEST_TASK(shield, many_tasks_with_grace_are_ended_by_one_cancel)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < 500; i++)
        expect_ok(leat_spawn(&scope, sleep_shielded, NULL));
    expect_ok(leat_sleep(LEAT_MSEC));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
}

static void *shield_on_a_thread(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    leat_scope_cancel(&scope);
    LEAT_SHIELD (100 * LEAT_MSEC) { /* long enough for a thread that gets no core for a while */
        expect_ok(leat_sleep(LEAT_USEC));
        expect_err(leat_sleep(LEAT_HOUR), -ECANCELED);
    }
    return NULL;
}

LEAT_TEST(shield, it_works_on_a_plain_thread)
{
    pthread_t thread;

    expect_ok(pthread_create(&thread, NULL, shield_on_a_thread, NULL));
    expect_ok(pthread_join(thread, NULL));
}

/* ---- task-locals ---- */

static int dropped;

static void drop(void *value)
{
    __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
    free(value);
}

static const struct leat_local name_key = { .name = "name" };
static const struct leat_local heap_key = { .drop = drop };

static int expect_name(void *arg)
{
    expect_str_eq(leat_local_get(&name_key), arg);
    leat_yield();
    expect_str_eq(leat_local_get(&name_key), arg);
    return 0;
}

static int set_own_name(void *arg)
{
    expect_str_eq(leat_local_get(&name_key), "parent");
    expect_ok(leat_local_set(&name_key, arg));
    LEAT_SCOPE(scope);
    for (int i = 0; i < 10; i++)
        leat_spawn(&scope, expect_name, arg);
    return leat_scope_join(&scope);
}

LEAT_TEST_TASK(local, children_inherit_values_and_may_have_their_own)
{
    LEAT_SCOPE(outer);

    expect_null(leat_local_get(&name_key));
    expect_ok(leat_local_set(&name_key, "parent"));
    for (int i = 0; i < 20; i++) {
        expect_ok(leat_spawn(&outer, expect_name, "parent"));
        expect_ok(leat_spawn(&outer, set_own_name, i % 2 ? "odd" : "even"));
    }
    expect_ok(leat_scope_join(&outer));
    expect_str_eq(leat_local_get(&name_key), "parent");
}

LEAT_TEST_TASK(local, a_child_keeps_what_it_inherited_when_the_parent_sets_another)
{
    LEAT_SCOPE(scope);

    expect_ok(leat_local_set(&name_key, "first"));
    for (int i = 0; i < 10; i++)
        expect_ok(leat_spawn(&scope, expect_name, "first"));
    expect_ok(leat_local_set(&name_key, "second"));
    for (int i = 0; i < 10; i++)
        expect_ok(leat_spawn(&scope, expect_name, "second"));
    expect_ok(leat_scope_join(&scope));
}

static int set_heap_values(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) /* no scope is open: replaced values go at once */
        expect_ok(leat_local_set(&heap_key, malloc(16)));
    expect_eq(__atomic_load_n(&dropped, __ATOMIC_RELAXED), 2);
    LEAT_SCOPE(scope);
    for (int i = 0; i < 3; i++) /* children may hold them: they stay */
        expect_ok(leat_local_set(&heap_key, malloc(16)));
    expect_eq(__atomic_load_n(&dropped, __ATOMIC_RELAXED), 2);
    return 0;
}

LEAT_TEST_TASK(local, values_are_dropped_once_by_the_task_that_set_them)
{
    struct leat_task task;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 2; i++) {
        dropped = 0;
        if (i == 0)
            expect_ok(leat_spawn(&scope, set_heap_values, NULL));
        else
            expect_ok(leat_spawn_handle(&scope, &task, set_heap_values, NULL, NULL));
        while (__atomic_load_n(&dropped, __ATOMIC_RELAXED) < 6)
            expect_ok(leat_sleep(100 * LEAT_USEC));
    }
    expect_ok(leat_scope_join(&scope));
    expect_eq(dropped, 6);
}

static int spawn_a_sibling(void *arg)
{
    expect_ok(leat_local_set(&name_key, "mine"));
    return leat_spawn(arg, expect_name, "owner");
}

LEAT_TEST_TASK(local, a_task_inherits_from_its_scopes_owner_whoever_spawned_it)
{
    LEAT_SCOPE(scope);

    expect_ok(leat_local_set(&name_key, "owner"));
    for (int i = 0; i < 50; i++)
        expect_ok(leat_spawn(&scope, spawn_a_sibling, &scope));
    expect_ok(leat_scope_join(&scope));
}

static int name_in_the_pool(void *arg)
{
    expect_str_eq(leat_local_get(&name_key), arg);
    expect_err(leat_local_set(&name_key, NULL), -EPERM);
    return 0;
}

LEAT_TEST_TASK(local, a_call_on_the_blocking_pool_sees_its_callers_values)
{
    expect_ok(leat_local_set(&name_key, "caller"));
    expect_ok(leat_blocking(name_in_the_pool, "caller"));
}
