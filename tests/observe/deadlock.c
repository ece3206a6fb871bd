/* SPDX-License-Identifier: MIT */
/* R19: a planted deadlock is reported and ends with -EDEADLK; no other silence is taken for one. */
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define OPTIONS(...)                                                                               \
    (&(const struct leat_chan_options){ .size = sizeof(struct leat_chan_options), __VA_ARGS__ })

/* Ends the test. */
#define skip_under_tsan()                                                                          \
    do {                                                                                           \
        if (LEAT__TSAN)                                                                            \
            test_skip("ThreadSanitizer has a thread of its own, which could be about to send");    \
    } while (0)

static struct {
    int      shape;
    unsigned workers;
} scene;

static leat_time *took; /* shared with the child that plays the scene */

static int receive(void *arg)
{
    int element;

    return leat_chan_recv(arg, &element);
}

static int two_that_wait_for_each_other(void)
{
    struct leat_chan *chan;
    int err = leat_chan_create(&chan, sizeof(int), OPTIONS(.name = "neither"));
    LEAT_SCOPE(scope, .name = "pair");

    if (err)
        return err;
    leat_spawn(&scope, receive, chan);
    leat_spawn(&scope, receive, chan);
    err = leat_scope_join(&scope);
    leat_chan_free(chan);
    return err;
}

static int one_that_waits_for_itself(void)
{
    struct leat_semaphore semaphore;

    leat_semaphore_init(&semaphore, 0);
    return leat_semaphore_acquire(&semaphore, 1);
}

static int after_some_work(void)
{
    int err = leat_sleep(20 * LEAT_MSEC);

    return err ? err : two_that_wait_for_each_other();
}

static int wait_in_place(void *arg)
{
    (void)arg;
    return one_that_waits_for_itself();
}

static int a_child_in_place(void)
{
    LEAT_SCOPE(scope);

    leat_spawn(&scope, wait_in_place, NULL);
    return leat_scope_join(&scope);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int after_the_pools_were_used(void)
{
    int err = leat_blocking(nothing, NULL);

    if (!err)
        err = leat_compute(nothing, NULL);
    return err ? err : one_that_waits_for_itself();
}

/* The child has a stack of its own, so the parent parks in its join, after another wait. */
static int a_join_after_a_wait(void)
{
    int err = leat_sleep(LEAT_MSEC);
    LEAT_SCOPE(scope);

    leat_spawn(&scope, wait_in_place, NULL);
    leat_yield();
    return err ? err : leat_scope_join(&scope);
}

static int (*const shapes[])(void) = { two_that_wait_for_each_other, one_that_waits_for_itself,
                                       after_some_work, a_child_in_place,
                                       after_the_pools_were_used, a_join_after_a_wait };

static int plant(void *arg)
{
    (void)arg;
    expect_err(shapes[scene.shape](), -EDEADLK);
    return 0;
}

static leat_time since(const struct timespec *begin)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - begin->tv_sec) * LEAT_SEC + now.tv_nsec - begin->tv_nsec;
}

static void run_scene(void)
{
    struct timespec begin;

    clock_gettime(CLOCK_MONOTONIC, &begin);
    expect_err(leat_run(plant, NULL, LEAT_OPTIONS(.workers = scene.workers)), -EDEADLK);
    *took = since(&begin);
}

