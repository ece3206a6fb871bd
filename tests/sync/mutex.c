/* SPDX-License-Identifier: MIT */
/* A mutex has one holder, whoever locks it, and a cancelled lock holds nothing. */
#include "harness/test.h"

#include <leat/leat.h>
#include <pthread.h>

struct shared {
    struct leat_mutex mutex;
    long              count; /* plain: the mutex guards it */
    bool              yields;
};

enum { ROUNDS = 2000 };

static int count_up(void *arg)
{
    struct shared *shared = arg;

    for (int i = 0; i < ROUNDS; i++) {
        int err = leat_mutex_lock(&shared->mutex);
        long seen = shared->count;

        if (err)
            return err;
        if (shared->yields && i % 16 == 0)
            leat_yield();
        shared->count = seen + 1;
        leat_mutex_unlock(&shared->mutex);
    }
    return 0;
}

static void *count_up_in_thread(void *arg)
{
    expect_ok(count_up(arg));
    return NULL;
}

static void count_up_in_tasks(struct shared *shared, int tasks)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < tasks; i++)
        leat_spawn(&scope, count_up, shared);
    expect_ok(leat_scope_join(&scope));
    expect_eq(shared->count, (long)tasks * ROUNDS);
}

LEAT_TEST_TASK(mutex, one_task_at_a_time_is_inside)
{
    struct shared shared = { .count = 0 };

    count_up_in_tasks(&shared, 20);
}

LEAT_TEST_TASK(mutex, a_holder_may_suspend)
{
    struct shared shared = { .yields = true };

    count_up_in_tasks(&shared, 20);
}

LEAT_TEST_TASK(mutex, tasks_and_plain_threads_share_one)
{
    struct shared shared = { .yields = true };
    pthread_t threads[3];
    LEAT_SCOPE(scope);

    for (int i = 0; i < 3; i++)
        assert_eq(pthread_create(&threads[i], NULL, count_up_in_thread, &shared), 0);
    for (int i = 0; i < 5; i++)
        leat_spawn(&scope, count_up, &shared);
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    expect_eq(shared.count, 8L * ROUNDS);
}

static void *run_runtime(void *arg)
{
    expect_ok(leat_run(count_up, arg, LEAT_OPTIONS(.workers = 1)));
    return NULL;
}

LEAT_TEST_TASK(mutex, two_runtimes_share_one)
{
    struct shared shared = { .yields = true };
    pthread_t thread;

    assert_eq(pthread_create(&thread, NULL, run_runtime, &shared), 0);
    expect_ok(count_up(&shared));
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(count_up(&shared));
    pthread_join(thread, NULL);
    expect_eq(shared.count, 3L * ROUNDS);
}

LEAT_TEST(mutex, all_zero_is_unlocked_and_try_lock_never_waits)
{
    struct leat_mutex mutex = { { 0 } };

    expect_ok(leat_mutex_try_lock(&mutex));
    expect_err(leat_mutex_try_lock(&mutex), -EAGAIN);
    leat_mutex_unlock(&mutex);
    expect_ok(leat_mutex_lock(&mutex));
    leat_mutex_unlock(&mutex);
}

LEAT_TEST_TASK(mutex, a_lock_ends_at_its_deadline_and_holds_nothing)
{
    struct leat_mutex mutex = { { 0 } };

    expect_ok(leat_mutex_lock(&mutex));
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_mutex_lock(&mutex), -ETIMEDOUT);
    }
    leat_mutex_unlock(&mutex);
    expect_ok(leat_mutex_try_lock(&mutex));
    leat_mutex_unlock(&mutex);
}

static int lock_and_keep(void *arg)
{
    return leat_mutex_lock(arg);
}

LEAT_TEST_TASK(mutex, a_cancelled_lock_holds_nothing)
{
    struct leat_mutex mutex = { { 0 } };

    expect_ok(leat_mutex_lock(&mutex));
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 5; i++)
            leat_spawn(&scope, lock_and_keep, &mutex);
        expect_ok(leat_sleep(LEAT_MSEC));
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
    }
    leat_mutex_unlock(&mutex);
    expect_ok(leat_mutex_try_lock(&mutex));
    leat_mutex_unlock(&mutex);
}

