/* SPDX-License-Identifier: MIT */
/* Scopes own their children, and end them when one fails, when time is up, when somebody cancels.
 * */
#include "harness/test.h"

#include <leat/leat.h>

#include <stdlib.h>
#include <string.h>

static int count_up(void *arg)
{
    __atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
    return 0;
}

static int sleep_long(void *arg)
{
    int err = leat_sleep(LEAT_HOUR);

    if (arg)
        *(int *)arg = err;
    return err;
}

static int fail_with(void *arg)
{
    return *(int *)arg;
}

static int fail_later(void *arg)
{
    int err = leat_sleep(2 * LEAT_MSEC);

    return err ? err : *(int *)arg;
}

LEAT_TEST_TASK(scope, every_spawned_task_runs_once)
{
    int count = 0;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 10000; i++)
        expect_ok(leat_spawn(&scope, count_up, &count));
    expect_ok(leat_scope_join(&scope));
    expect_eq(count, 10000);
    expect_ok(leat_scope_join(&scope)); /* again: the same */
}

LEAT_TEST_TASK(scope, an_empty_scope_joins_at_once)
{
    LEAT_SCOPE(scope);

    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(scope, the_first_failure_cancels_the_siblings)
{
    int results[100], error = -EIO;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 100; i++)
        leat_spawn(&scope, sleep_long, &results[i]);
    leat_spawn(&scope, fail_later, &error);
    expect_err(leat_scope_join(&scope), -EIO);
    for (int i = 0; i < 100; i++)
        expect_err(results[i], -ECANCELED);
}

LEAT_TEST_TASK(scope, siblings_of_a_failure_finish_where_results_are_collected)
{
    int count = 0, error = -EIO, other = -ENOENT, status = 0;
    struct leat_task first;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    expect_ok(leat_spawn_handle(&scope, &first, fail_with, &error, NULL));
    for (int i = 0; i < 100; i++)
        leat_spawn(&scope, count_up, &count);
    expect_ok(leat_task_join(first, &status)); /* so that it is the first to fail */
    expect_err(status, -EIO);
    leat_spawn(&scope, fail_with, &other);
    expect_err(leat_scope_join(&scope), -EIO);
    expect_eq(count, 100);
}

LEAT_TEST_TASK(scope, a_failing_child_wakes_its_parent_from_other_calls)
{
    int error = -EIO;
    LEAT_SCOPE(scope);

    leat_spawn(&scope, fail_later, &error);
    expect_err(leat_sleep(LEAT_HOUR), -ECANCELED);
    expect_err(leat_sleep(1), -ECANCELED); /* sticks until the join */
    expect_err(leat_cancelled(), -ECANCELED);
    expect_err(leat_scope_join(&scope), -EIO);
    expect_ok(leat_cancelled());
}

LEAT_TEST_TASK(scope, a_deadline_ends_children_and_the_callers_own_calls)
{
    int result = 0;
    leat_time start = leat_now();

    {
        LEAT_SCOPE(scope, .deadline = leat_after(5 * LEAT_MSEC));

        leat_spawn(&scope, sleep_long, &result);
        expect_err(leat_sleep(LEAT_HOUR), -ETIMEDOUT);
        expect_err(leat_cancelled(), -ETIMEDOUT);
        expect_err(leat_scope_join(&scope), -ETIMEDOUT);
    }
    expect_err(result, -ETIMEDOUT);
    expect_ge(leat_now() - start, 5 * LEAT_MSEC);
    expect_ok(leat_cancelled());
}

