/* SPDX-License-Identifier: MIT */
/* leat_call: from plain threads, from tasks of the same and of another runtime, and against
 * shutdown. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* Runs fn as the root task for each reactor and for one and two workers. */
static void on_each(int (*fn)(void *arg), void *arg)
{
    for (unsigned i = 0; i < 4; i++) {
        int err = leat_run(fn, arg,
                           LEAT_OPTIONS(.workers = 1 + i % 2,
                                        .reactor = i < 2 ? LEAT_REACTOR_EPOLL
                                                         : LEAT_REACTOR_IO_URING));

        if (i >= 2 && (err == -ENOSYS || err == -EPERM || err == -EOPNOTSUPP))
            return; /* no io_uring here */
        expect_ok(err);
    }
}

static int join_thread(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

/* From a task: start a thread, and wait for it without holding the worker. */
static int with_thread(void *(*fn)(void *arg), void *arg)
{
    pthread_t thread;
    int err = -pthread_create(&thread, NULL, fn, arg);

    return err ? err : leat_blocking(join_thread, &thread);
}

struct order {
    struct leat_runtime *runtime;
    int                  worker; /* where fn ran */
    const char          *name;
    int                  value, result;
};

static int note(void *arg)
{
    struct order *order = arg;
    int err = leat_sleep(50 * LEAT_USEC);

    order->worker = leat_worker();
    order->name = leat_task_name();
    return err ? err : order->value;
}

static void *call_note(void *arg)
{
    struct order *order = arg;

    expect_null(leat_runtime_current());
    order->result = leat_call(order->runtime, note, order);
    return NULL;
}

static int from_a_thread(void *arg)
{
    int values[] = { 0, 7, -ENOENT };

    (void)arg;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct order order = { .runtime = leat_runtime_current(), .worker = -1,
                               .value = values[i], .result = 99 };

        expect_ok(with_thread(call_note, &order));
        expect_eq(order.result, values[i]);
        expect_ge(order.worker, 0);
        expect_str_eq(order.name, "call");
    }
    return 0;
}

LEAT_TEST(call, a_thread_gets_what_its_function_returned_in_a_task)
{
    on_each(from_a_thread, NULL);
}

static int from_a_task(void *arg)
{
    struct order order = { .runtime = leat_runtime_current(), .value = 5 };

    (void)arg;
    expect_eq(leat_call(order.runtime, note, &order), 5);
    return leat_call(order.runtime, from_a_thread, NULL);
}

LEAT_TEST(call, a_task_calls_into_its_own_runtime)
{
    on_each(from_a_task, NULL);
}

static int call_from_pool(void *arg)
{
    struct order *order = arg;

    expect_eq((const void *)leat_runtime_current(), (const void *)order->runtime);
    expect_eq(leat_worker(), -1);
    return leat_call(order->runtime, note, order);
}

static int from_the_pools(void *arg)
{
    struct order order = { .runtime = leat_runtime_current(), .value = 9 };

    (void)arg;
    expect_eq(leat_blocking(call_from_pool, &order), 9);
    expect_eq(leat_compute(call_from_pool, &order), 9);
    return 0;
}

LEAT_TEST(call, a_call_of_a_pool_calls_back_into_its_runtime)
{
    on_each(from_the_pools, NULL);
}

/* ---- two runtimes ---- */

static int outer_of_two(void *arg);

struct two {
    struct leat_runtime *first;
    struct order         order;
    int                  calls;
};

static int in_the_second(void *arg)
{
    struct two *two = arg;

    expect_ne((const void *)leat_runtime_current(), (const void *)two->first);
    for (int i = 0; i < two->calls; i++) {
        struct order order = { .runtime = two->first, .value = i, .worker = -1 };

        expect_eq(leat_call(two->first, note, &order), i);
        expect_eq(order.worker, 0);
    }
    return 0;
}

static void *run_second(void *arg)
{
    expect_ok(leat_run(in_the_second, arg, LEAT_OPTIONS(.workers = 2)));
    return NULL;
}

