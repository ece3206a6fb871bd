/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources sync/mutex.c sync/condition.c sync/once.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__MUTEX_LOOKS=0
 *
 * Mutexes, conditions and once: one holder at a time, who sees what the last one did; nobody is
 * left waiting, whatever is cancelled; a signal wakes one. */
#include <errno.h>
#include <leat/sync.h>

#include "tasks.h"

enum { POISON = 0xa5 };

static struct leat_mutex mutex;
static struct leat_condition condition;
static struct leat_once once;
static struct leat__scope scope;
static int inside, tokens, calls, failures;

static void reset(struct leat__scope *in)
{
    tasks_reset(in);
    memset(&mutex, 0, sizeof mutex);
    memset(&condition, 0, sizeof condition);
    memset(&once, 0, sizeof once);
    inside = tokens = calls = failures = 0;
}

static void check_unlocked(void)
{
    for (size_t i = 0; i < sizeof mutex / 8; i++)
        model_check(mutex.leat__private[i] == 0);
}

static void section(void)
{
    model_plain_write(&inside);
    model_check(inside++ == 0);
    model_plain_write(&inside);
    inside--;
    leat_mutex_unlock(&mutex);
}

static void lock_surely(void *arg)
{
    (void)arg;
    model_check(leat_mutex_lock(&mutex) == 0);
    section();
}

static void lock_twice(void *arg)
{
    lock_surely(arg);
    tasks_clock = LEAT_SEC; /* who was passed over has starved */
    lock_surely(arg);
}

static void lock_or_be_cancelled(void *arg)
{
    int err = leat_mutex_lock(&mutex);

    (void)arg;
    model_check(err == 0 || err == -ECANCELED);
    if (!err)
        section();
}

static void try_lock(void *arg)
{
    int err = leat_mutex_try_lock(&mutex);

    (void)arg;
    model_check(err == 0 || err == -EAGAIN);
    if (!err)
        section();
}