LEAT_TEST_TASK(scope, a_deadline_that_has_passed_fails_the_first_call)
{
    LEAT_SCOPE(scope, .deadline = leat_now() - 1);

    expect_err(leat_sleep(LEAT_HOUR), -ETIMEDOUT);
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(scope, the_nearest_deadline_wins_and_an_outer_one_reads_as_cancelled)
{
    LEAT_SCOPE(outer, .deadline = leat_after(4 * LEAT_MSEC));

    {
        LEAT_SCOPE(inner, .deadline = leat_after(LEAT_HOUR));

        expect_err(leat_sleep(2 * LEAT_HOUR), -ECANCELED);
        expect_ok(leat_scope_join(&inner));
    }
    expect_err(leat_sleep(LEAT_HOUR), -ETIMEDOUT);
    expect_ok(leat_scope_join(&outer));
}

LEAT_TEST_TASK(scope, a_limit_without_tasks_bounds_the_rest_of_the_block)
{
    leat_time start = leat_now();

    {
        LEAT_LIMIT(3 * LEAT_MSEC);
        expect_err(leat_sleep(LEAT_HOUR), -ETIMEDOUT);
    }
    expect_ge(leat_now() - start, 3 * LEAT_MSEC);
    expect_ok(leat_sleep(1));
}

static int return_early(int *result)
{
    LEAT_SCOPE(scope);

    leat_spawn(&scope, sleep_long, result);
    leat_yield();
    return -EINTR; /* without a join */
}

LEAT_TEST_TASK(scope, an_early_return_cancels_and_waits)
{
    int result = 0;

    expect_err(return_early(&result), -EINTR);
    expect_err(result, -ECANCELED);
}

static int cancelled_from_the_start(void *arg)
{
    int *result = arg;

    *result = leat_sleep(LEAT_HOUR);
    return 0;
}

LEAT_TEST_TASK(scope, a_task_spawned_into_a_cancelled_scope_still_runs)
{
    int result = 0;
    LEAT_SCOPE(scope);

    leat_scope_cancel(&scope);
    expect_ok(leat_spawn(&scope, cancelled_from_the_start, &result));
    expect_ok(leat_scope_join(&scope));
    expect_err(result, -ECANCELED);
}

struct nested {
    int depth, result;
};

static int nest(void *arg)
{
    struct nested *nested = arg;
    struct nested inner = { nested->depth - 1, 0 };

    if (nested->depth == 0)
        return nested->result = leat_sleep(LEAT_HOUR);
    LEAT_SCOPE(scope);
    leat_spawn(&scope, nest, &inner);
    nested->result = leat_scope_join(&scope);
    expect_err(inner.result, -ECANCELED);
    return nested->result;
}

LEAT_TEST_TASK(scope, a_cancel_reaches_tasks_at_any_depth)
{
    struct nested nested[4];
    LEAT_SCOPE(scope);

    for (int i = 0; i < 4; i++) {
        nested[i] = (struct nested){ 40 * i, 0 };
        leat_spawn(&scope, nest, &nested[i]);
    }
    expect_ok(leat_sleep(3 * LEAT_MSEC));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    for (int i = 0; i < 4; i++)
        expect_err(nested[i].result, -ECANCELED);
}

struct at_once {
    int now, most, ended;
};

static int be_counted(void *arg)
{
    struct at_once *at_once = arg;
    int now = __atomic_add_fetch(&at_once->now, 1, __ATOMIC_RELAXED);
    int most = __atomic_load_n(&at_once->most, __ATOMIC_RELAXED);

    while (now > most &&
           !__atomic_compare_exchange_n(&at_once->most, &most, now, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
        ;
    leat_yield();
    __atomic_sub_fetch(&at_once->now, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&at_once->ended, 1, __ATOMIC_RELAXED);
    return 0;
}

LEAT_TEST_TASK(scope, a_limit_bounds_how_many_children_run_at_once)
{
    struct at_once at_once = { 0 };
    LEAT_SCOPE(scope, .limit = 5);

    for (int i = 0; i < 200; i++)
        expect_ok(leat_spawn(&scope, be_counted, &at_once));
    expect_ok(leat_scope_join(&scope));
    expect_le(at_once.most, 5);
    expect_eq(at_once.ended, 200);
}

static int wait_whatever_ends(void *event)
{
    LEAT_SHIELD (LEAT_NEVER)
        return leat_event_wait(event);
    return 0;
}

LEAT_TEST_TASK(scope, a_spawn_that_waits_at_the_limit_can_be_cancelled)
{
    struct leat_event go = { 0 };
    LEAT_SCOPE(scope, .limit = 1, .deadline = leat_after(3 * LEAT_MSEC));

    /* It keeps its place for longer than the deadline, or the spawn could get that just in time. */
    expect_ok(leat_spawn(&scope, wait_whatever_ends, &go));
    expect_err(leat_spawn(&scope, sleep_long, NULL), -ETIMEDOUT);
    leat_event_set(&go);
    expect_err(leat_scope_join(&scope), -ETIMEDOUT);
}

struct grower {
    struct leat_scope *scope;
    struct at_once     at_once;
    bool               inside; /* of a scope of its own */
};

/* It has not waited yet, so that the wait at the limit is what enters it into the tree. */
static int grow_its_own_scope(void *arg)
{
    struct grower *grower = arg;
    int err = 0;

    if (grower->inside) {
        LEAT_SCOPE(own);

        for (int i = 0; i < 3 && !err; i++)
            err = leat_spawn(grower->scope, be_counted, &grower->at_once);
        return err ? err : leat_scope_join(&own);
    }
    for (int i = 0; i < 3 && !err; i++)
        err = leat_spawn(grower->scope, be_counted, &grower->at_once);
    return err;
}

LEAT_TEST_TASK(scope, a_child_that_waits_at_the_limit_of_its_own_scope_goes_on)
{
    for (int inside = 0; inside < 2; inside++) {
        LEAT_SCOPE(scope, .limit = 2);
        struct grower grower = { .scope = &scope, .inside = inside };

        expect_ok(leat_spawn(&scope, grow_its_own_scope, &grower));
        while (__atomic_load_n(&grower.at_once.ended, __ATOMIC_RELAXED) < 3)
            expect_ok(leat_sleep(LEAT_MSEC / 10));
        expect_ok(leat_scope_join(&scope));
        expect_le(grower.at_once.most, 2);
    }
}

LEAT_TEST_TASK(scope, bad_options_are_remembered)
{
    struct leat_scope_options options = { .size = 3 };
    struct leat_scope scope;

    leat_scope_enter(&scope, &options);
    expect_err(leat_spawn(&scope, sleep_long, NULL), -EINVAL);
    expect_err(leat_scope_join(&scope), -EINVAL);
}

struct sum {
    char bytes[200];
    int *total;
};

static int add_bytes(void *arg)
{
    struct sum *sum = arg;
    int total = 0;

    leat_yield();
    for (size_t i = 0; i < sizeof sum->bytes; i++)
        total += sum->bytes[i];
    __atomic_fetch_add(sum->total, total, __ATOMIC_RELAXED);
    return 0;
}

static int add_int(void *arg)
{
    struct { int *total; int n; } *value = arg;

    leat_yield();
    __atomic_fetch_add(value->total, value->n, __ATOMIC_RELAXED);
    return 0;
}

LEAT_TEST_TASK(spawn_with, each_task_gets_its_own_copy_small_and_large)
{
    struct { int *total; int n; } small;
    struct sum large;
    int total = 0;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 100; i++) {
        memset(large.bytes, i % 7, sizeof large.bytes);
        large.total = &total;
        expect_ok(leat_spawn_with(&scope, add_bytes, &large, sizeof large));
        small.total = &total;
        small.n = 1000;
        expect_ok(leat_spawn_with(&scope, add_int, &small, sizeof small));
    }
    expect_ok(leat_scope_join(&scope));
    expect_eq(total, 100 * 1000 + 200 * (14 * 21 + 0 + 1));
}

LEAT_TEST_TASK(spawn_with, a_copy_of_nothing_is_fine_and_one_over_the_limit_is_refused)
{
    int count = 0;
    static char big[65537];
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    (void)count;
    expect_err(leat_spawn_with(&scope, fail_with, big, sizeof big), -E2BIG);
    expect_err(leat_scope_join(&scope), -E2BIG);
}

static int name_is(void *arg)
{
    expect_str_eq(leat_task_name(), arg);
    return 0;
}

LEAT_TEST_TASK(spawn, a_task_knows_its_name)
{
    LEAT_SCOPE(scope);

    expect_str_eq(leat_task_name(), "root");
    leat_spawn_opt(&scope, name_is, (char[]){ "miller" }, LEAT_TASK_OPTIONS(.name = "miller"));
    expect_ok(leat_scope_join(&scope));
}

static int stay(void *arg)
{
    int home = leat_worker();

    (void)arg;
    for (int i = 0; i < 200; i++) {
        if (i % 20 == 0)
            expect_ok(leat_sleep(100 * LEAT_USEC));
        else
            leat_yield();
        expect_eq(leat_worker(), home);
    }
    return 0;
}

LEAT_TEST_TASK(spawn, pinned_tasks_stay_on_their_worker)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < 50; i++)
        leat_spawn_opt(&scope, stay, NULL, LEAT_TASK_OPTIONS(.pinned = true));
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST(spawn, a_plain_threads_scope_has_no_runtime_to_spawn_into)
{
    LEAT_SCOPE(scope);

    expect_err(leat_spawn(&scope, sleep_long, NULL), -EPERM);
    expect_err(leat_scope_join(&scope), -EPERM);
}

static void note_defer(int *order)
{
    expect_ok(leat_sleep(100)); /* shielded */
    *order = *order * 10 + 1;
}

static int defer_twice(int *order)
{
    LEAT_SCOPE(scope);

    leat_scope_cancel(&scope);
    LEAT_DEFER(note_defer, order);
    expect_err(leat_sleep(100), -ECANCELED);
    return 0;
}

LEAT_TEST_TASK(defer, deferred_functions_run_shielded_at_the_end_of_the_block)
{
    int order = 0;

    expect_ok(defer_twice(&order));
    expect_eq(order, 1);
}

static int recurse(void *arg)
{
    intptr_t depth = (intptr_t)arg;

    if (depth == 0)
        return 0;
    LEAT_SCOPE(scope);
    leat_spawn(&scope, recurse, (void *)(depth - 1));
    leat_spawn(&scope, recurse, (void *)(depth - 1));
    return leat_scope_join(&scope);
}

LEAT_TEST_TASK(scope, a_tree_of_scopes_joins)
{
    expect_ok(recurse((void *)(intptr_t)10));
}

static int chain(void *arg)
{
    intptr_t depth = (intptr_t)arg;

    if (depth == 0)
        return leat_sleep(LEAT_USEC);
    LEAT_SCOPE(scope);
    leat_spawn(&scope, chain, (void *)(depth - 1));
    return leat_scope_join(&scope);
}

/* Children run in place only while their promised stack is left: no chain overflows. */
LEAT_TEST_TASK(scope, a_chain_of_a_thousand_scopes_joins)
{
    expect_ok(chain((void *)(intptr_t)1000));
}

LEAT_TEST_TASK(scope, a_limit_from_before_the_clock_began_has_passed)
{
    static const leat_time delays[] = { 0, -1, -LEAT_HOUR, -1000000 * LEAT_HOUR, INT64_MIN };

    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        LEAT_LIMIT(delays[i]);
        expect_err(leat_sleep(LEAT_NSEC), -ETIMEDOUT);
        expect_gt(leat_deadline(), 0);
    }
}