static int outer_of_two(void *arg)
{
    struct two two = { .first = leat_runtime_current(), .calls = 200 / TEST_SLOWDOWN };

    (void)arg;
    return with_thread(run_second, &two);
}

LEAT_TEST(call, a_task_of_another_runtime_calls)
{
    expect_ok(leat_run(outer_of_two, NULL, LEAT_OPTIONS(.workers = 1)));
}

/* ---- many at once ---- */

#define THREADS 8

struct crowd {
    struct leat_runtime *runtime;
    atomic_int           sum;
    int                  calls;
};

static int add_one(void *arg)
{
    struct crowd *crowd = arg;

    if (atomic_fetch_add(&crowd->sum, 1) % 8 == 0)
        leat_yield();
    return 0;
}

static void *call_often(void *arg)
{
    struct crowd *crowd = arg;

    for (int i = 0; i < crowd->calls; i++)
        expect_ok(leat_call(crowd->runtime, add_one, crowd));
    return NULL;
}

static int join_all(void *arg)
{
    pthread_t *threads = arg;

    for (int i = 0; i < THREADS; i++)
        expect_ok(pthread_join(threads[i], NULL));
    return 0;
}

static int be_called_often(void *arg)
{
    struct crowd crowd = { .runtime = leat_runtime_current(), .calls = 500 / TEST_SLOWDOWN };
    pthread_t threads[THREADS];

    (void)arg;
    for (int i = 0; i < THREADS; i++)
        expect_ok(pthread_create(&threads[i], NULL, call_often, &crowd));
    expect_ok(leat_blocking(join_all, threads));
    expect_eq(atomic_load(&crowd.sum), THREADS * crowd.calls);
    return 0;
}

LEAT_TEST(call, many_threads_call_at_once)
{
    on_each(be_called_often, NULL);
}

/* ---- the caller's scopes ---- */

static int sleep_long(void *arg)
{
    *(int *)arg = leat_sleep(20 * LEAT_SEC);
    return *(int *)arg;
}

static void *call_with_a_limit(void *arg)
{
    struct order *order = arg;
    leat_time begin = leat_now();
    int slept = 1;

    {
        LEAT_LIMIT(10 * LEAT_MSEC);
        order->result = leat_call(order->runtime, sleep_long, &slept);
        expect_err(slept, -ETIMEDOUT);
        slept = 1;
        expect_err(leat_call(order->runtime, sleep_long, &slept), -ETIMEDOUT);
        expect_eq(slept, 1); /* it was not called */
    }
    expect_ge(leat_now() - begin, 10 * LEAT_MSEC);
    expect_lt(leat_now() - begin, 10 * LEAT_SEC);
    expect_ok(leat_call(order->runtime, note, order));
    return NULL;
}

static int be_called_with_a_limit(void *arg)
{
    struct order order = { .runtime = leat_runtime_current() };

    (void)arg;
    expect_ok(with_thread(call_with_a_limit, &order));
    expect_err(order.result, -ETIMEDOUT);
    return 0;
}

LEAT_TEST(call, a_deadline_of_the_caller_ends_the_waits_of_the_call)
{
    on_each(be_called_with_a_limit, NULL);
}

struct cancelled {
    struct leat_runtime *runtime;
    _Atomic(struct leat_scope *) scope;
    int result;
};

static void *call_in_a_scope(void *arg)
{
    struct cancelled *cancelled = arg;
    int slept = 1;
    LEAT_SCOPE(scope);

    atomic_store(&cancelled->scope, &scope);
    cancelled->result = leat_call(cancelled->runtime, sleep_long, &slept);
    expect_err(slept, -ECANCELED);
    atomic_store(&cancelled->scope, NULL);
    expect_ok(leat_scope_join(&scope));
    return NULL;
}

