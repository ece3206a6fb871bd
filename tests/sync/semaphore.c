/* SPDX-License-Identifier: MIT */
/* Semaphores hand out no more permits than there are and lose none. */
#include "harness/test.h"

#include <leat/leat.h>

struct shared {
    struct leat_semaphore semaphore;
    int                   inside, most, entered;
};

static int enter(void *arg)
{
    struct shared *shared = arg;
    int err, now;

    for (int i = 0; i < 20; i++) {
        err = leat_semaphore_acquire(&shared->semaphore, 1);
        if (err)
            return err;
        now = __atomic_add_fetch(&shared->inside, 1, __ATOMIC_RELAXED);
        expect_le(now, 3);
        leat_yield();
        __atomic_sub_fetch(&shared->inside, 1, __ATOMIC_RELAXED);
        __atomic_add_fetch(&shared->entered, 1, __ATOMIC_RELAXED);
        leat_semaphore_release(&shared->semaphore, 1);
    }
    return 0;
}

LEAT_TEST_TASK(semaphore, no_more_tasks_are_inside_than_permits)
{
    struct shared shared = { .inside = 0 };
    LEAT_SCOPE(scope);

    leat_semaphore_init(&shared.semaphore, 3);
    for (int i = 0; i < 50; i++)
        leat_spawn(&scope, enter, &shared);
    expect_ok(leat_scope_join(&scope));
    expect_eq(shared.entered, 1000);
    expect_eq(leat_semaphore_available(&shared.semaphore), 3u);
}

LEAT_TEST(semaphore, all_zero_is_valid_and_empty)
{
    struct leat_semaphore semaphore = { { 0 } };

    expect_err(leat_semaphore_try_acquire(&semaphore, 1), -EAGAIN);
    leat_semaphore_release(&semaphore, 2);
    expect_ok(leat_semaphore_try_acquire(&semaphore, 2));
    expect_ok(leat_semaphore_try_acquire(&semaphore, 0));
}

struct taker {
    struct leat_semaphore *semaphore;
    uint32_t               permits;
    int                   *order;
    int                    place;
};

static int take(void *arg)
{
    struct taker *taker = arg;
    int err = leat_semaphore_acquire(taker->semaphore, taker->permits);

    if (!err)
        taker->place = __atomic_add_fetch(taker->order, 1, __ATOMIC_RELAXED);
    return err;
}

LEAT_TEST_TASK(semaphore, a_large_request_is_not_starved_by_small_ones_behind_it)
{
    struct leat_semaphore semaphore;
    int order = 0;
    struct taker large = { &semaphore, 10, &order, 0 }, small = { &semaphore, 1, &order, 0 };
    LEAT_SCOPE(scope);

    leat_semaphore_init(&semaphore, 5);
    leat_spawn(&scope, take, &large);
    expect_ok(leat_sleep(2 * LEAT_MSEC));
    leat_spawn(&scope, take, &small);
    expect_ok(leat_sleep(2 * LEAT_MSEC));
    expect_eq(small.place, 0);
    expect_err(leat_semaphore_try_acquire(&semaphore, 1), -EAGAIN);
    leat_semaphore_release(&semaphore, 6);
    expect_ok(leat_scope_join(&scope));
    expect_ne(large.place, 0);
    expect_ne(small.place, 0);
    expect_eq(leat_semaphore_available(&semaphore), 0u);
}

LEAT_TEST_TASK(semaphore, a_cancelled_large_request_lets_the_ones_behind_it_in)
{
    struct leat_semaphore semaphore;
    int order = 0;
    struct taker large = { &semaphore, 10, &order, 0 }, small = { &semaphore, 1, &order, 0 };
    LEAT_SCOPE(outer);

    leat_semaphore_init(&semaphore, 5);
    {
        LEAT_SCOPE(inner);

        leat_spawn(&inner, take, &large);
        expect_ok(leat_sleep(2 * LEAT_MSEC));
        leat_spawn(&outer, take, &small);
        expect_ok(leat_sleep(2 * LEAT_MSEC));
        leat_scope_cancel(&inner);
        expect_err(leat_scope_join(&inner), -ECANCELED);
    }
    expect_ok(leat_scope_join(&outer));
    expect_eq(small.place, 1);
    expect_eq(leat_semaphore_available(&semaphore), 4u);
}

static int take_and_give(void *arg)
{
    struct leat_semaphore *semaphore = arg;
    int err;

    while ((err = leat_semaphore_acquire(semaphore, 2)) == 0) {
        leat_yield();
        leat_semaphore_release(semaphore, 2);
    }
    return err;
}

LEAT_TEST_TASK(semaphore, cancels_at_random_instants_lose_no_permit)
{
    for (size_t round = 0; round < test_rounds(40, 2000); round++) {
        struct leat_semaphore semaphore;

        leat_semaphore_init(&semaphore, 5);
        {
            LEAT_SCOPE(scope, .deadline = leat_after((leat_time)(round * 37 % 900) * LEAT_USEC));

            for (int i = 0; i < 8; i++)
                leat_spawn(&scope, take_and_give, &semaphore);
            (void)leat_sleep((leat_time)(round * 53 % 700) * LEAT_USEC);
            leat_scope_cancel(&scope);
            (void)leat_scope_join(&scope);
        }
        expect_eq(leat_semaphore_available(&semaphore), 5u);
    }
}

struct crowd {
    struct leat_semaphore semaphore;
    int                   begun, most;
};

static int pass_through(void *arg)
{
    struct crowd *crowd = arg;
    int begun = __atomic_add_fetch(&crowd->begun, 1, __ATOMIC_RELAXED), err;
    int most = __atomic_load_n(&crowd->most, __ATOMIC_RELAXED);

    while (begun > most && !__atomic_compare_exchange_n(&crowd->most, &most, begun, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    err = leat_semaphore_acquire(&crowd->semaphore, 1);
    if (err)
        return err;
    leat_yield();
    leat_semaphore_release(&crowd->semaphore, 1);
    __atomic_sub_fetch(&crowd->begun, 1, __ATOMIC_RELAXED);
    return 0;
}

enum { CROWD = 20000 };

static int send_a_crowd_through(void *arg)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < CROWD; i++)
        leat_spawn(&scope, pass_through, arg);
    return leat_scope_join(&scope);
}

/* A task that has begun needs a stack: few of them do, though all of them are there. */
LEAT_TEST(semaphore, a_crowd_begins_no_faster_than_it_gets_through)
{
    struct crowd crowd = { .begun = 0 };

    leat_semaphore_init(&crowd.semaphore, 10);
    expect_ok(leat_run(send_a_crowd_through, &crowd, LEAT_OPTIONS(.workers = 1)));
    expect_lt(crowd.most, CROWD / 4);
}
