/* SPDX-License-Identifier: MIT */
/* RELIABILITY R11: the right worker and the right errno after every suspension, though the task may
 * be on another thread. Compiled as users compile, with leat's errno. */
#include "harness/test.h"
#include "platform/thread.h"
#include "sched/sched.h"

#include <leat/leat.h>

struct mover {
    int  number;
    long moved;
    int  alive; /* others that still run: nobody to move for otherwise */
};

/* errno is set, then the task suspends so that it can be stolen, then errno is read: in one
 * function, where a compiler that kept the address would use it. */
static int set_and_read(void *arg)
{
    struct mover *mover = arg;

    for (int i = 0; i < 2000 / TEST_SLOWDOWN; i++) {
        int before = leat_worker();

        errno = 1000 + mover->number;
        if (i % 8 == 0) {
            if (leat_sleep(LEAT_USEC))
                return -ECANCELED;
        } else {
            leat_yield();
        }
        if (errno != 1000 + mover->number) {
            test_fail("task %d reads errno %d", mover->number, errno);
            return -EIO;
        }
        mover->moved += leat_worker() != before;
        /* the accessor and the kernel agree on which thread this is */
        expect_eq(leat_worker(), (int)leat__worker_index(leat__worker_current()));
    }
    return 0;
}

LEAT_TEST_TASK(errno_of_a_task, survives_every_move_between_workers)
{
    struct mover movers[64];
    LEAT_SCOPE(scope);

    for (int i = 0; i < 64; i++) {
        movers[i] = (struct mover){ .number = i };
        leat_spawn(&scope, set_and_read, &movers[i]);
    }
    expect_ok(leat_scope_join(&scope));
}

static int keep_own(void *arg)
{
    LEAT_SCOPE(scope);
    struct mover movers[3];

    (void)arg;
    for (int i = 0; i < 3; i++) {
        movers[i] = (struct mover){ .number = i };
        leat_spawn(&scope, set_and_read, &movers[i]);
    }
    return leat_scope_join(&scope);
}

LEAT_TEST(errno_of_a_task, is_its_own_where_tasks_take_turns_on_one_worker)
{
    expect_ok(leat_run(keep_own, NULL, LEAT_OPTIONS(.workers = 1)));
}

static int clobber(void *arg)
{
    errno = *(int *)arg;
    leat_yield();
    errno = *(int *)arg;
    return 0;
}

LEAT_TEST_TASK(errno_of_a_task, is_not_touched_by_a_child_run_in_place)
{
    int other = 77;

    for (int i = 0; i < 100; i++) {
        LEAT_SCOPE(scope);

        errno = 42;
        leat_spawn(&scope, clobber, &other);
        expect_ok(leat_scope_join(&scope));
        expect_eq(errno, 42);
    }
}