static int cancel_a_call(void *arg)
{
    struct cancelled cancelled = { .runtime = leat_runtime_current() };
    struct leat_scope *scope;
    pthread_t thread;

    (void)arg;
    expect_ok(pthread_create(&thread, NULL, call_in_a_scope, &cancelled));
    while (!(scope = atomic_load(&cancelled.scope)))
        expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_sleep(5 * LEAT_MSEC));
    leat_scope_cancel(scope);
    expect_ok(leat_blocking(join_thread, &thread));
    expect_err(cancelled.result, -ECANCELED);
    return 0;
}

LEAT_TEST(call, a_cancel_of_the_callers_scope_ends_the_waits_of_the_call)
{
    on_each(cancel_a_call, NULL);
}

static int use_a_scope(void *arg)
{
    struct crowd *crowd = arg;
    LEAT_SCOPE(scope);

    for (int i = 0; i < 50; i++)
        leat_spawn(&scope, add_one, crowd);
    return leat_scope_join(&scope);
}

static void *call_use_a_scope(void *arg)
{
    struct crowd *crowd = arg;
    LEAT_LIMIT(50 * LEAT_SEC);

    expect_ok(leat_call(crowd->runtime, use_a_scope, crowd));
    return NULL;
}

static int spawn_in_calls(void *arg)
{
    struct crowd crowd = { .runtime = leat_runtime_current() };

    (void)arg;
    expect_ok(with_thread(call_use_a_scope, &crowd));
    expect_eq(atomic_load(&crowd.sum), 50);
    return 0;
}

LEAT_TEST(call, a_call_spawns_tasks_of_its_own)
{
    on_each(spawn_in_calls, NULL);
}

/* ---- shutdown ---- */

struct race {
    _Atomic(struct leat_runtime *) runtime;
    atomic_int done, refused, begun, ended;
    leat_time  life;
};

static int count_call(void *arg)
{
    struct race *race = arg;

    atomic_fetch_add(&race->begun, 1);
    if (atomic_load(&race->begun) % 3 == 0)
        expect_ok(leat_sleep(20 * LEAT_USEC));
    atomic_fetch_add(&race->ended, 1);
    return 0;
}

static void *call_until_refused(void *arg)
{
    struct race *race = arg;
    struct leat_runtime *runtime;
    int err;

    while (!(runtime = atomic_load(&race->runtime)))
        leat_yield();
    while ((err = leat_call(runtime, count_call, race)) == 0)
        atomic_fetch_add(&race->done, 1);
    expect_err(err, -ESHUTDOWN);
    atomic_fetch_add(&race->refused, 1);
    expect_err(leat_call(runtime, count_call, race), -ESHUTDOWN);
    leat_runtime_release(runtime);
    return NULL;
}

static int end_soon(void *arg)
{
    struct race *race = arg;

    for (int i = 0; i < 4; i++)
        leat_runtime_hold(leat_runtime_current());
    atomic_store(&race->runtime, leat_runtime_current());
    return leat_sleep(race->life);
}

LEAT_TEST(call, shutdown_waits_for_calls_under_way_and_refuses_later_ones)
{
    uint64_t seed = test_seed();
    int rounds = 40 / TEST_SLOWDOWN;

    for (int i = 0; i < rounds; i++) {
        struct race race = { .life = (leat_time)((seed >> i) % 2000) * LEAT_USEC };
        pthread_t threads[4];
        int begun;

        for (int k = 0; k < 4; k++)
            assert_ok(pthread_create(&threads[k], NULL, call_until_refused, &race));
        expect_ok(leat_run(end_soon, &race, LEAT_OPTIONS(.workers = 1 + (unsigned)i % 2)));
        begun = atomic_load(&race.begun);
        expect_eq(atomic_load(&race.ended), begun);
        for (int k = 0; k < 4; k++)
            assert_ok(pthread_join(threads[k], NULL));
        expect_eq(atomic_load(&race.begun), begun);
        expect_eq(atomic_load(&race.done), begun);
        expect_eq(atomic_load(&race.refused), 4);
    }
}
