/* SPDX-License-Identifier: MIT */
/* Every blocking call on plain threads: outside of any runtime, beside a living one, with its tasks
 * on the other side; and several runtimes that share a channel. Streams on threads have their own
 * tests in tests/io/thread.c. */
#include "harness/test.h"

#include <leat/leat.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef leat_chan(int) int_chan;

static int join_thread(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

/* ---- one thread, every call ---- */

static void sleeps(void)
{
    leat_time begin = leat_now();

    expect_ok(leat_sleep(2 * LEAT_MSEC));
    expect_ge(leat_now() - begin, 2 * LEAT_MSEC);
    expect_ok(leat_sleep(0));
    expect_ok(leat_sleep(-5));
    expect_ok(leat_sleep_until(0));
    leat_yield();
}

static void limits(void)
{
    leat_time begin = leat_now();
    int early;

    {
        LEAT_LIMIT(3 * LEAT_MSEC);
        early = leat_cancelled();
        if (leat_now() - begin < 3 * LEAT_MSEC)
            expect_ok(early);
        expect_err(leat_sleep(20 * LEAT_SEC), -ETIMEDOUT);
        expect_err(leat_cancelled(), -ETIMEDOUT);
        {
            LEAT_LIMIT(20 * LEAT_SEC);
            expect_err(leat_sleep(LEAT_MSEC), -ECANCELED);
        }
    }
    expect_ge(leat_now() - begin, 3 * LEAT_MSEC);
    expect_ok(leat_sleep(LEAT_USEC));
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int give(void *arg)
{
    return *(int *)arg;
}

static void scopes(void)
{
    LEAT_SCOPE(scope, .name = "of a thread");

    expect_err(leat_spawn(&scope, nothing, NULL), -EPERM);
    leat_scope_cancel(&scope);
    expect_err(leat_sleep(LEAT_SEC), -ECANCELED);
    leat_shield();
    expect_ok(leat_sleep(LEAT_USEC));
    leat_unshield();
    expect_err(leat_scope_join(&scope), -EPERM);
    expect_ok(leat_sleep(LEAT_USEC));
}

static void channels(void)
{
    int_chan chan;
    int value = 0;

    assert_ok(leat_chan_open(&chan, .capacity = 1));
    expect_ok(leat_send(&chan, &(int){ 4 }));
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_send(&chan, &(int){ 5 }), -ETIMEDOUT);
    }
    expect_ok(leat_recv(&chan, &value));
    expect_eq(value, 4);
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_recv(&chan, &value), -ETIMEDOUT);
    }
    leat_close(&chan);
    expect_err(leat_recv(&chan, &value), -EPIPE);
    leat_chan_destroy(&chan);
}

static void taking_turns(void)
{
    struct leat_semaphore semaphore = { { 0 } };
    struct leat_waitgroup group = { { 0 } };

    leat_semaphore_release(&semaphore, 2);
    expect_ok(leat_semaphore_acquire(&semaphore, 2));
    leat_waitgroup_add(&group, 1);
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_semaphore_acquire(&semaphore, 1), -ETIMEDOUT);
        expect_err(leat_waitgroup_wait(&group), -ETIMEDOUT);
    }
    leat_waitgroup_done(&group);
    expect_ok(leat_waitgroup_wait(&group));
}

static void pools(void)
{
    int seven = 7;

    expect_eq(leat_blocking(give, &seven), 7);
    expect_eq(leat_compute(give, &seven), 7);
    {
        LEAT_SCOPE(scope);
        leat_scope_cancel(&scope);
        expect_err(leat_blocking(give, &seven), -ECANCELED);
        expect_err(leat_compute(give, &seven), -ECANCELED);
    }
}

static void files(const char *folder)
{
    struct leat_file file;
    struct leat_walk *walk;
    const struct leat_walk_entry *entry;
    struct stat status;
    char path[512], data[8];
    int found = 0;

    snprintf(path, sizeof path, "%s/%lx", folder, (unsigned long)pthread_self());
    assert_ok(leat_file_open(&file, path, O_RDWR | O_CREAT, 0600));
    expect_eq(leat_file_write(&file, "content", 7, 0), 7);
    expect_eq(leat_file_read(&file, data, sizeof data, 3), 4);
    expect_mem_eq(data, "tent", 4);
    expect_ok(leat_file_sync(&file));
    expect_ok(leat_file_stat(&file, &status));
    expect_eq(status.st_size, 7);
    expect_ok(leat_file_close(&file));
    expect_ok(leat_file_stat_path(path, true, &status));
    assert_ok(leat_walk_open(&walk, path, NULL));
    while (leat_walk_next(walk, &entry) == 0)
        found++;
    expect_eq(found, 1);
    leat_walk_close(walk);
}

