/* SPDX-License-Identifier: MIT */
/* A wait group opens when its count is zero. */
#include "harness/test.h"

#include <leat/leat.h>

struct work {
    struct leat_waitgroup group;
    int                   done;
};

static int finish(void *arg)
{
    struct work *work = arg;

    leat_yield();
    __atomic_fetch_add(&work->done, 1, __ATOMIC_RELAXED);
    leat_waitgroup_done(&work->group);
    return 0;
}

static int wait_for_all(void *arg)
{
    struct work *work = arg;
    int err = leat_waitgroup_wait(&work->group);

    expect_eq(__atomic_load_n(&work->done, __ATOMIC_RELAXED), 100);
    return err;
}

LEAT_TEST_TASK(waitgroup, waiters_go_on_when_everything_is_done)
{
    struct work work = { .done = 0 };
    LEAT_SCOPE(scope);

    leat_waitgroup_add(&work.group, 100);
    for (int i = 0; i < 10; i++)
        leat_spawn(&scope, wait_for_all, &work);
    for (int i = 0; i < 100; i++)
        leat_spawn(&scope, finish, &work);
    expect_ok(leat_waitgroup_wait(&work.group));
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(waitgroup, a_wait_ends_at_its_deadline)
{
    struct work work = { .done = 0 };

    leat_waitgroup_add(&work.group, 1);
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_waitgroup_wait(&work.group), -ETIMEDOUT);
    }
    leat_waitgroup_done(&work.group);
    expect_ok(leat_waitgroup_wait(&work.group));
}

static void done_too_often(void)
{
    struct leat_waitgroup group = { { 0 } };

    leat_waitgroup_done(&group);
}

LEAT_TEST(waitgroup, done_without_add_is_a_checked_bug)
{
    expect_dies(done_too_often, 6, "more often than was added");
}
