/* SPDX-License-Identifier: MIT */
/* Debug reports on locks: a correct program hears nothing. */
#include "sync/held.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

LEAT_TEST_TASK(held, one_order_is_silent)
{
    forget();
    RUN_EACH(a_then_b, b_then_c, a_then_b, b_then_c);
    expect_eq(end(), 0);
}

static int try_b_then_a(void *arg)
{
    (void)arg;
    expect_ok(leat_mutex_lock(&b));
    if (leat_mutex_try_lock(&a) == 0)
        leat_mutex_unlock(&a);
    leat_mutex_unlock(&b);
    return 0;
}

LEAT_TEST_TASK(held, who_only_tries_is_silent)
{
    forget();
    RUN_EACH(a_then_b, try_b_then_a);
    expect_eq(end(), 0);
}

static int gated_a_then_b(void *arg)
{
    int err = leat_mutex_lock(&gate);

    (void)arg;
    if (!err) {
        err = nest(&a, &b);
        leat_mutex_unlock(&gate);
    }
    return err;
}

static int gated_b_then_a(void *arg)
{
    int err = leat_mutex_lock(&gate);

    (void)arg;
    if (!err) {
        err = nest(&b, &a);
        leat_mutex_unlock(&gate);
    }
    return err;
}

LEAT_TEST_TASK(held, two_orders_behind_one_gate_are_silent)
{
    forget();
    RUN_EACH(gated_a_then_b, gated_b_then_a, gated_a_then_b);
    expect_eq(end(), 0);
}

LEAT_TEST_TASK(held, a_gate_that_one_of_them_leaves_out_is_told)
{
    forget();
    RUN_EACH(gated_a_then_b, gated_b_then_a, a_then_b);
    expect_eq(end(), 1);
}

static int both_in_turn(void *arg)
{
    int err = nest(&a, &b);

    (void)arg;
    return err ? err : nest(&b, &a);
}

LEAT_TEST_TASK(held, one_task_that_takes_both_orders_is_silent)
{
    forget();
    RUN_EACH(both_in_turn);
    expect_eq(end(), 0);
}

static int read_both(void *arg)
{
    struct leat_rwlock *first = arg ? &ra : &rb, *second = arg ? &rb : &ra;
    int err = leat_rwlock_lock_read(first);

    if (!err) {
        err = leat_rwlock_lock_read(second);
        if (!err)
            leat_rwlock_unlock_read(second);
        leat_rwlock_unlock_read(first);
    }
    return err;
}

LEAT_TEST_TASK(held, readers_in_two_orders_are_silent)
{
    forget();
    for (int i = 0; i < 4; i++) {
        LEAT_SCOPE(scope);

        leat_spawn(&scope, read_both, i % 2 ? &ra : NULL);
        leat_spawn(&scope, read_both, i % 2 ? &ra : NULL);
        expect_ok(leat_scope_join(&scope));
    }
    expect_eq(end(), 0);
}

LEAT_TEST_TASK(held, memory_that_is_zeroed_is_another_lock)
{
    forget();
    RUN_EACH(a_then_b);
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    RUN_EACH(b_then_a);
    expect_eq(end(), 0);
}

LEAT_TEST_TASK(held, a_lock_that_was_moved_is_another_lock)
{
    forget();
    RUN_EACH(a_then_b);
    c = a;
    RUN_EACH(b_then_c);
    expect_eq(end(), 0);
}

static int hand_over_hand(void *arg)
{
    struct leat_mutex *chain = arg;

    expect_ok(leat_mutex_lock(&chain[0]));
    for (int i = 1; i < 8; i++) {
        expect_ok(leat_mutex_lock(&chain[i]));
        leat_mutex_unlock(&chain[i - 1]);
    }
    leat_mutex_unlock(&chain[7]);
    return 0;
}

