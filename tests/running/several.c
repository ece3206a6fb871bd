/* SPDX-License-Identifier: MIT */
/* Several runtimes in a process: started and stopped in turn and at the same time, nested in
 * threads of each other's pools, talking over channels, and sharing nothing: what one does shows in
 * no other, and when all are gone nothing of them is left. */
#include "harness/test.h"

#include <leat/leat.h>

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef leat_chan(int) int_chan;

struct pair {
    int_chan to, fro;
    int      rounds;
};

static int ask(void *arg)
{
    struct pair *pair = arg;
    int answer = 0, err = 0;

    for (int i = 0; i < pair->rounds && !err; i++) {
        err = leat_send(&pair->to, &i);
        if (!err)
            err = leat_recv(&pair->fro, &answer);
        if (!err)
            expect_eq(answer, 2 * i);
    }
    leat_close(&pair->to);
    return err;
}

static int answer(void *arg)
{
    struct pair *pair = arg;
    int number, err;

    while ((err = leat_recv(&pair->to, &number)) == 0)
        expect_ok(leat_send(&pair->fro, &(int){ 2 * number }));
    return err == -EPIPE ? 0 : err;
}

struct side {
    int (*fn)(void *arg);
    struct pair *pair;
    unsigned     workers;
    enum leat_reactor reactor;
};

static void *run_side(void *arg)
{
    struct side *side = arg;

    expect_ok(leat_run(side->fn, side->pair,
                       LEAT_OPTIONS(.workers = side->workers, .reactor = side->reactor)));
    return NULL;
}

LEAT_TEST(several, two_runtimes_ask_and_answer)
{
    for (int kind = 0; kind < 8; kind++) {
        struct pair pair = { .rounds = 500 / TEST_SLOWDOWN };
        struct side asks = { ask, &pair, 1 + (unsigned)(kind & 1), LEAT_REACTOR_AUTO };
        struct side answers = { answer, &pair, 1 + (unsigned)(kind >> 1 & 1),
                                kind & 4 ? LEAT_REACTOR_EPOLL : LEAT_REACTOR_AUTO };
        pthread_t thread;

        assert_ok(leat_chan_open(&pair.to, .capacity = (size_t)(kind & 1)));
        assert_ok(leat_chan_open(&pair.fro, .capacity = (size_t)(kind & 2)));
        assert_ok(pthread_create(&thread, NULL, run_side, &asks));
        (void)run_side(&answers);
        assert_ok(pthread_join(thread, NULL));
        leat_chan_destroy(&pair.to);
        leat_chan_destroy(&pair.fro);
    }
}

/* ---- nested ---- */

static int nest(void *arg);

/* On a thread of the outer runtime's pool, which is no task: it may run one of its own. */
static int run_nested(void *arg)
{
    int depth = *(int *)arg - 1;

    return leat_run(nest, &depth, LEAT_OPTIONS(.workers = 1 + (unsigned)depth % 2));
}

static int nest(void *arg)
{
    int depth = *(int *)arg;
    struct leat_runtime *before = leat_runtime_current();
    int err = leat_sleep(100 * LEAT_USEC);

    expect_not_null(before);
    if (!err && depth > 0)
        err = leat_blocking(run_nested, arg);
    expect(leat_runtime_current() == before);
    return err;
}

LEAT_TEST(several, runtimes_nest_in_threads_of_each_others_pools)
{
    int depth = 4;

    expect_ok(leat_run(nest, &depth, NULL));
}

/* ---- nothing shared ---- */

struct counted {
    uint64_t         spawns;
    pthread_barrier_t *both;
    int              tasks;
};

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int wait_at(void *arg)
{
    int result = pthread_barrier_wait(arg);

    return result == PTHREAD_BARRIER_SERIAL_THREAD ? 0 : -result;
}

