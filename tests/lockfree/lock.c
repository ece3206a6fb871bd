/* SPDX-License-Identifier: MIT */
/* The lock: it excludes, sleeps when it must, and may change hands. */
#include "lockfree/lock.h"

#include <time.h>

#include "items.h"

enum { THREADS = 4, ROUNDS = 100000 / TEST_SLOWDOWN };

static struct leat__lock lock;
static long count; /* plain: the lock has to order it */

LEAT_TEST(lock, try_fails_while_it_is_held)
{
    lock = (struct leat__lock){ 0 };
    expect(leat__trylock(&lock));
    expect(!leat__trylock(&lock));
    leat__unlock(&lock);
    leat__lock(&lock);
    expect(!leat__trylock(&lock));
    leat__unlock(&lock);
    expect_eq(load_relaxed(&lock.word), LEAT__LOCK_FREE); /* relaxed: no other thread */
}

static void *add(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 7 != 0 || !leat__trylock(&lock))
            leat__lock(&lock);
        count++;
        leat__unlock(&lock);
    }
    return NULL;
}

LEAT_TEST(lock, excludes_many_threads)
{
    pthread_t threads[THREADS];

    lock = (struct leat__lock){ 0 };
    count = 0;
    threads_start(threads, THREADS, add, NULL);
    threads_join(threads, THREADS);
    expect_eq(count, (long)THREADS * ROUNDS);
    expect_eq(load_relaxed(&lock.word), LEAT__LOCK_FREE); /* relaxed: no other thread */
}

/* Holds the lock for so long that the others go to sleep in the kernel. */
static void *hold(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        leat__lock(&lock);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
        count++;
        leat__unlock(&lock);
    }
    return NULL;
}

LEAT_TEST(lock, wakes_every_sleeper)
{
    pthread_t threads[THREADS];

    lock = (struct leat__lock){ 0 };
    count = 0;
    threads_start(threads, THREADS, hold, NULL);
    threads_join(threads, THREADS);
    expect_eq(count, 5 * THREADS);
}