LEAT_TEST(deadlock, tasks_that_wait_for_each_other_are_reported_with_their_stacks)
{
    size_t rounds = test_rounds(20, 20), late = 0;

    took = mmap(NULL, sizeof *took, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(took != MAP_FAILED);
    skip_under_tsan();
    for (size_t i = 0; i < rounds; i++) {
        scene.shape = (int)(i % (sizeof shapes / sizeof shapes[0]));
        scene.workers = 1 + (unsigned)(i / 2 % 2);
        expect_exits(run_scene, 0, "deadlock: every task waits for another one");
        late += *took >= LEAT_SEC * TEST_SLOWDOWN;
        expect_exits(run_scene, 0,
                     scene.shape == 0 || scene.shape == 2 ? "receive+" : "leat__permits_wait+");
        if (test_failed())
            break;
    }
    expect_le(late, rounds / 2); /* the machine may have been busy with something else */
    printf("R19 deadlocks=%zu late=%zu fail=%d\n", 2 * rounds, late, test_failed());
}

/* ---- what is none ---- */

static int wait_then_receive(void *arg)
{
    int element;

    return leat_chan_recv(arg, &element);
}

static void *send_late(void *arg)
{
    nanosleep(&(struct timespec){ .tv_nsec = 700000000 }, NULL);
    expect_ok(leat_chan_send(arg, &(int){ 1 }));
    return NULL;
}

LEAT_TEST(deadlock, a_thread_of_the_program_may_still_send)
{
    struct leat_chan *chan;
    pthread_t thread;

    assert_ok(leat_chan_create(&chan, sizeof(int), OPTIONS(.name = "late")));
    assert_ok(pthread_create(&thread, NULL, send_late, chan));
    expect_ok(leat_run(wait_then_receive, chan, NULL));
    assert_ok(pthread_join(thread, NULL));
    leat_chan_free(chan);
}

static int doze(void *arg)
{
    (void)arg;
    nanosleep(&(struct timespec){ .tv_nsec = 600000000 }, NULL);
    return 0;
}

static int doze_then_send(void *arg)
{
    int err = leat_blocking(doze, NULL);

    return err ? err : leat_chan_send(arg, &(int){ 1 });
}

static int compute_then_send(void *arg)
{
    int err = leat_compute(doze, NULL);

    return err ? err : leat_chan_send(arg, &(int){ 1 });
}

static int sleep_then_send(void *arg)
{
    int err = leat_sleep(600 * LEAT_MSEC);

    return err ? err : leat_chan_send(arg, &(int){ 1 });
}

static leat_task_fn *late_sender;

static int wait_for_sender(void *arg)
{
    struct leat_chan *chan;
    int element, err = leat_chan_create(&chan, sizeof(int), OPTIONS(.name = "slow"));
    LEAT_SCOPE(scope);

    (void)arg;
    if (err)
        return err;
    leat_spawn(&scope, late_sender, chan);
    err = leat_chan_recv(chan, &element);
    if (!err)
        err = leat_scope_join(&scope);
    leat_chan_free(chan);
    return err;
}

LEAT_TEST(deadlock, pools_and_timers_may_still_wake_somebody)
{
    leat_task_fn *const senders[] = { doze_then_send, compute_then_send, sleep_then_send };

    for (size_t i = 0; i < sizeof senders / sizeof senders[0]; i++) {
        late_sender = senders[i];
        expect_ok(leat_run(wait_for_sender, NULL, NULL));
    }
}

static int wait_with_limit(void *arg)
{
    int element;
    LEAT_LIMIT(600 * LEAT_MSEC);

    return leat_chan_recv(arg, &element);
}

LEAT_TEST(deadlock, a_wait_with_a_deadline_ends_by_itself)
{
    struct leat_chan *chan;

    assert_ok(leat_chan_create(&chan, sizeof(int), OPTIONS(.name = "empty")));
    expect_err(leat_run(wait_with_limit, chan, NULL), -ETIMEDOUT);
    leat_chan_free(chan);
}

static int release_later(void *arg)
{
    struct timespec begin;

    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    leat_hold();
    expect_ok(leat_blocking(doze, NULL));
    leat_release();
    expect_err(one_that_waits_for_itself(), -EDEADLK);
    return 0;
}

static void hold_and_release(void)
{
    expect_err(leat_run(release_later, NULL, NULL), -EDEADLK);
}

static int wait_holding(void *arg)
{
    leat_hold();
    return wait_with_limit(arg);
}

LEAT_TEST(deadlock, none_is_reported_while_somebody_holds)
{
    struct leat_chan *chan;

    assert_ok(leat_chan_create(&chan, sizeof(int), OPTIONS(.name = "held")));
    expect_err(leat_run(wait_holding, chan, NULL), -ETIMEDOUT);
    leat_release();
    leat_chan_free(chan);
    if (!LEAT__TSAN)
        expect_exits(hold_and_release, 0, "deadlock");
}

/* ---- what was in the way, and is there no more ---- */

static int wait_for_nothing(void *arg)
{
    (void)arg;
    expect_err(one_that_waits_for_itself(), -EDEADLK);
    return 0;
}

static void *run_stuck(void *arg)
{
    expect_err(leat_run(wait_for_nothing, arg, NULL), -EDEADLK);
    return NULL;
}

static void *sleep_and_end(void *arg)
{
    nanosleep(&(struct timespec){ .tv_nsec = 700000000 }, NULL);
    return arg;
}

static int sleep_well(void *arg)
{
    (void)arg;
    return leat_sleep(700 * LEAT_MSEC);
}

static void *run_for_a_while(void *arg)
{
    expect_ok(leat_run(sleep_well, arg, NULL));
    return NULL;
}

static void run_stuck_beside(void *(*other)(void *))
{
    pthread_t thread;

    assert_ok(pthread_create(&thread, NULL, other, NULL));
    run_stuck(NULL);
    assert_ok(pthread_join(thread, NULL));
}

static void beside_a_thread(void)
{
    run_stuck_beside(sleep_and_end);
}

static void beside_a_runtime(void)
{
    run_stuck_beside(run_for_a_while);
}

LEAT_TEST(deadlock, one_is_reported_when_the_last_that_could_have_helped_has_ended)
{
    skip_under_tsan();
    expect_exits(beside_a_thread, 0, "deadlock");
    expect_exits(beside_a_runtime, 0, "deadlock");
}

static void *run_stuck_and_exit(void *arg)
{
    run_stuck(arg);
    _exit(test_failed());
}

static void two_stuck(void)
{
    pthread_t thread;

    assert_ok(pthread_create(&thread, NULL, run_stuck_and_exit, NULL));
    run_stuck_and_exit(NULL); /* whose waits end first is not said */
}

LEAT_TEST(deadlock, two_runtimes_that_are_both_stuck_are_one)
{
    skip_under_tsan();
    expect_exits(two_stuck, 0, "deadlock");
}

static int call_stuck(void *arg)
{
    (void)arg;
    expect_ok(leat_call(leat_runtime_current(), wait_for_nothing, NULL));
    return 0;
}

static void run_call_stuck(void)
{
    expect_err(leat_run(call_stuck, NULL, NULL), -EDEADLK);
}

LEAT_TEST(deadlock, a_call_into_a_runtime_that_waits_for_nothing_is_one)
{
    skip_under_tsan();
    expect_exits(run_call_stuck, 0, "waits to have called wait_for_nothing");
    expect_exits(run_call_stuck, 0, "(fn wait_for_nothing)");
    expect_exits(run_call_stuck, 0, "spawned by call_stuck+");
    expect_exits(run_call_stuck, 0, "task 1 \"root\" (fn call_stuck)");
}

static int detach_stuck(void *arg)
{
    return leat_detach(wait_for_nothing, arg, NULL);
}

static void drain_stuck(void)
{
    expect_err(leat_run(detach_stuck, NULL, LEAT_OPTIONS(.drain_ns = LEAT_NEVER)), -EDEADLK);
}

LEAT_TEST(deadlock, a_drain_without_end_is_none_that_could_help)
{
    skip_under_tsan();
    expect_exits(drain_stuck, 0, "deadlock");
}

static int spawn_beside(void *arg)
{
    leat_yield(); /* by now the owner waits in its join */
    return leat_spawn(arg, nothing, NULL);
}

static int spawn_at_the_limit(void *arg)
{
    LEAT_SCOPE(scope, .limit = 1, .name = "one at a time");

    (void)arg;
    leat_spawn(&scope, spawn_beside, &scope);
    expect_err(leat_scope_join(&scope), -EDEADLK);
    return 0;
}

static void run_at_the_limit(void)
{
    expect_err(leat_run(spawn_at_the_limit, NULL, NULL), -EDEADLK);
}

LEAT_TEST(deadlock, a_task_that_spawns_into_its_own_full_scope_is_one)
{
    skip_under_tsan();
    expect_exits(run_at_the_limit, 0,
                 "waits to spawn a task, at the limit of the scope \"one at a time\"");
}
