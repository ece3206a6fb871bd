/* SPDX-License-Identifier: MIT */
/* Debug reports on locks: each bug is told, with who did what where. (Of pthread mutexes:
 * tests/tools/held.sh, for they need a library of their own.) */
#include "sync/held.h"

#include <errno.h>

LEAT_TEST_TASK(held, two_orders_are_told_with_both_tasks_and_stacks)
{
    forget();
    RUN_EACH(a_then_b, b_then_a);
    expect_eq(end(), 1);
    assert_eq(heard.last.what, LEAT__HELD_ORDER);
    assert_eq(heard.last.count, 2);
    expect_str_eq(heard.last.steps[0].who.name, "later");
    expect(heard.last.steps[0].who.fn == b_then_a);
    expect(heard.last.steps[1].who.fn == a_then_b);
    expect_eq(heard.last.steps[0].held, heard.last.steps[1].wanted);
    expect_eq(heard.last.steps[1].held, heard.last.steps[0].wanted);
    expect_gt(heard.last.steps[0].count, 3);
    expect_gt(heard.last.steps[1].count, 3);
}

LEAT_TEST_TASK(held, a_cycle_of_three_is_told_once)
{
    forget();
    RUN_EACH(a_then_b, b_then_c, c_then_a, a_then_b, c_then_a, b_then_c);
    expect_eq(end(), 1);
    expect_eq(heard.last.count, 3);
}

static int read_then_write(void *arg)
{
    int err = leat_rwlock_lock_read(arg ? &ra : &rb);

    if (!err) {
        err = leat_rwlock_lock_write(arg ? &rb : &ra);
        if (!err)
            leat_rwlock_unlock_write(arg ? &rb : &ra);
        leat_rwlock_unlock_read(arg ? &ra : &rb);
    }
    return err;
}

LEAT_TEST_TASK(held, orders_of_rwlocks_are_told)
{
    forget();
    for (int i = 0; i < 2; i++) {
        LEAT_SCOPE(scope);

        leat_spawn(&scope, read_then_write, i ? &ra : NULL);
        expect_ok(leat_scope_join(&scope));
    }
    expect_eq(end(), 1);
}

static int mutex_then_write(void *arg)
{
    int err = leat_mutex_lock(&a);

    (void)arg;
    if (!err) {
        err = leat_rwlock_lock_write(&ra);
        if (!err)
            leat_rwlock_unlock_write(&ra);
        leat_mutex_unlock(&a);
    }
    return err;
}

static int read_then_mutex(void *arg)
{
    int err = leat_rwlock_lock_read(&ra);

    (void)arg;
    if (!err) {
        err = leat_mutex_lock(&a);
        if (!err)
            leat_mutex_unlock(&a);
        leat_rwlock_unlock_read(&ra);
    }
    return err;
}

LEAT_TEST_TASK(held, an_order_of_a_mutex_and_an_rwlock_is_told)
{
    forget();
    RUN_EACH(mutex_then_write, read_then_mutex);
    expect_eq(end(), 1);
}

static struct leat_condition condition;

/* Wakes with b held, and waits for a. */
static int wait_with_another(void *arg)
{
    int err = leat_mutex_lock(&a);

    (void)arg;
    if (err)
        return err;
    err = leat_mutex_lock(&b);
    if (!err) {
        LEAT_LIMIT(LEAT_MSEC);

        expect_err(leat_condition_wait(&condition, &a), -ETIMEDOUT);
        leat_mutex_unlock(&b);
    }
    leat_mutex_unlock(&a);
    return err;
}

LEAT_TEST_TASK(held, a_condition_that_is_waited_for_with_another_lock_is_told)
{
    forget();
    RUN_EACH(a_then_b, wait_with_another);
    expect_eq(end(), 1);
}

static int lock_twice(void *arg)
{
    LEAT_LIMIT(LEAT_MSEC);

    (void)arg;
    expect_ok(leat_mutex_lock(&a));
    expect_err(leat_mutex_lock(&a), -ETIMEDOUT);
    leat_mutex_unlock(&a);
    return 0;
}

LEAT_TEST_TASK(held, who_waits_for_itself_is_told)
{
    forget();
    RUN_EACH(lock_twice);
    expect_eq(end(), 1);
    expect_eq(heard.last.what, LEAT__HELD_AGAIN);
}

static int forget_to_unlock(void *arg)
{
    int err = leat_mutex_lock(&a);

    expect_ok(err); /* no tail call: the report is to name this function */
    return arg ? -EINVAL : err;
}

LEAT_TEST_TASK(held, a_lock_held_at_the_end_of_its_task_is_told)
{
    forget();
    RUN_EACH(forget_to_unlock);
    expect_eq(end(), 1);
    expect_eq(heard.last.what, LEAT__HELD_ENDED);
    expect(heard.last.steps[0].who.fn == forget_to_unlock);
    expect_eq(heard.last.steps[0].kind, LEAT__HELD_MUTEX);
    leat_mutex_unlock(&a);
}

static int forget_to_unlock_a_read(void *arg)
{
    (void)arg;
    return leat_rwlock_try_lock_read(&ra);
}

LEAT_TEST_TASK(held, an_rwlock_held_at_the_end_of_its_task_is_told)
{
    forget();
    RUN_EACH(forget_to_unlock_a_read);
    expect_eq(end(), 1);
    expect_eq(heard.last.what, LEAT__HELD_ENDED);
    expect_eq(heard.last.steps[0].kind, LEAT__HELD_READ);
    leat_rwlock_unlock_read(&ra);
}

static int unlock_anothers(void *arg)
{
    (void)arg;
    leat_mutex_unlock(&a);
    return 0;
}

LEAT_TEST_TASK(held, who_unlocks_what_another_holds_is_told)
{
    forget();
    expect_ok(leat_mutex_lock(&a));
    RUN_EACH(unlock_anothers);
    expect_eq(end(), 1);
    expect_eq(heard.last.what, LEAT__HELD_FOREIGN);
    expect(heard.last.steps[0].who.fn == unlock_anothers);
}

/* ---- in words ---- */

static int both_orders(void *arg)
{
    (void)arg;
    RUN_EACH(a_then_b, b_then_a);
    return 0;
}

static void print_orders(void)
{
    leat__held_watch(true);
    expect_ok(leat_run(both_orders, NULL, NULL));
}

static int end_with_it(void *arg)
{
    (void)arg;
    RUN_EACH(forget_to_unlock);
    return 0;
}

static void print_ended(void)
{
    leat__held_watch(true);
    expect_ok(leat_run(end_with_it, NULL, NULL));
}

LEAT_TEST(held, reports_name_tasks_functions_and_locks)
{
    expect_exits(print_orders, 0, "\"later\" (fn b_then_a) holds mutex 0x");
    expect_exits(print_orders, 0, "before, task ");
    expect_exits(print_orders, 0, "\"first\" (fn a_then_b) held mutex 0x");
    expect_exits(print_orders, 0, "(locked by nest");
    expect_exits(print_ended, 0, "\"first\" (fn forget_to_unlock) has ended and holds mutex");
    expect_exits(print_ended, 0, "(locked by forget_to_unlock");
}