static int spawn_some(void *arg)
{
    struct counted *counted = arg;
    struct leat_stats before, after;
    LEAT_SCOPE(scope);

    expect_ok(leat_stats_read(&before));
    expect_ok(leat_blocking(wait_at, counted->both));
    for (int i = 0; i < counted->tasks; i++)
        leat_spawn(&scope, nothing, NULL);
    expect_ok(leat_scope_join(&scope));
    expect_ok(leat_blocking(wait_at, counted->both));
    expect_ok(leat_stats_read(&after));
    counted->spawns = after.spawns - before.spawns;
    return 0;
}

static void *run_counted(void *arg)
{
    expect_ok(leat_run(spawn_some, arg, LEAT_OPTIONS(.workers = 2)));
    return NULL;
}

LEAT_TEST(several, what_one_does_shows_in_no_other)
{
    pthread_barrier_t both;
    struct counted counted[2] = { { .both = &both, .tasks = 1000 }, { .both = &both, .tasks = 7 } };
    pthread_t threads[2];

    assert_ok(pthread_barrier_init(&both, NULL, 2));
    for (int i = 0; i < 2; i++)
        assert_ok(pthread_create(&threads[i], NULL, run_counted, &counted[i]));
    for (int i = 0; i < 2; i++)
        assert_ok(pthread_join(threads[i], NULL));
    expect_eq(counted[0].spawns, 1000u);
    expect_eq(counted[1].spawns, 7u);
    pthread_barrier_destroy(&both);
}

/* A deadlocked, a failing and a cancelled runtime leave their neighbour alone. */
static int fail(void *arg)
{
    (void)arg;
    return -EIO;
}

static void *run_failing(void *arg)
{
    for (int i = 0; i < 50 / TEST_SLOWDOWN; i++)
        expect_err(leat_run(fail, arg, LEAT_OPTIONS(.workers = 1 + (unsigned)i % 3)), -EIO);
    return NULL;
}

static int nap_for_long(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++)
        if (leat_sleep(200 * LEAT_USEC))
            return -ECANCELED;
    return 0;
}

LEAT_TEST(several, they_start_stop_and_fail_beside_each_other)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        assert_ok(pthread_create(&threads[i], NULL, run_failing, NULL));
    for (int i = 0; i < 3; i++)
        expect_ok(leat_run(nap_for_long, NULL, LEAT_OPTIONS(.workers = 2)));
    for (int i = 0; i < 3; i++)
        assert_ok(pthread_join(threads[i], NULL));
}

/* ---- nothing left ---- */

static int use_all(void *arg)
{
    int err = leat_blocking(nothing, arg);

    if (!err)
        err = leat_compute(nothing, arg);
    return err ? err : leat_sleep(50 * LEAT_USEC);
}

static void *run_once(void *arg)
{
    expect_ok(leat_run(use_all, arg, LEAT_OPTIONS(.workers = 2)));
    return NULL;
}

static void run_three_at_once(void)
{
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        assert_ok(pthread_create(&threads[i], NULL, run_once, NULL));
    for (int i = 0; i < 3; i++)
        assert_ok(pthread_join(threads[i], NULL));
}

LEAT_TEST(several, in_turn_and_at_once_they_leave_no_descriptor_and_no_byte)
{
    int rounds = 40 / TEST_SLOWDOWN, fds = test_count_fds();
    long long grown = 0;

    (void)mallopt(M_ARENA_MAX, 1); /* so that all there is is counted */
    /* The C library keeps what threads leave in its caches, up to a level; a leak has none. */
    for (int window = 0; window < 8; window++) {
        long long before = (long long)mallinfo2().uordblks;

        for (int i = 0; i < rounds; i++) {
            run_three_at_once();
            (void)run_once(NULL);
        }
        grown = (long long)mallinfo2().uordblks - before;
        if (TEST_SLOWDOWN > 1 || grown < 2048)
            break;
    }
    expect_eq(test_count_fds(), fds);
    if (TEST_SLOWDOWN == 1) /* sanitizers have memory of their own, and count leaks */
        expect_lt(grown, 2048);
}