static int lock_and_unlock(void *arg)
{
    int err;

    while ((err = leat_mutex_lock(arg)) == 0) {
        leat_yield();
        leat_mutex_unlock(arg);
        if ((err = leat_cancelled()) != 0)
            break;
    }
    return err;
}

LEAT_TEST_TASK(mutex, cancels_at_random_instants_leave_it_unlocked)
{
    for (size_t round = 0; round < test_rounds(40, 2000); round++) {
        struct leat_mutex mutex = { { 0 } };

        {
            LEAT_SCOPE(scope, .deadline = leat_after((leat_time)(round * 37 % 900) * LEAT_USEC));

            for (int i = 0; i < 8; i++)
                leat_spawn(&scope, lock_and_unlock, &mutex);
            (void)leat_sleep((leat_time)(round * 53 % 700) * LEAT_USEC);
            leat_scope_cancel(&scope);
            (void)leat_scope_join(&scope);
        }
        expect_ok(leat_mutex_try_lock(&mutex));
        for (size_t i = 1; i < 3; i++)
            expect_eq(mutex.leat__private[i], 0u); /* nobody is in its list */
    }
}

struct greedy {
    struct leat_mutex mutex;
    bool              stop;
};

/* Hold it all the time, but for an instant. */
static int hog(void *arg)
{
    struct greedy *greedy = arg;

    while (!__atomic_load_n(&greedy->stop, __ATOMIC_RELAXED)) {
        int err = leat_mutex_lock(&greedy->mutex);

        if (err)
            return err;
        leat_yield();
        leat_mutex_unlock(&greedy->mutex);
    }
    return 0;
}

static int lock_once(void *arg)
{
    struct greedy *greedy = arg;
    int err = leat_mutex_lock(&greedy->mutex);

    if (err)
        return err;
    __atomic_store_n(&greedy->stop, true, __ATOMIC_RELAXED);
    leat_mutex_unlock(&greedy->mutex);
    return 0;
}

/* Hangs otherwise. */
LEAT_TEST_TASK(mutex, a_waiter_who_is_passed_over_is_handed_it)
{
    struct greedy greedy = { .stop = false };
    LEAT_SCOPE(scope);

    leat_spawn(&scope, hog, &greedy);
    leat_spawn(&scope, lock_once, &greedy);
    expect_ok(leat_scope_join(&scope));
}

static int lock_behind(void *arg)
{
    struct shared *shared = arg;
    int err = leat_mutex_lock(&shared->mutex);

    if (err)
        return err;
    shared->count++;
    leat_mutex_unlock(&shared->mutex);
    return 0;
}

/* On the waiter's worker, so that it cannot come in between. */
static int barge(void *arg)
{
    struct shared *shared = arg;
    LEAT_SCOPE(scope);

    expect_ok(leat_mutex_lock(&shared->mutex));
    leat_spawn_opt(&scope, lock_behind, shared, LEAT_TASK_OPTIONS(.pinned = true));
    expect_ok(leat_sleep(LEAT_MSEC)); /* it waits */
    leat_mutex_unlock(&shared->mutex);
    expect_ok(leat_mutex_try_lock(&shared->mutex));
    expect_eq(shared->count, 0);
    leat_mutex_unlock(&shared->mutex);
    expect_ok(leat_mutex_lock(&shared->mutex));
    expect_eq(shared->count, 0);
    leat_mutex_unlock(&shared->mutex);
    return leat_scope_join(&scope);
}

LEAT_TEST_TASK(mutex, who_comes_by_takes_it_in_front_of_who_waits)
{
    struct shared shared = { .count = 0 };
    LEAT_SCOPE(scope);

    leat_spawn_opt(&scope, barge, &shared, LEAT_TASK_OPTIONS(.pinned = true));
    expect_ok(leat_scope_join(&scope));
    expect_eq(shared.count, 1);
}

static void unlock_what_is_not_locked(void)
{
    struct leat_mutex mutex = { { 0 } };

    leat_mutex_unlock(&mutex);
}

LEAT_TEST(mutex, an_unlock_without_a_lock_is_a_checked_bug)
{
    expect_dies(unlock_what_is_not_locked, 6, "unlock a mutex");
}
