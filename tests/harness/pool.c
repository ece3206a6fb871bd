/* SPDX-License-Identifier: MIT */
#include "harness/pool.h"

#include <errno.h>

static LEAT_ATOMIC(int) starts_left; /* until they fail */
static LEAT_ATOMIC(int) starts_failed;

int pool_nothing(void *arg)
{
    (void)arg;
    return 0;
}

int pool_pass_gate(void *arg)
{
    struct pool_fixture *fixture = arg;

    fetch_add_acq_rel(&fixture->entered, 1);
    while (!load_acquire(&fixture->open))
        test_doze(LEAT_MSEC / 4);
    return POOL_PASSED;
}

static void *run_caller(void *arg)
{
    struct pool_caller *caller = arg;
    struct pool_fixture *fixture = caller->fixture;

    store_release(&caller->id, leat__thread_id());
    caller->result = fixture->call(fixture->pool, pool_pass_gate, fixture);
    return NULL;
}

void pool_call_by(struct pool_fixture *fixture, void *(*fn)(void *caller))
{
    struct pool_caller *caller = &fixture->caller[fixture->callers++];

    caller->fixture = fixture;
    expect_eq(pthread_create(&caller->thread, NULL, fn, caller), 0);
}

void pool_call(struct pool_fixture *fixture, int count)
{
    while (count-- > 0)
        pool_call_by(fixture, run_caller);
}

void pool_join_callers(struct pool_fixture *fixture, int result)
{
    for (int i = 0; i < fixture->callers; i++) {
        expect_eq(pthread_join(fixture->caller[i].thread, NULL), 0);
        expect_err(fixture->caller[i].result, result);
    }
    fixture->callers = 0;
}

void pool_await_entered(struct pool_fixture *fixture, int count)
{
    while (load_acquire(&fixture->entered) < count)
        test_doze(LEAT_MSEC / 4);
}

int pool_start_some(struct leat__thread *thread, const struct leat__thread_options *options,
                    void (*fn)(void *arg), void *arg)
{
    if (fetch_sub_relaxed(&starts_left, 1) > 0)
        return leat__thread_start(thread, options, fn, arg);
    test_doze(20 * LEAT_MSEC); /* time for others to rely on this one */
    fetch_add_relaxed(&starts_failed, 1);
    return -EAGAIN;
}

void pool_starts_left(int left)
{
    store_relaxed(&starts_left, left);
    store_relaxed(&starts_failed, 0);
}

int pool_starts_failed(void)
{
    return load_relaxed(&starts_failed);
}

static void await_asleep(LEAT_ATOMIC(int) *id)
{
    while (load_acquire(id) == 0)
        test_doze(LEAT_MSEC / 4);
    test_await_asleep(load_acquire(id));
}

static void *run_stop(void *arg)
{
    struct pool_caller *stopper = arg;

    store_release(&stopper->id, leat__thread_id());
    stopper->fixture->stop(stopper->fixture->pool);
    return NULL;
}

void pool_stop_beside_callers(struct pool_fixture *fixture)
{
    struct pool_caller stopper = { .fixture = fixture };

    pool_call(fixture, 4);
    pool_await_entered(fixture, 1);
    for (int i = 0; i < fixture->callers; i++)
        await_asleep(&fixture->caller[i].id); /* its call has begun, or is queued */
    expect_eq(pthread_create(&stopper.thread, NULL, run_stop, &stopper), 0);
    await_asleep(&stopper.id);
    expect_err(fixture->call(fixture->pool, pool_nothing, NULL), -EPIPE);
    store_release(&fixture->open, 1);
    expect_eq(pthread_join(stopper.thread, NULL), 0);
    pool_join_callers(fixture, POOL_PASSED);
    expect_eq(load_relaxed(&fixture->entered), 4);
}
