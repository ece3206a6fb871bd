/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources sync/event.c sync/barrier.c sync/bucket.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Events, barriers and token buckets: all who may go on do, and see what was done before. */
#include <errno.h>
#include <leat/sync.h>

#include "tasks.h"

enum { POISON = 0xa5 };

static struct leat_event event;
static struct leat_barrier barrier;
static struct leat_bucket bucket;
static struct leat__scope scope;
static int value, last, passed, marks[4];

static void reset(struct leat__scope *in)
{
    tasks_reset(in);
    memset(&event, 0, sizeof event);
    memset(&barrier, 0, sizeof barrier);
    memset(&bucket, 0, sizeof bucket);
    value = last = passed = 0;
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

static void set(void *arg)
{
    (void)arg;
    model_plain_write(&value);
    leat_event_set(&event);
}

static void await(void *arg)
{
    (void)arg;
    model_check(leat_event_wait(&event) == 0);
    model_plain_read(&value);
}

static void await_or_be_cancelled(void *arg)
{
    int err = leat_event_wait(&event);

    (void)arg;
    model_check(err == 0 || err == -ECANCELED);
    if (!err)
        model_plain_read(&value);
}

MODEL_DRIVER(event_wakes_all_who_wait, .weak_preemptions = 1)
{
    reset(NULL);
    model_run_all(await, await, set);
}

MODEL_DRIVER(event_cancel_against_set, .weak_preemptions = 1)
{
    reset(&scope);
    model_run_all(await_or_be_cancelled, set, cancel);
    model_check(leat_event_is_set(&event));
    leat_event_clear(&event);
    for (size_t i = 0; i < sizeof event / 8; i++)
        model_check(event.leat__private[i] == 0);
}

static void await_and_reuse_the_memory(void *arg)
{
    await(arg);
    memset(&event, POISON, sizeof event);
}

MODEL_DRIVER(event_is_not_touched_after_its_set_was_seen)
{
    reset(NULL);
    model_run_all(await_and_reuse_the_memory, set);
    for (size_t i = 0; i < sizeof event; i++)
        model_check(((unsigned char *)&event)[i] == POISON);
}

static bool reused;

/* Its second call sees the event set, whether or not the first was given up. */
static void await_twice_and_reuse_the_memory(void *arg)
{
    (void)arg;
    if (leat_event_wait(&event) == 0 || leat_event_wait(&event) == 0) {
        memset(&event, POISON, sizeof event);
        reused = true;
    }
}

MODEL_DRIVER(event_is_not_touched_after_a_wait_that_was_given_up, .weak_preemptions = 1)
{
    reused = false;
    reset(&scope);
    model_run_all(await_twice_and_reuse_the_memory, set, cancel);
    for (size_t i = 0; reused && i < sizeof event; i++)
        model_check(((unsigned char *)&event)[i] == POISON);
}

static void set_again(void *arg)
{
    (void)arg;
    model_plain_write(&marks[0]);
    leat_event_set(&event);
}

/* Whoever sets it after the clear is seen by who waits after it. */
static void set_after_the_clear(void *arg)
{
    set(arg);
    model_park(NULL, NULL);
    set_again(arg);
}

static void clear_between(void *arg)
{
    await(arg);
    leat_event_clear(&event);
    model_ready(1);
    model_check(leat_event_wait(&event) == 0);
    model_plain_read(&marks[0]);
}

MODEL_DRIVER(event_waits_again_after_a_clear)
{
    reset(NULL);
    model_run_all(set_after_the_clear, clear_between);
}

/* ---- barriers ---- */

static void arrive(void *arg)
{
    int i = (int)(intptr_t)arg, err;

    model_plain_write(&marks[i]);
    err = leat_barrier_wait(&barrier);
    while (err == -ECANCELED && i == 1) { /* then it has not arrived, and the other still waits */
        selves[1].scope = NULL; /* but the cancel may still be on its way through it */
        err = leat_barrier_wait(&barrier);
    }
    model_check(err == 0 || err == 1);
    last += err;
    passed++;
    model_plain_read(&marks[1]);
    model_plain_read(&marks[2]);
}

MODEL_DRIVER(barrier_holds_until_all_are_there)
{
    reset(NULL);
    leat_barrier_init(&barrier, 2);
    model_spawn(arrive, (void *)(intptr_t)1);
    model_spawn(arrive, (void *)(intptr_t)2);
    model_run();
    model_check(passed == 2 && last == 1);
}

MODEL_DRIVER(barrier_cancel_against_the_last, .weak_preemptions = 1)
{
    reset(&scope);
    selves[2].scope = NULL;
    leat_barrier_init(&barrier, 2);
    model_spawn(arrive, (void *)(intptr_t)1);
    model_spawn(arrive, (void *)(intptr_t)2);
    model_spawn(cancel, NULL);
    model_run();
    model_check(passed == 2 && last == 1);
}

/* ---- token buckets: the clock stands still ---- */

static void take_two_in_vain(void *arg)
{
    (void)arg;
    model_check(leat_bucket_acquire(&bucket, 2) == -ECANCELED);
}

static void take_one(void *arg)
{
    (void)arg;
    model_check(leat_bucket_acquire(&bucket, 1) == 0);
}

MODEL_DRIVER(bucket_those_behind_a_cancelled_request_move_up, .weak_preemptions = 1)
{
    reset(&scope);
    selves[2].scope = NULL;
    leat_bucket_init(&bucket, 1, LEAT_SEC, 2);
    model_check(leat_bucket_try_acquire(&bucket, 1) == 0); /* one is left */
    model_run_all(take_two_in_vain, take_one, cancel);
    model_check(leat_bucket_try_acquire(&bucket, 1) == -EAGAIN);
}

static void take_one_or_be_cancelled(void *arg)
{
    int err = leat_bucket_acquire(&bucket, 1);

    (void)arg;
    model_check(err == 0 || err == -ECANCELED);
    passed += err == 0;
}

MODEL_DRIVER(bucket_a_cancel_takes_no_token, .weak_preemptions = 1)
{
    reset(&scope);
    leat_bucket_init(&bucket, 1, LEAT_SEC, 2);
    model_check(leat_bucket_try_acquire(&bucket, 1) == 0);
    model_run_all(take_one_or_be_cancelled, take_one_or_be_cancelled, cancel);
    passed += leat_bucket_try_acquire(&bucket, 1) == 0;
    model_check(passed == 1);
}