static void *use_every_call(void *folder)
{
    sleeps();
    limits();
    scopes();
    channels();
    taking_turns();
    pools();
    files(folder);
    return NULL;
}

LEAT_TEST(threads, every_call_works_without_any_runtime)
{
    const char *folder = test_tempdir();
    pthread_t threads[4];

    (void)use_every_call((void *)(uintptr_t)folder);
    for (int i = 0; i < 4; i++)
        assert_ok(pthread_create(&threads[i], NULL, use_every_call, (void *)(uintptr_t)folder));
    for (int i = 0; i < 4; i++)
        assert_ok(pthread_join(threads[i], NULL));
}

LEAT_TEST_TASK(threads, every_call_works_beside_a_runtime)
{
    const char *folder = test_tempdir();
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        assert_ok(pthread_create(&threads[i], NULL, use_every_call, (void *)(uintptr_t)folder));
    for (int i = 0; i < 4; i++)
        expect_ok(leat_blocking(join_thread, &threads[i]));
}

static pthread_t outliving;
static atomic_bool runtime_is_over;

static void *use_every_call_for_long(void *folder)
{
    int rounds = 0;

    while (!atomic_load(&runtime_is_over)) {
        (void)use_every_call(folder);
        rounds++;
    }
    (void)use_every_call(folder);
    expect_gt(rounds, 0);
    return NULL;
}

static int start_outliving(void *folder)
{
    int err = -pthread_create(&outliving, NULL, use_every_call_for_long, folder);

    return err ? err : leat_sleep(20 * LEAT_MSEC);
}

LEAT_TEST(threads, every_call_works_while_a_runtime_comes_and_goes)
{
    const char *folder = test_tempdir();

    atomic_store(&runtime_is_over, false);
    expect_ok(leat_run(start_outliving, (void *)(uintptr_t)folder, NULL));
    for (int i = 0; i < 3; i++)
        expect_ok(leat_run(nothing, NULL, NULL));
    atomic_store(&runtime_is_over, true);
    assert_ok(pthread_join(outliving, NULL));
}

static void *wait_for_a_signal(void *arg)
{
    int number = leat_signals_wait(arg);

    expect_eq(number, SIGUSR1);
    return NULL;
}

LEAT_TEST(threads, a_thread_waits_for_a_signal)
{
    struct leat_signals *signals;
    pthread_t thread;

    assert_ok(leat_signals_open(&signals, (const int[]){ SIGUSR1 }, 1));
    assert_ok(pthread_create(&thread, NULL, wait_for_a_signal, signals));
    expect_ok(leat_sleep(2 * LEAT_MSEC));
    raise(SIGUSR1);
    assert_ok(pthread_join(thread, NULL));
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_signals_wait(signals), -ETIMEDOUT);
    }
    leat_signals_close(signals);
}

/* ---- threads and tasks on the two sides ---- */

#define SENDERS 3

struct traffic {
    int_chan              numbers, answers;
    struct leat_semaphore permits;
    struct leat_waitgroup under_way;
    int                   each; /* numbers that each sender sends */
    _Atomic int64_t       received;
};

static int send_numbers(void *arg)
{
    struct traffic *traffic = arg;
    int err = 0;

    for (int i = 1; i <= traffic->each && !err; i++) {
        err = leat_semaphore_acquire(&traffic->permits, 1);
        if (!err)
            err = leat_send(&traffic->numbers, &i);
    }
    leat_waitgroup_done(&traffic->under_way);
    return err;
}

static int receive_numbers(void *arg)
{
    struct traffic *traffic = arg;
    int number, err;

    while ((err = leat_recv(&traffic->numbers, &number)) == 0) {
        atomic_fetch_add(&traffic->received, number);
        leat_semaphore_release(&traffic->permits, 1);
    }
    return err == -EPIPE ? leat_send(&traffic->answers, &(int){ 1 }) : err;
}

static void *send_from_thread(void *arg)
{
    expect_ok(send_numbers(arg));
    return NULL;
}

static void *receive_in_thread(void *arg)
{
    expect_ok(receive_numbers(arg));
    return NULL;
}

static void open_traffic(struct traffic *traffic, int capacity)
{
    memset(traffic, 0, sizeof *traffic);
    assert_ok(leat_chan_open(&traffic->numbers, .capacity = (size_t)capacity));
    assert_ok(leat_chan_open(&traffic->answers, .capacity = 8));
    leat_semaphore_release(&traffic->permits, 5);
    traffic->each = 3000 / TEST_SLOWDOWN;
}