static void unlock(void *arg)
{
    (void)arg;
    leat_mutex_unlock(&mutex);
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

MODEL_DRIVER(mutex_excludes_and_wakes, .preemptions = 3, .weak_preemptions = 2)
{
    reset(NULL);
    model_run_all(lock_twice, lock_twice);
    check_unlocked();
}

MODEL_DRIVER(mutex_among_three, .weak_preemptions = 1)
{
    reset(NULL);
    model_run_all(lock_surely, lock_surely, try_lock);
    check_unlocked();
}

MODEL_DRIVER(mutex_between_a_task_and_a_plain_thread)
{
    reset(NULL);
    tasks_make_plain(2);
    model_run_all(lock_surely, lock_surely);
    check_unlocked();
}

MODEL_DRIVER(mutex_cancel_against_unlock, .weak_preemptions = 1)
{
    reset(&scope);
    selves[1].scope = NULL;
    model_run_all(lock_surely, lock_or_be_cancelled, cancel);
    check_unlocked();
}

/* It is passed over, and starves; then it is cancelled, or handed the mutex. */
MODEL_DRIVER(mutex_cancel_against_hand_over, .weak_preemptions = 1)
{
    reset(&scope);
    selves[1].scope = NULL;
    model_run_all(lock_twice, lock_or_be_cancelled, cancel);
    check_unlocked();
}

static void lock_or_be_late(void *arg)
{
    int err = leat_mutex_lock(&mutex);

    (void)arg;
    model_check(err == 0 || err == -ETIMEDOUT);
    if (!err)
        section();
}

static void fire(void *arg)
{
    (void)arg;
    tasks_fire(2);
}

MODEL_DRIVER(mutex_deadline_against_unlock, .weak_preemptions = 1)
{
    reset(&scope);
    scope.deadline = scope.own_deadline = LEAT_SEC;
    selves[1].scope = NULL;
    model_run_all(lock_surely, lock_or_be_late, fire);
    check_unlocked();
}

static void lock_and_reuse_the_memory(void *arg)
{
    (void)arg;
    model_check(leat_mutex_lock(&mutex) == 0);
    memset(&mutex, POISON, sizeof mutex);
}

static void check_poison(const void *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        model_check(((const unsigned char *)p)[i] == POISON);
}

MODEL_DRIVER(mutex_is_not_touched_after_it_was_let_go)
{
    reset(NULL);
    model_check(leat_mutex_try_lock(&mutex) == 0);
    model_run_all(unlock, lock_and_reuse_the_memory);
    check_poison(&mutex, sizeof mutex);
}

static void unlock_and_pass_over(void *arg)
{
    unlock(arg);
    if (leat_mutex_try_lock(&mutex) == 0) {
        tasks_clock = LEAT_SEC;
        unlock(arg);
    }
}

static void be_handed_and_reuse_the_memory(void *arg)
{
    (void)arg;
    model_check(leat_mutex_lock(&mutex) == 0);
    inside = tasks_clock > 0; /* the other has let it go for the last time */
    if (inside)
        memset(&mutex, POISON, sizeof mutex);
    else
        unlock(arg);
}

MODEL_DRIVER(mutex_is_not_touched_after_it_was_handed_over)
{
    reset(NULL);
    model_check(leat_mutex_try_lock(&mutex) == 0);
    model_run_all(unlock_and_pass_over, be_handed_and_reuse_the_memory);
    if (inside)
        check_poison(&mutex, sizeof mutex);
    else
        check_unlocked();
}

/* The first has starved and is handed it; who came later has not, and is woken in its turn. */
MODEL_DRIVER(mutex_is_handed_to_the_first_of_two, .preemptions = 1, .stale = 1)
{
    reset(NULL);
    model_check(leat_mutex_try_lock(&mutex) == 0);
    model_run_all(lock_surely, unlock_and_pass_over, lock_surely);
    check_unlocked();
}

/* ---- conditions ---- */

static void await_token(void *arg)
{
    (void)arg;
    model_check(leat_mutex_lock(&mutex) == 0);
    model_plain_read(&tokens);
    while (tokens == 0) {
        model_check(leat_condition_wait(&condition, &mutex) == 0);
        model_plain_read(&tokens);
    }
    section();
}

/* As it found it, it leaves it to the next; or it ends with the error given, maybe at the lock. */
static void await_token_or_give_up(void *arg)
{
    int given = (int)(intptr_t)arg, err = leat_mutex_lock(&mutex);

    if (err) {
        model_check(err == given);
        return;
    }
    model_plain_read(&tokens);
    while (!err && tokens == 0) {
        err = leat_condition_wait(&condition, &mutex);
        model_plain_read(&tokens);
    }
    model_check(err == 0 || err == given);
    if (!err)
        leat_condition_signal(&condition);
    section();
}

static void give_token_and_signal(void *arg)
{
    (void)arg;
    model_check(leat_mutex_lock(&mutex) == 0);
    model_plain_write(&tokens);
    tokens = 1;
    leat_condition_signal(&condition);
    leat_mutex_unlock(&mutex);
}

static void give_token_then_broadcast(void *arg)
{
    (void)arg;
    model_check(leat_mutex_lock(&mutex) == 0);
    model_plain_write(&tokens);
    tokens = 1;
    leat_mutex_unlock(&mutex);
    leat_condition_broadcast(&condition);
}

MODEL_DRIVER(condition_signal_wakes_who_waits)
{
    reset(NULL);
    model_run_all(await_token, give_token_and_signal);
    check_unlocked();
}

MODEL_DRIVER(condition_broadcast_wakes_all, .preemptions = 1, .stale = 1)
{
    reset(NULL);
    model_run_all(await_token, await_token, give_token_then_broadcast);
    check_unlocked();
}

MODEL_DRIVER(condition_cancel_holds_the_mutex_again, .weak_preemptions = 1)
{
    reset(&scope);
    selves[2].scope = NULL;
    model_spawn(await_token_or_give_up, (void *)(intptr_t)-ECANCELED);
    model_spawn(lock_surely, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_unlocked();
}

static void cancel_and_signal(void *arg)
{
    cancel(arg);
    give_token_and_signal(arg);
}

/* The first in the list is cancelled and may still stand there: the signal wakes the second. */
MODEL_DRIVER(condition_cancel_loses_no_signal, .preemptions = 1, .stale = 1)
{
    reset(&scope);
    selves[2].scope = selves[3].scope = NULL;
    model_spawn(await_token_or_give_up, (void *)(intptr_t)-ECANCELED);
    model_spawn(await_token, NULL);
    model_spawn(cancel_and_signal, NULL);
    model_run();
    check_unlocked();
}

static void fire_and_signal(void *arg)
{
    tasks_fire(1);
    give_token_and_signal(arg);
}

static void reset_with_deadline(void)
{
    reset(&scope);
    scope.deadline = scope.own_deadline = 100;
    selves[2].scope = selves[3].scope = NULL;
}

MODEL_DRIVER(condition_timeout_holds_the_mutex_again, .weak_preemptions = 1)
{
    reset_with_deadline();
    model_spawn(await_token_or_give_up, (void *)(intptr_t)-ETIMEDOUT);
    model_spawn(fire_and_signal, NULL);
    model_run();
    check_unlocked();
}

/* Who gets it leaves it to the next: time has gone by, and ends no wait that comes later. */
static void await_token_and_pass_on(void *arg)
{
    (void)arg;
    model_check(leat_mutex_lock(&mutex) == 0);
    model_plain_read(&tokens);
    while (tokens == 0) {
        model_check(leat_condition_wait(&condition, &mutex) == 0);
        model_plain_read(&tokens);
    }
    leat_condition_signal(&condition);
    section();
}

/* The first in the list has timed out and may still stand there: the signal wakes the second. */
MODEL_DRIVER(condition_timeout_loses_no_signal, .preemptions = 1, .stale = -1)
{
    reset_with_deadline();
    model_spawn(await_token_or_give_up, (void *)(intptr_t)-ETIMEDOUT);
    model_spawn(await_token_and_pass_on, NULL);
    model_spawn(fire_and_signal, NULL);
    model_run();
    check_unlocked();
}

/* ---- once ---- */

static int do_it(void *arg)
{
    (void)arg;
    model_plain_write(&calls);
    calls++;
    return calls > failures ? 0 : -EIO;
}

static void once_or_fail(void *arg)
{
    int err = leat_once_run(&once, do_it, NULL);

    (void)arg;
    model_check(err == 0 || (err == -EIO && failures > 0));
    if (!err) {
        model_plain_read(&calls);
        model_check(calls == failures + 1);
    }
}

static void once_twice(void *arg)
{
    once_or_fail(arg);
    once_or_fail(arg);
}

MODEL_DRIVER(once_is_done_once_and_seen)
{
    reset(NULL);
    model_run_all(once_twice, once_twice);
    model_check(calls == 1);
}

MODEL_DRIVER(once_is_tried_again_after_a_failure)
{
    reset(NULL);
    failures = 1;
    model_run_all(once_or_fail, once_or_fail);
    model_check(calls == 2);
}
