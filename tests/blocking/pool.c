/* SPDX-License-Identifier: MIT */
/* The blocking pool from inside: growing, shrinking, failing to start threads, stopping. Its
 * callers are plain threads here, which wait by the same protocol as tasks. */
#include "blocking/pool.h"
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "platform/clock.h"
#include "platform/thread.h"
#include "task/runtime.h"

#include <leat/task.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CALLERS_MAX 8

static void doze(leat_time length)
{
    struct timespec ts = leat__clock_timespec(length);

    nanosleep(&ts, NULL);
}

struct fixture {
    struct leat__runtime   runtime;
    struct leat__blocking *pool;
    LEAT_ATOMIC(int) entered, open;

    struct caller {
        struct fixture *fixture;
        pthread_t       thread;
        LEAT_ATOMIC(int) id;
        int             result;
    } caller[CALLERS_MAX];
    int callers;
};

static void set_up(struct fixture *fixture, unsigned threads_max)
{
    *fixture = (struct fixture){ .callers = 0 };
    expect_ok(leat__blocking_create(&fixture->pool, &fixture->runtime, threads_max, NULL));
}

static void tear_down(struct fixture *fixture)
{
    leat__blocking_stop(fixture->pool, 0);
    leat__blocking_destroy(fixture->pool);
}

static int pass_gate(void *arg)
{
    struct fixture *fixture = arg;

    fetch_add_acq_rel(&fixture->entered, 1);
    while (!load_acquire(&fixture->open))
        doze(LEAT_MSEC / 4);
    return 7;
}

static void *run_caller(void *arg)
{
    struct caller *caller = arg;

    store_release(&caller->id, leat__thread_id());
    caller->result = leat__blocking_call(caller->fixture->pool, pass_gate, caller->fixture);
    return NULL;
}

static void call(struct fixture *fixture, int count)
{
    while (count-- > 0) {
        struct caller *caller = &fixture->caller[fixture->callers++];

        caller->fixture = fixture;
        expect_eq(pthread_create(&caller->thread, NULL, run_caller, caller), 0);
    }
}

/* Each call has returned `result`. */
static void join_callers(struct fixture *fixture, int result)
{
    for (int i = 0; i < fixture->callers; i++) {
        expect_eq(pthread_join(fixture->caller[i].thread, NULL), 0);
        expect_err(fixture->caller[i].result, result);
    }
    fixture->callers = 0;
}

static void await_entered(struct fixture *fixture, int count)
{
    while (load_acquire(&fixture->entered) < count)
        doze(LEAT_MSEC / 4);
}

static void await_threads(struct fixture *fixture, unsigned want_threads, unsigned want_idle)
{
    unsigned threads, idle;

    for (;;) {
        leat__blocking_count(fixture->pool, &threads, &idle);
        if (threads == want_threads && idle == want_idle)
            return;
        doze(LEAT_MSEC / 4);
    }
}