static void close_traffic(struct traffic *traffic, int senders)
{
    expect_eq(atomic_load(&traffic->received),
              (int64_t)senders * traffic->each * (traffic->each + 1) / 2);
    leat_chan_destroy(&traffic->numbers);
    leat_chan_destroy(&traffic->answers);
}

LEAT_TEST_TASK(threads, threads_and_tasks_send_to_threads_and_tasks)
{
    for (int capacity = 0; capacity <= 4; capacity += 2) {
        struct traffic traffic;
        pthread_t senders[SENDERS], receiver;
        LEAT_SCOPE(scope);

        open_traffic(&traffic, capacity);
        leat_waitgroup_add(&traffic.under_way, 2 * SENDERS);
        for (int i = 0; i < SENDERS; i++) {
            leat_spawn(&scope, send_numbers, &traffic);
            assert_ok(pthread_create(&senders[i], NULL, send_from_thread, &traffic));
        }
        leat_spawn(&scope, receive_numbers, &traffic);
        assert_ok(pthread_create(&receiver, NULL, receive_in_thread, &traffic));
        expect_ok(leat_waitgroup_wait(&traffic.under_way));
        leat_close(&traffic.numbers);
        expect_ok(leat_recv(&traffic.answers, &(int){ 0 }));
        expect_ok(leat_recv(&traffic.answers, &(int){ 0 }));
        for (int i = 0; i < SENDERS; i++)
            expect_ok(leat_blocking(join_thread, &senders[i]));
        expect_ok(leat_blocking(join_thread, &receiver));
        expect_ok(leat_scope_join(&scope));
        close_traffic(&traffic, 2 * SENDERS);
    }
}

/* A thread may be the one whose send lets the runtime end. */
static void *send_the_last(void *arg)
{
    expect_ok(leat_send((int_chan *)arg, &(int){ 1 }));
    return NULL;
}

static int wait_for_the_last(void *arg)
{
    int value;

    return leat_recv((int_chan *)arg, &value);
}

LEAT_TEST(threads, a_runtime_may_end_under_the_send_that_ends_it)
{
    for (int i = 0; i < 200 / TEST_SLOWDOWN; i++) {
        pthread_t thread;
        int_chan chan;

        assert_ok(leat_chan_open(&chan, .capacity = (size_t)(i & 1)));
        assert_ok(pthread_create(&thread, NULL, send_the_last, &chan));
        expect_ok(leat_run(wait_for_the_last, &chan, LEAT_OPTIONS(.workers = 1 + (unsigned)i % 2)));
        assert_ok(pthread_join(thread, NULL));
        leat_chan_destroy(&chan);
    }
}

/* ---- several runtimes ---- */

static int run_senders(void *arg)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < SENDERS; i++)
        leat_spawn(&scope, send_numbers, arg);
    return leat_scope_join(&scope);
}

static int run_receivers(void *arg)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < 2; i++)
        leat_spawn(&scope, receive_numbers, arg);
    return leat_scope_join(&scope);
}

struct program {
    int (*fn)(void *arg);
    struct traffic   *traffic;
    unsigned          workers;
    enum leat_reactor reactor;
};

static void *run_program(void *arg)
{
    struct program *program = arg;

    expect_ok(leat_run(program->fn, program->traffic,
                       LEAT_OPTIONS(.workers = program->workers, .reactor = program->reactor)));
    return NULL;
}

LEAT_TEST(threads, several_runtimes_exchange_through_one_channel)
{
    for (int capacity = 0; capacity <= 3; capacity += 3) {
        struct traffic traffic;
        struct program programs[] = {
            { run_senders, &traffic, 1, LEAT_REACTOR_EPOLL },
            { run_senders, &traffic, 2, LEAT_REACTOR_AUTO },
            { run_receivers, &traffic, 1, LEAT_REACTOR_AUTO },
            { run_receivers, &traffic, 2, LEAT_REACTOR_EPOLL },
        };
        pthread_t threads[4];

        open_traffic(&traffic, capacity);
        leat_waitgroup_add(&traffic.under_way, 2 * SENDERS);
        for (int i = 0; i < 4; i++)
            assert_ok(pthread_create(&threads[i], NULL, run_program, &programs[i]));
        expect_ok(leat_waitgroup_wait(&traffic.under_way)); /* a plain thread waits for all */
        leat_close(&traffic.numbers);
        for (int i = 0; i < 4; i++)
            assert_ok(pthread_join(threads[i], NULL));
        close_traffic(&traffic, 2 * SENDERS);
    }
}
