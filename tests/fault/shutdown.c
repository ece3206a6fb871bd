/* SPDX-License-Identifier: MIT */
/* R18: shutdown at a random instant, with reads and accepts, timers, blocking calls, computations,
 * nested scopes and detached tasks under way. leat_run returns by its deadline, every task that was
 * spawned has run to its end, and no descriptor, thread or byte is left. */
#include "harness/test.h"
#include "base/random.h"

#include <leat/leat.h>

#include <errno.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A round takes some milliseconds; ten times what was seen on a loaded machine. */
#define DEADLINE (5 * LEAT_SEC)

struct plant {
    uint64_t    seed;
    leat_time   life; /* until it is shut down */
    atomic_long spawned, ended, calls;
    atomic_int  wrong; /* results that are neither success nor the end of a scope */
};

static int end(struct plant *plant, long long result)
{
    atomic_fetch_add(&plant->ended, 1);
    if (result < 0 && result != -ECANCELED && result != -ETIMEDOUT && result != -EPIPE &&
        result != -ECONNRESET)
        atomic_fetch_add(&plant->wrong, 1);
    return 0;
}

static void start(struct plant *plant, struct leat_scope *scope, leat_task_fn *fn)
{
    if (leat_spawn(scope, fn, plant) == 0)
        atomic_fetch_add(&plant->spawned, 1);
}

static int nap(void *arg)
{
    int err = 0;

    for (int i = 1; !err && i < 1000; i++)
        err = leat_sleep(i % 7 * 100 * LEAT_USEC);
    return end(arg, err);
}

static int sleep_for_ever(void *arg)
{
    return end(arg, leat_sleep(LEAT_NEVER));
}

static int block_in_the_kernel(void *arg)
{
    struct plant *plant = arg;

    test_doze(300 * LEAT_USEC);
    atomic_fetch_add(&plant->calls, 1);
    return 0;
}

static int call_the_pool(void *arg)
{
    int err = 0;

    for (int i = 0; !err && i < 1000; i++)
        err = leat_blocking(block_in_the_kernel, arg);
    return end(arg, err);
}

static int add_up(void *arg)
{
    volatile uint64_t sum = 0;

    (void)arg;
    for (uint64_t i = 0; i < 20000; i++)
        sum += i;
    return sum > 0 ? 0 : -EIO;
}

static int compute(void *arg)
{
    int err = 0;

    for (int i = 0; !err && i < 1000; i++)
        err = leat_compute(add_up, arg);
    return end(arg, err);
}

/* Two ends that talk, and one that waits for what never comes. */
static int talk(void *arg)
{
    struct leat_stream *ends[2] = { NULL, NULL };
    ssize_t result = -ECANCELED;
    char byte = 0;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return end(arg, -EIO);
    for (int i = 0; i < 2; i++)
        if (leat_stream_open_fd(&ends[i], fds[i]) != 0)
            abort();
    for (int i = 0; i < 50; i++) {
        result = leat_write(ends[0], &byte, 1);
        if (result > 0)
            result = leat_read(ends[1], &byte, 1);
        if (result <= 0)
            break;
    }
    if (result > 0)
        result = leat_read(ends[0], &byte, 1);
    leat_close_stream(ends[0]);
    leat_close_stream(ends[1]);
    return end(arg, result);
}

static int accept_nobody(void *arg)
{
    struct leat_listener *listener;
    struct leat_stream *stream;
    int err = leat_tcp_listen(&listener, "127.0.0.1", 0);

    if (err)
        return end(arg, err);
    err = leat_accept(listener, &stream);
    if (err == 0)
        leat_close_stream(stream);
    leat_close_listener(listener);
    return end(arg, err);
}

static leat_task_fn *const kinds[] = { nap,     sleep_for_ever, call_the_pool,
                                       compute, talk,           accept_nobody };

static int nest(void *arg)
{
    struct plant *plant = arg;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        start(plant, &scope, kinds[i]);
    return end(plant, leat_scope_join(&scope));
}

static int detached(void *arg)
{
    return end(arg, leat_sleep(LEAT_NEVER));
}

static int grow(void *arg)
{
    struct plant *plant = arg;
    struct leat__random random;
    int many;

    leat__random_init(&random, plant->seed);
    many = 4 + (int)leat__random_below(&random, 24);
    {
        LEAT_SCOPE(scope, .deadline = leat_after(plant->life));

        for (int i = 0; i < many; i++) {
            uint64_t kind = leat__random_below(&random, sizeof kinds / sizeof kinds[0] + 2);

            if (kind < sizeof kinds / sizeof kinds[0]) {
                start(plant, &scope, kinds[kind]);
            } else if (kind == sizeof kinds / sizeof kinds[0]) {
                start(plant, &scope, nest);
            } else if (leat_detach(detached, plant, NULL) == 0) {
                atomic_fetch_add(&plant->spawned, 1);
            }
        }
        if (leat__random_below(&random, 4) == 0)
            (void)leat_sleep(plant->life / 2); /* and the block's end cancels */
        else
            (void)leat_scope_join(&scope);
    }
    return 0;
}

static bool shut_down(uint64_t seed)
{
    struct leat__random random;
    struct plant plant = { .seed = seed };
    struct leat_options options = { .size = sizeof options };
    leat_time begin;
    int fds = test_count_fds();

    leat__random_init(&random, seed);
    options.workers = 1 + (unsigned)leat__random_below(&random, 3);
    options.reactor = leat__random_below(&random, 2) ? LEAT_REACTOR_EPOLL : LEAT_REACTOR_AUTO;
    options.compute_threads = 2;
    options.seed = seed;
    if (leat__random_below(&random, 4) == 0)
        options.drain_ns = (leat_time)leat__random_below(&random, LEAT_MSEC);
    plant.life = (leat_time)leat__random_below(&random, 3 * LEAT_MSEC);
    begin = leat_now();
    expect_ok(leat_run(grow, &plant, &options));
    expect_lt(leat_now() - begin, DEADLINE * TEST_SLOWDOWN);
    expect_eq(atomic_load(&plant.ended), atomic_load(&plant.spawned));
    expect_eq(atomic_load(&plant.wrong), 0);
    expect_eq(test_count_fds(), fds);
    if (test_failed())
        printf("seed %llu\n", (unsigned long long)seed);
    return !test_failed();
}

LEAT_TEST(R18, shutdown_at_any_instant_ends_every_task_and_leaves_nothing)
{
    size_t rounds = test_rounds(200, 5000), done = 0;
    uint64_t seed = test_seed();
    size_t bytes = 0;
    int threads;

    (void)mallopt(M_ARENA_MAX, 1); /* so that all there is is counted */
    threads = test_count_threads();
    for (; done < rounds && shut_down(seed + done); done++)
        if (done == rounds / 2)
            bytes = mallinfo2().uordblks;
    if (TEST_SLOWDOWN == 1) { /* sanitizers keep threads and memory of their own, and count leaks */
        expect_eq(test_count_threads(), threads);
        /* The C library's caches fill up for a while; over many rounds nothing may grow. */
        expect_lt((long long)mallinfo2().uordblks - (long long)bytes,
                  rounds >= 1000 ? 8192 : 65536);
    }
    printf("R18 shutdowns=%zu fail=%d\n", done, test_failed());
}