LEAT_TEST_TASK(held, hand_over_hand_is_silent)
{
    struct leat_mutex chain[8] = { { { 0 } } };
    LEAT_SCOPE(scope);

    forget();
    for (int i = 0; i < 4; i++)
        leat_spawn(&scope, hand_over_hand, chain);
    expect_ok(leat_scope_join(&scope));
    expect_eq(end(), 0);
}

static struct leat_condition condition;

static int wait_for_a_signal(void *arg)
{
    bool *set = arg;

    expect_ok(leat_mutex_lock(&a));
    while (!*set)
        expect_ok(leat_condition_wait(&condition, &a));
    leat_mutex_unlock(&a);
    return 0;
}

LEAT_TEST_TASK(held, waiting_for_a_condition_is_silent)
{
    bool set = false;
    LEAT_SCOPE(scope);

    forget();
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, wait_for_a_signal, &set);
    for (int i = 0; i < 3; i++)
        leat_yield();
    expect_ok(leat_mutex_lock(&a));
    set = true;
    leat_condition_broadcast(&condition);
    leat_mutex_unlock(&a);
    expect_ok(leat_scope_join(&scope));
    expect_eq(end(), 0);
}

static int give_up(void *arg)
{
    LEAT_LIMIT(LEAT_MSEC);

    (void)arg;
    expect_err(leat_mutex_lock(&a), -ETIMEDOUT);
    expect_err(leat_mutex_try_lock(&a), -EAGAIN);
    expect_err(leat_rwlock_lock_read(&ra), -ETIMEDOUT);
    expect_err(leat_rwlock_try_lock_write(&ra), -EAGAIN);
    return 0;
}

LEAT_TEST_TASK(held, what_was_not_got_is_not_held)
{
    forget();
    expect_ok(leat_mutex_lock(&a));
    expect_ok(leat_rwlock_lock_write(&ra));
    RUN_EACH(give_up);
    leat_rwlock_unlock_write(&ra);
    leat_mutex_unlock(&a);
    expect_eq(end(), 0);
}

static void unlock_dropped(void *value)
{
    leat_mutex_unlock(value);
}

static const struct leat_local unlocks = { .drop = unlock_dropped };

static int leave_it_to_a_local(void *arg)
{
    (void)arg;
    expect_ok(leat_local_set(&unlocks, &a)); /* before the first lock, so dropped after */
    return leat_mutex_lock(&a);
}

LEAT_TEST_TASK(held, a_local_that_unlocks_at_the_end_is_silent)
{
    forget();
    RUN_EACH(leave_it_to_a_local);
    expect_eq(end(), 0);
}

static void unlock_deferred(void *mutex)
{
    leat_mutex_unlock(mutex);
}

static int defer(void *arg)
{
    int err = leat_mutex_lock(&a);
    LEAT_DEFER(unlock_deferred, &a);

    (void)arg;
    return err ? err : leat_sleep(LEAT_USEC);
}

LEAT_TEST_TASK(held, a_deferred_unlock_and_a_suspension_are_silent)
{
    LEAT_SCOPE(scope);

    forget();
    for (int i = 0; i < 4; i++)
        leat_spawn(&scope, defer, NULL);
    expect_ok(leat_scope_join(&scope));
    expect_eq(end(), 0);
}

static int lock_b(void *arg)
{
    int err = leat_mutex_lock(&b);

    (void)arg;
    if (!err)
        leat_mutex_unlock(&b);
    return err;
}

LEAT_TEST_TASK(held, what_a_parent_holds_is_not_held_by_its_child)
{
    forget();
    RUN_EACH(b_then_a);
    expect_ok(leat_mutex_lock(&a));
    RUN_EACH(lock_b); /* in place, on the parent's stack */
    leat_mutex_unlock(&a);
    expect_eq(end(), 0);
}

static struct leat_once once;

static int lock_c(void *arg)
{
    int err = leat_mutex_lock(&c);

    (void)arg;
    if (!err)
        leat_mutex_unlock(&c);
    return err;
}

