/* SPDX-License-Identifier: MIT */
/* errno asked anew at each use: on a fiber that moves between threads, in one function, so that a
 * compiler that keeps the address over the switch is found out. */
#include <leat/errno.h>

#include "harness/test.h"
#include "platform/switch.h"
#include <pthread.h>
#include <semaphore.h>

enum { MOVES = 20000 };

struct mover {
    struct leat__context fiber;
    struct leat__context home[2];
    struct leat__context *home_now;
    sem_t turn[2];
    int *at_now; /* errno of the thread that carries the fiber */
    uint64_t wrong;
};

struct carrier {
    struct mover *mover;
    int me;
};

static void read_errno_on_the_move(void *arg)
{
    struct mover *mover = arg;

    for (;;) {
        errno = 5;
        mover->wrong += errno != 5 || *mover->at_now != 5;
        leat__context_switch(&mover->fiber, mover->home_now);
        mover->wrong += errno != 100 || leat_errno_location() != mover->at_now;
    }
}

static void *carry(void *arg)
{
    const struct carrier *carrier = arg;
    struct mover *mover = carrier->mover;

    for (int i = 0; i < MOVES / TEST_SLOWDOWN; i++) {
        sem_wait(&mover->turn[carrier->me]);
        mover->home_now = &mover->home[carrier->me];
        mover->at_now = leat_errno_location();
        errno = 100;
        leat__context_switch(&mover->home[carrier->me], &mover->fiber);
        mover->wrong += errno != 5;
        sem_post(&mover->turn[!carrier->me]);
    }
    return NULL;
}

LEAT_TEST(errno_location, errno_after_a_move_is_the_new_thread_s)
{
    static struct mover mover;
    struct carrier carriers[2] = { { &mover, 0 }, { &mover, 1 } };
    struct leat__stacks stacks;
    struct leat__stack *stack = NULL;
    pthread_t threads[2];

    assert_ok(leat__stacks_init(&stacks, 0));
    assert_eq(leat__stacks_get(&stacks, &stack, 1), 1);
    leat__context_make(&mover.fiber, stack, read_errno_on_the_move, &mover);
    sem_init(&mover.turn[0], 0, 1);
    sem_init(&mover.turn[1], 0, 0);
    for (int i = 0; i < 2; i++)
        assert_eq(pthread_create(&threads[i], NULL, carry, &carriers[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    expect_eq(mover.wrong, 0u);
    sem_destroy(&mover.turn[0]);
    sem_destroy(&mover.turn[1]);
    leat__stacks_put(&stacks, stack);
    leat__stacks_fini(&stacks);
}

LEAT_TEST(errno_location, name_errno_is_the_system_s_own)
{
    int *theirs = __errno_location();

    errno = 42;
    expect_eq(*theirs, 42);
    expect(leat_errno_location() == theirs);
}
