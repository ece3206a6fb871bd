/* SPDX-License-Identifier: MIT */
/* An rwlock has many readers or one writer, and neither kind starves the other. */
#include "harness/test.h"

#include <leat/leat.h>

#include <stdatomic.h>
#include <pthread.h>

struct shared {
    struct leat_rwlock rwlock;
    long               a, b; /* equal, but for a writer */
    int                readers, most;
};

static int read_some(void *arg)
{
    struct shared *shared = arg;

    for (int i = 0; i < 300; i++) {
        int err = leat_rwlock_lock_read(&shared->rwlock);
        int now;

        if (err)
            return err;
        now = __atomic_add_fetch(&shared->readers, 1, __ATOMIC_RELAXED);
        if (now > __atomic_load_n(&shared->most, __ATOMIC_RELAXED))
            __atomic_store_n(&shared->most, now, __ATOMIC_RELAXED);
        expect_eq(shared->a, shared->b);
        if (i % 8 == 0)
            leat_yield();
        expect_eq(shared->a, shared->b);
        __atomic_sub_fetch(&shared->readers, 1, __ATOMIC_RELAXED);
        leat_rwlock_unlock_read(&shared->rwlock);
    }
    return 0;
}

static int write_some(void *arg)
{
    struct shared *shared = arg;

    for (int i = 0; i < 100; i++) {
        int err = leat_rwlock_lock_write(&shared->rwlock);

        if (err)
            return err;
        expect_eq(__atomic_load_n(&shared->readers, __ATOMIC_RELAXED), 0);
        shared->a++;
        leat_yield();
        shared->b++;
        leat_rwlock_unlock_write(&shared->rwlock);
    }
    return 0;
}

static void *write_in_thread(void *arg)
{
    expect_ok(write_some(arg));
    return NULL;
}

LEAT_TEST_TASK(rwlock, readers_see_no_writer_half_done)
{
    struct shared shared = { .a = 0 };
    pthread_t thread;
    LEAT_SCOPE(scope);

    assert_eq(pthread_create(&thread, NULL, write_in_thread, &shared), 0);
    for (int i = 0; i < 10; i++)
        leat_spawn(&scope, read_some, &shared);
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, write_some, &shared);
    expect_ok(leat_scope_join(&scope));
    pthread_join(thread, NULL);
    expect_eq(shared.a, 400);
    expect_eq(shared.b, 400);
}

LEAT_TEST(rwlock, all_zero_is_free_and_try_never_waits)
{
    struct leat_rwlock rwlock = { { 0 } };

    expect_ok(leat_rwlock_try_lock_read(&rwlock));
    expect_ok(leat_rwlock_lock_read(&rwlock));
    expect_err(leat_rwlock_try_lock_write(&rwlock), -EAGAIN);
    leat_rwlock_unlock_read(&rwlock);
    leat_rwlock_unlock_read(&rwlock);
    expect_ok(leat_rwlock_try_lock_write(&rwlock));
    expect_err(leat_rwlock_try_lock_read(&rwlock), -EAGAIN);
    expect_err(leat_rwlock_try_lock_write(&rwlock), -EAGAIN);
    leat_rwlock_unlock_write(&rwlock);
    expect_ok(leat_rwlock_lock_write(&rwlock));
    leat_rwlock_unlock_write(&rwlock);
    for (size_t i = 0; i < 4; i++)
        expect_eq(rwlock.leat__private[i], 0u); /* the rest is for debug reports */
}

static int lock_write(void *arg)
{
    int err = leat_rwlock_lock_write(arg);

    if (!err)
        leat_rwlock_unlock_write(arg);
    return err;
}

/* Until a writer is in line. */
static void until_reading_would_wait(struct leat_rwlock *rwlock)
{
    while (leat_rwlock_try_lock_read(rwlock) == 0) {
        leat_rwlock_unlock_read(rwlock);
        leat_yield();
    }
}

LEAT_TEST_TASK(rwlock, a_reader_that_comes_after_a_waiting_writer_waits)
{
    struct leat_rwlock rwlock = { { 0 } };
    LEAT_SCOPE(scope);

    expect_ok(leat_rwlock_lock_read(&rwlock));
    leat_spawn(&scope, lock_write, &rwlock);
    until_reading_would_wait(&rwlock);
    {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(leat_rwlock_lock_read(&rwlock), -ETIMEDOUT);
    }
    leat_rwlock_unlock_read(&rwlock);
    expect_ok(leat_scope_join(&scope));
}

/* Readers without a gap: each holds it while the others come and go. */
struct crowd {
    struct leat_rwlock rwlock;
    atomic_bool        over;
    atomic_long        reads;
};

static int read_on(void *arg)
{
    struct crowd *crowd = arg;
    int err = 0;

    while (!err && !atomic_load(&crowd->over)) {
        err = leat_rwlock_lock_read(&crowd->rwlock);
        if (err)
            break;
        leat_yield();
        atomic_fetch_add(&crowd->reads, 1);
        leat_rwlock_unlock_read(&crowd->rwlock);
    }
    return err;
}

LEAT_TEST_TASK(rwlock, a_writer_gets_through_a_crowd_of_readers_and_lets_them_read)
{
    enum { READERS = 16, WRITES = 100 };
    struct crowd crowd = { .reads = 0 };
    long before, idle = 0;
    LEAT_SCOPE(scope);

    for (int i = 0; i < READERS; i++)
        leat_spawn(&scope, read_on, &crowd);
    for (int i = 0; i < WRITES; i++) {
        before = atomic_load(&crowd.reads);
        assert_ok(leat_rwlock_lock_write(&crowd.rwlock));
        leat_yield();
        leat_rwlock_unlock_write(&crowd.rwlock);
        leat_yield();
        idle += atomic_load(&crowd.reads) == before;
    }
    expect_lt(idle, WRITES);
    atomic_store(&crowd.over, true);
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST_TASK(rwlock, a_writer_that_gives_up_lets_readers_in)
{
    struct leat_rwlock rwlock = { { 0 } };

    expect_ok(leat_rwlock_lock_read(&rwlock));
    {
        LEAT_SCOPE(scope);

        leat_spawn(&scope, lock_write, &rwlock);
        until_reading_would_wait(&rwlock);
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
    }
    expect_ok(leat_rwlock_try_lock_read(&rwlock));
    leat_rwlock_unlock_read(&rwlock);
    leat_rwlock_unlock_read(&rwlock);
    expect_ok(leat_rwlock_try_lock_write(&rwlock));
    leat_rwlock_unlock_write(&rwlock);
}

static void unlock_what_is_not_locked(void)
{
    struct leat_rwlock rwlock = { { 0 } };

    leat_rwlock_unlock_read(&rwlock);
}

LEAT_TEST(rwlock, an_unlock_without_a_lock_is_a_checked_bug)
{
    expect_dies(unlock_what_is_not_locked, 6, "unlock an rwlock");
}