static int once_inside(void *arg)
{
    int err = leat_mutex_lock(&a);

    (void)arg;
    if (!err) {
        err = leat_once_run(&once, lock_c, NULL);
        leat_mutex_unlock(&a);
    }
    return err;
}

LEAT_TEST_TASK(held, once_is_silent)
{
    LEAT_SCOPE(scope);

    memset(&once, 0, sizeof once);
    forget();
    for (int i = 0; i < 4; i++)
        leat_spawn(&scope, once_inside, NULL);
    expect_ok(leat_scope_join(&scope));
    expect_eq(end(), 0);
}

static int lock_many(void *arg)
{
    struct leat_mutex *many = arg;

    for (int i = 0; i < 24; i++)
        expect_ok(leat_mutex_lock(&many[i]));
    for (int i = 0; i < 24; i++)
        leat_mutex_unlock(&many[i]);
    return 0;
}

LEAT_TEST_TASK(held, more_locks_than_are_known_are_silent)
{
    struct leat_mutex many[24] = { { { 0 } } };
    LEAT_SCOPE(scope);

    forget();
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, lock_many, many);
    expect_ok(leat_scope_join(&scope));
    expect_eq(end(), 0);
}

static int yield_with_a_lock(struct leat_gen *gen, void *arg)
{
    int err = leat_mutex_lock(&a);

    (void)arg;
    for (int i = 0; !err && i < 3; i++)
        err = leat_yield_value(gen, &i);
    leat_mutex_unlock(&a);
    return err;
}

LEAT_TEST_TASK(held, a_generator_that_yields_with_a_lock_is_silent)
{
    int sum = 0, value;

    forget();
    {
        LEAT_GEN(numbers, int, yield_with_a_lock, NULL);

        while (leat_next(&numbers, &value) == 0) {
            expect_ok(nest(&b, &c));
            sum += value;
        }
    }
    expect_eq(sum, 3);
    expect_eq(end(), 0);
}

static void *lock_on_a_thread(void *arg)
{
    (void)arg;
    expect_ok(nest(&a, &b));
    return NULL;
}

static void *die_with_a_lock(void *arg)
{
    (void)arg;
    expect_ok(leat_mutex_lock(&c));
    return NULL;
}

LEAT_TEST(held, threads_in_the_memory_of_others_are_silent)
{
    pthread_t thread;

    forget();
    expect_ok(nest(&b, &c));
    for (int i = 0; i < 20; i++) {
        assert_ok(pthread_create(&thread, NULL, i == 0 ? die_with_a_lock : lock_on_a_thread, NULL));
        pthread_join(thread, NULL);
    }
    expect_eq(end(), 0);
}

/* Thousands of short-lived locks: what is known of them has a bound. */
LEAT_TEST_TASK(held, locks_without_end_are_silent)
{
    forget();
    for (int i = 0; i < 10000 / TEST_SLOWDOWN; i++) {
        struct leat_mutex *pair = calloc(2, sizeof *pair);

        assert_not_null(pair);
        expect_ok(i % 2 ? nest(&pair[0], &pair[1]) : nest(&pair[1], &pair[0]));
        free(pair);
        if (i % 100 == 0)
            leat_yield();
    }
    expect_eq(end(), 0);
}

LEAT_TEST_TASK(held, many_tasks_in_one_order_are_silent)
{
    LEAT_SCOPE(scope);

    forget();
    for (int i = 0; i < 1000 / TEST_SLOWDOWN; i++)
        leat_spawn(&scope, i % 2 ? a_then_b : b_then_c, NULL);
    expect_ok(leat_scope_join(&scope));
    expect_eq(end(), 0);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static void odd_value(void)
{
    setenv("LEAT_DEBUG", "yes", 1);
    expect_err(leat_run(nothing, NULL, NULL), -EINVAL);
}

LEAT_TEST(held, an_unknown_value_of_the_variable_is_an_error)
{
    expect_exits(odd_value, 0, "LEAT_DEBUG=yes: expected 0 or 1");
}
