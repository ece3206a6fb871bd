/* SPDX-License-Identifier: MIT */
/* Plain threads and the tasks of two runtimes meet at the same objects. */
#include "harness/test.h"

#include <leat/leat.h>
#include <pthread.h>

enum { ROUNDS = 50, CROWD = 4 };

struct meeting {
    struct leat_barrier   barrier;
    struct leat_semaphore semaphore;
    struct leat_waitgroup group;
    struct leat_once      once;
    struct leat_bucket    bucket;
    int                   last, inside, calls;
};

static int call_once(void *arg)
{
    struct meeting *meeting = arg;

    meeting->calls++; /* plain: once guards it */
    return 0;
}

static int meet(void *arg)
{
    struct meeting *meeting = arg;

    for (int i = 0; i < ROUNDS; i++) {
        int place = leat_barrier_wait(&meeting->barrier);

        if (place < 0)
            return place;
        __atomic_add_fetch(&meeting->last, place, __ATOMIC_RELAXED);
        expect_ok(leat_semaphore_acquire(&meeting->semaphore, 1));
        expect_le(__atomic_add_fetch(&meeting->inside, 1, __ATOMIC_RELAXED), 2);
        __atomic_sub_fetch(&meeting->inside, 1, __ATOMIC_RELAXED);
        leat_semaphore_release(&meeting->semaphore, 1);
        expect_ok(leat_once_run(&meeting->once, call_once, meeting));
        expect_ok(leat_bucket_acquire(&meeting->bucket, 1));
        expect_eq(meeting->calls, 1);
    }
    leat_waitgroup_done(&meeting->group);
    return 0;
}

static void *meet_in_thread(void *arg)
{
    expect_ok(meet(arg));
    return NULL;
}

static void *meet_in_runtime(void *arg)
{
    expect_ok(leat_run(meet, arg, LEAT_OPTIONS(.workers = 1)));
    return NULL;
}

LEAT_TEST(sync, plain_threads_and_two_runtimes_meet_at_one_of_each)
{
    struct meeting meeting = { .last = 0 };
    pthread_t threads[CROWD];

    leat_barrier_init(&meeting.barrier, CROWD);
    leat_semaphore_init(&meeting.semaphore, 2);
    leat_bucket_init(&meeting.bucket, 1000000, LEAT_SEC, 10);
    leat_waitgroup_add(&meeting.group, CROWD);
    for (int i = 0; i < CROWD; i++)
        assert_eq(pthread_create(&threads[i], NULL, i < 2 ? meet_in_runtime : meet_in_thread,
                                 &meeting), 0);
    expect_ok(leat_waitgroup_wait(&meeting.group));
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    expect_eq(meeting.last, ROUNDS);
    expect_eq(leat_semaphore_available(&meeting.semaphore), 2u);
}
