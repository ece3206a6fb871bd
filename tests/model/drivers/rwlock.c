/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources sync/permits.c sync/rwlock.c sync/semaphore.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Rwlocks, and the permits that they share with semaphores: readers see no writer, who gives up
 * lets those behind it in, and who was let in may take the memory back. */
#include <errno.h>
#include <leat/sync.h>

#include "tasks.h"

enum { POISON = 0xa5 };

static struct leat_rwlock rwlock;
static struct leat_semaphore semaphore;
static struct leat__scope scope;
static int value, taken;

static void reset(struct leat__scope *in)
{
    tasks_reset(in);
    memset(&rwlock, 0, sizeof rwlock);
    memset(&semaphore, 0, sizeof semaphore);
    value = taken = 0;
}

static void check_free(void)
{
    for (size_t i = 0; i < sizeof rwlock / 8; i++)
        model_check(rwlock.leat__private[i] == 0);
}

static void read_it(void *arg)
{
    (void)arg;
    model_check(leat_rwlock_lock_read(&rwlock) == 0);
    model_plain_read(&value);
    leat_rwlock_unlock_read(&rwlock);
}

static void write_it(void *arg)
{
    (void)arg;
    model_check(leat_rwlock_lock_write(&rwlock) == 0);
    model_plain_write(&value);
    leat_rwlock_unlock_write(&rwlock);
}

static void write_or_be_cancelled(void *arg)
{
    int err = leat_rwlock_lock_write(&rwlock);

    (void)arg;
    model_check(err == 0 || err == -ECANCELED);
    if (!err) {
        model_plain_write(&value);
        leat_rwlock_unlock_write(&rwlock);
    }
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

MODEL_DRIVER(rwlock_a_reader_sees_no_writer)
{
    reset(NULL);
    model_run_all(read_it, write_it);
    check_free();
}

MODEL_DRIVER(rwlock_two_readers_and_a_writer, .weak_preemptions = 1, .stale = 1)
{
    reset(NULL);
    model_run_all(read_it, read_it, write_it);
    check_free();
}

/* A reader has it all the time: the writer can only be cancelled; who reads behind it gets in. */
MODEL_DRIVER(rwlock_a_cancelled_writer_lets_readers_in, .weak_preemptions = 1)
{
    reset(&scope);
    selves[2].scope = NULL;
    model_check(leat_rwlock_try_lock_read(&rwlock) == 0);
    model_run_all(write_or_be_cancelled, read_it, cancel);
    leat_rwlock_unlock_read(&rwlock);
    check_free();
}

MODEL_DRIVER(rwlock_cancel_against_unlock, .weak_preemptions = 1)
{
    reset(&scope);
    selves[1].scope = NULL;
    model_run_all(write_it, write_or_be_cancelled, cancel);
    check_free();
}

static void write_or_be_late(void *arg)
{
    int err = leat_rwlock_lock_write(&rwlock);

    (void)arg;
    model_check(err == 0 || err == -ETIMEDOUT);
    if (!err) {
        model_plain_write(&value);
        leat_rwlock_unlock_write(&rwlock);
    }
}

static void fire(void *arg)
{
    (void)arg;
    tasks_fire(2);
}

MODEL_DRIVER(rwlock_deadline_against_unlock, .weak_preemptions = 1)
{
    reset(&scope);
    scope.deadline = scope.own_deadline = LEAT_SEC;
    selves[1].scope = NULL;
    model_run_all(write_it, write_or_be_late, fire);
    check_free();
}

static void unlock_write(void *arg)
{
    (void)arg;
    leat_rwlock_unlock_write(&rwlock);
}

static void write_and_reuse_the_memory(void *arg)
{
    (void)arg;
    model_check(leat_rwlock_lock_write(&rwlock) == 0);
    memset(&rwlock, POISON, sizeof rwlock);
}

MODEL_DRIVER(rwlock_is_not_touched_after_it_was_let_go)
{
    reset(NULL);
    model_check(leat_rwlock_try_lock_write(&rwlock) == 0);
    model_run_all(unlock_write, write_and_reuse_the_memory);
    for (size_t i = 0; i < sizeof rwlock; i++)
        model_check(((unsigned char *)&rwlock)[i] == POISON);
}

/* ---- permits in passing ---- */

static void take_one_or_be_cancelled(void *arg)
{
    int err = leat_semaphore_acquire(&semaphore, 1);

    (void)arg;
    model_check(err == 0 || err == -ECANCELED);
    if (!err)
        leat_semaphore_release(&semaphore, 1);
}

static void take_two(void *arg)
{
    (void)arg;
    model_check(leat_semaphore_acquire(&semaphore, 2) == 0);
    model_plain_read(&value);
    taken = 2;
}

static void give_two(void *arg)
{
    (void)arg;
    model_plain_write(&value);
    leat_semaphore_release(&semaphore, 2);
}

/* What the call gives to the one who was cancelled goes to the other. */
MODEL_DRIVER(permits_of_a_cancelled_waiter_go_to_the_next, .weak_preemptions = 1)
{
    reset(&scope);
    selves[2].scope = NULL;
    model_run_all(take_one_or_be_cancelled, give_two, cancel);
    model_check(leat_semaphore_available(&semaphore) == 2);
    for (size_t i = 1; i < sizeof semaphore / 8; i++)
        model_check(semaphore.leat__private[i] == 0);
}

static void give_one(void *arg)
{
    model_plain_write(arg);
    leat_semaphore_release(&semaphore, 1);
}

/* Who gives finds somebody waiting, who has left when it gets the lock. */
MODEL_DRIVER(permits_are_given_when_who_waited_has_left, .weak_preemptions = 1, .stale = 1)
{
    reset(&scope);
    selves[2].scope = selves[4].scope = NULL;
    model_spawn(take_one_or_be_cancelled, NULL);
    model_spawn(give_two, NULL);
    model_spawn(cancel, NULL);
    model_spawn(give_one, &taken);
    model_run();
    model_check(leat_semaphore_available(&semaphore) == 3);
}

/* A waiter for two sees what both did who gave one. */
MODEL_DRIVER(permits_come_with_what_all_givers_did, .weak_preemptions = 1)
{
    reset(NULL);
    model_spawn(take_two, NULL);
    model_spawn(give_one, &value);
    model_spawn(give_one, &taken);
    model_run();
    model_check(leat_semaphore_available(&semaphore) == 0);
}