static void await_asleep(LEAT_ATOMIC(int) *id)
{
    while (load_acquire(id) == 0)
        doze(LEAT_MSEC / 4);
    test_await_asleep(load_acquire(id));
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

LEAT_TEST(blocking_pool, unused_pool_starts_no_thread)
{
    struct fixture fixture;
    unsigned threads, idle;

    set_up(&fixture, 4);
    leat__blocking_count(fixture.pool, &threads, &idle);
    expect_eq(threads, 0u);
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, calls_in_turn_share_one_thread)
{
    struct fixture fixture;

    set_up(&fixture, 4);
    for (int i = 0; i < 100; i++) {
        expect_ok(leat__blocking_call(fixture.pool, nothing, NULL));
        await_threads(&fixture, 1, 1);
    }
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, grows_to_its_limit_and_shrinks_to_nothing)
{
    struct fixture fixture;

    set_up(&fixture, 5); /* of which a program's calls get three */
    leat__blocking_tune(fixture.pool, 20 * LEAT_MSEC, leat__thread_start);
    call(&fixture, 5);
    await_entered(&fixture, 3);
    doze(5 * LEAT_MSEC);
    expect_eq(load_relaxed(&fixture.entered), 3);
    await_threads(&fixture, 3, 0);
    store_release(&fixture.open, 1);
    join_callers(&fixture, 7);
    await_threads(&fixture, 0, 0);
    /* and grows again */
    expect_ok(leat__blocking_call(fixture.pool, nothing, NULL));
    tear_down(&fixture);
}

static long switches_of(int thread_id)
{
    char path[64], line[256];
    long switches = -1;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/task/%d/status", thread_id);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &switches) == 1)
            break;
    if (file)
        fclose(file);
    return switches;
}

static int note_id(void *arg)
{
    *(int *)arg = leat__thread_id();
    return 0;
}

LEAT_TEST(blocking_pool, idle_thread_does_not_wake)
{
    struct fixture fixture;
    int id = 0;
    long before;

    set_up(&fixture, 4);
    expect_ok(leat__blocking_call(fixture.pool, note_id, &id));
    await_threads(&fixture, 1, 1);
    doze(20 * LEAT_MSEC);
    before = switches_of(id);
    doze(300 * LEAT_MSEC);
    expect_eq(switches_of(id), before);
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, queued_call_is_taken_back_at_the_deadline)
{
    struct fixture fixture;

    set_up(&fixture, 1);
    call(&fixture, 1);
    await_entered(&fixture, 1);
    {
        LEAT_LIMIT(10 * LEAT_MSEC);
        expect_err(leat__blocking_call(fixture.pool, pass_gate, &fixture), -ETIMEDOUT);
    }
    expect_eq(load_relaxed(&fixture.entered), 1);
    store_release(&fixture.open, 1);
    join_callers(&fixture, 7);
    tear_down(&fixture);
}

/* ---- starts that fail ---- */

static LEAT_ATOMIC(int) starts_left; /* until they fail */
static LEAT_ATOMIC(int) starts_failed;

static int start_some(struct leat__thread *thread, const struct leat__thread_options *options,
                      void (*fn)(void *arg), void *arg)
{
    if (fetch_sub_relaxed(&starts_left, 1) > 0)
        return leat__thread_start(thread, options, fn, arg);
    doze(20 * LEAT_MSEC); /* time for others to rely on this one */
    fetch_add_relaxed(&starts_failed, 1);
    return -EAGAIN;
}

LEAT_TEST(blocking_pool, without_any_thread_calls_are_refused)
{
    struct fixture fixture;

    set_up(&fixture, 4);
    leat__blocking_tune(fixture.pool, LEAT_SEC, start_some);
    store_relaxed(&starts_left, 0);
    call(&fixture, 6); /* some of them queue up behind a start that will fail */
    join_callers(&fixture, -EAGAIN);
    expect_eq(load_relaxed(&fixture.entered), 0);
    expect_gt(load_relaxed(&starts_failed), 0);
    store_relaxed(&starts_left, 1);
    expect_ok(leat__blocking_call(fixture.pool, nothing, NULL));
    tear_down(&fixture);
}

LEAT_TEST(blocking_pool, with_too_few_threads_calls_wait_for_those_there_are)
{
    struct fixture fixture;

    set_up(&fixture, 4);
    leat__blocking_tune(fixture.pool, LEAT_SEC, start_some);
    store_relaxed(&starts_left, 1);
    call(&fixture, 6);
    await_entered(&fixture, 1);
    doze(50 * LEAT_MSEC);
    expect_eq(load_relaxed(&fixture.entered), 1);
    store_release(&fixture.open, 1);
    join_callers(&fixture, 7);
    expect_eq(load_relaxed(&fixture.entered), 6);
    tear_down(&fixture);
}

/* ---- stopping ---- */

/* Each caller's call has begun, or is queued. */
static void await_queued(struct fixture *fixture)
{
    for (int i = 0; i < fixture->callers; i++)
        await_asleep(&fixture->caller[i].id);
}

struct stopper {
    struct leat__blocking *pool;
    LEAT_ATOMIC(int) id;
};

static void *run_stop(void *arg)
{
    struct stopper *stopper = arg;

    store_release(&stopper->id, leat__thread_id());
    leat__blocking_stop(stopper->pool, 0);
    return NULL;
}

LEAT_TEST(blocking_pool, stop_finishes_running_and_queued_calls)
{
    struct fixture fixture;
    struct stopper stopper = { .id = 0 };
    pthread_t thread;

    set_up(&fixture, 1);
    call(&fixture, 4);
    await_entered(&fixture, 1);
    await_queued(&fixture);
    stopper.pool = fixture.pool;
    expect_eq(pthread_create(&thread, NULL, run_stop, &stopper), 0);
    await_asleep(&stopper.id);
    expect_err(leat__blocking_call(fixture.pool, nothing, NULL), -EPIPE);
    store_release(&fixture.open, 1);
    expect_eq(pthread_join(thread, NULL), 0);
    join_callers(&fixture, 7);
    expect_eq(load_relaxed(&fixture.entered), 4);
    leat__blocking_destroy(fixture.pool);
}

static char logged[256];

static void note_line(void *arg, enum leat_log_level level, const char *line)
{
    struct fixture *fixture = arg;

    expect_eq((int)level, (int)LEAT_LOG_WARN);
    snprintf(logged, sizeof logged, "%s", line);
    store_release(&fixture->open, 1);
}

LEAT_TEST(blocking_pool, stop_names_the_call_that_holds_it_up)
{
    struct fixture fixture;
    leat_time begin;

    set_up(&fixture, 2);
    fixture.runtime.log = note_line;
    fixture.runtime.log_arg = &fixture;
    fixture.runtime.log_level = LEAT_LOG_WARN;
    call(&fixture, 1);
    await_entered(&fixture, 1);
    begin = leat__clock_now();
    tear_down(&fixture);
    expect_ge(leat__clock_now() - begin, LEAT_SEC);
    join_callers(&fixture, 7);
    expect_contains(logged, "a blocking call of pass_gate");
    expect_contains(logged, "held up the shutdown for 1 s");
}
