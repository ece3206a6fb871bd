/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources sync/permits.c sync/semaphore.c sync/waitgroup.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Semaphores and wait groups: permits are conserved and given in order, whatever is cancelled, and
 * who got what it waited for may take the object's memory back at once. */
#include <errno.h>
#include <leat/sync.h>

#include "tasks.h"

enum { POISON = 0xa5 };

static struct leat_semaphore semaphore;
static struct leat_waitgroup group;
static struct leat__scope scope;
static int held, errors, marks[2];

static void reset(uint32_t permits, struct leat__scope *in)
{
    tasks_reset(in);
    leat_semaphore_init(&semaphore, permits);
    memset(&group, 0, sizeof group);
    held = errors = 0;
}

static void acquire(void *arg)
{
    uint32_t n = (uint32_t)(intptr_t)arg;
    int err = leat_semaphore_acquire(&semaphore, n);

    model_check(err == 0 || err == -ECANCELED);
    if (err)
        errors++;
    else
        held += (int)n;
}

static void acquire_surely(void *arg)
{
    uint32_t n = (uint32_t)(intptr_t)arg;

    model_check(leat_semaphore_acquire(&semaphore, n) == 0);
    held += (int)n;
}

static void acquire_and_release(void *arg)
{
    (void)arg;
    model_check(leat_semaphore_acquire(&semaphore, 1) == 0);
    model_plain_write(&marks[0]); /* one at a time */
    leat_semaphore_release(&semaphore, 1);
}

static void release(void *arg)
{
    leat_semaphore_release(&semaphore, (uint32_t)(intptr_t)arg);
}

static void release_two_singly(void *arg)
{
    (void)arg;
    leat_semaphore_release(&semaphore, 1);
    leat_semaphore_release(&semaphore, 1);
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

static void check_permits(uint32_t all)
{
    model_check(leat_semaphore_available(&semaphore) + (uint32_t)held == all);
}

MODEL_DRIVER(semaphore_admits_one_at_a_time)
{
    reset(1, NULL);
    model_run_all(acquire_and_release, acquire_and_release);
    check_permits(1);
}

MODEL_DRIVER(semaphore_serves_a_large_and_a_small_request, .weak_preemptions = 1)
{
    reset(0, NULL);
    model_spawn(acquire_surely, (void *)(intptr_t)2);
    model_spawn(acquire_surely, (void *)(intptr_t)1);
    model_spawn(release, (void *)(intptr_t)3);
    model_run();
    check_permits(3);
}

MODEL_DRIVER(semaphore_gathers_permits_for_a_large_request)
{
    reset(0, NULL);
    model_spawn(acquire_surely, (void *)(intptr_t)2);
    model_spawn(release_two_singly, NULL);
    model_run();
    check_permits(2);
}

MODEL_DRIVER(semaphore_cancel_against_release, .weak_preemptions = 1)
{
    reset(0, &scope);
    model_spawn(acquire, (void *)(intptr_t)1);
    model_spawn(release, (void *)(intptr_t)1);
    model_spawn(cancel, NULL);
    model_run();
    check_permits(1);
}

/* The large request is the only one inside the scope that is cancelled; the small one behind it
 * must get the permit that is there. */
MODEL_DRIVER(semaphore_serves_who_stood_behind_a_cancelled_request, .weak_preemptions = 1)
{
    reset(1, &scope);
    selves[2].scope = NULL;
    model_spawn(acquire, (void *)(intptr_t)2);
    model_spawn(acquire_surely, (void *)(intptr_t)1);
    model_spawn(cancel, NULL);
    model_run();
    model_check(errors == 1);
    check_permits(1);
}

static void acquire_and_reuse_the_memory(void *arg)
{
    (void)arg;
    model_check(leat_semaphore_acquire(&semaphore, 1) == 0);
    memset(&semaphore, POISON, sizeof semaphore);
}

static void check_poison(const void *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        model_check(((const unsigned char *)p)[i] == POISON);
}

MODEL_DRIVER(semaphore_is_not_touched_after_its_last_permit_was_taken)
{
    reset(0, NULL);
    model_spawn(acquire_and_reuse_the_memory, NULL);
    model_spawn(release, (void *)(intptr_t)1);
    model_run();
    check_poison(&semaphore, sizeof semaphore);
}

static void acquire_or_be_late(void *arg)
{
    int err = leat_semaphore_acquire(&semaphore, 1);

    (void)arg;
    model_check(err == 0 || err == -ETIMEDOUT);
    held += !err;
}

static void fire(void *arg)
{
    (void)arg;
    tasks_fire(1);
}

MODEL_DRIVER(semaphore_deadline_against_release, .weak_preemptions = 1)
{
    reset(0, &scope);
    scope.deadline = scope.own_deadline = LEAT_SEC;
    model_spawn(acquire_or_be_late, NULL);
    model_spawn(release, (void *)(intptr_t)1);
    model_spawn(fire, NULL);
    model_run();
    check_permits(1);
}

/* ---- wait groups ---- */

static void mark_and_done(void *arg)
{
    int i = (int)(intptr_t)arg;

    model_plain_write(&marks[i]);
    leat_waitgroup_done(&group);
}

static void await_two(void *arg)
{
    (void)arg;
    model_check(leat_waitgroup_wait(&group) == 0);
    model_plain_read(&marks[0]);
    model_plain_read(&marks[1]);
}

static void await_and_reuse_the_memory(void *arg)
{
    await_two(arg);
    memset(&group, POISON, sizeof group);
}

static void await_or_be_cancelled(void *arg)
{
    int err = leat_waitgroup_wait(&group);

    (void)arg;
    model_check(err == 0 || err == -ECANCELED);
}

MODEL_DRIVER(waitgroup_waits_for_all_and_is_not_touched_after)
{
    reset(0, NULL);
    leat_waitgroup_add(&group, 2);
    model_spawn(await_and_reuse_the_memory, NULL);
    model_spawn(mark_and_done, (void *)(intptr_t)0);
    model_spawn(mark_and_done, (void *)(intptr_t)1);
    model_run();
    check_poison(&group, sizeof group);
}

MODEL_DRIVER(waitgroup_wakes_all_who_wait, .weak_preemptions = 1)
{
    reset(0, NULL);
    leat_waitgroup_add(&group, 1);
    model_spawn(await_two, NULL);
    model_spawn(await_two, NULL);
    model_spawn(mark_and_done, (void *)(intptr_t)1);
    model_run();
}

MODEL_DRIVER(waitgroup_cancel_against_done, .weak_preemptions = 1)
{
    reset(0, &scope);
    leat_waitgroup_add(&group, 1);
    model_spawn(await_or_be_cancelled, NULL);
    model_spawn(mark_and_done, (void *)(intptr_t)1);
    model_spawn(cancel, NULL);
    model_run();
    model_check(leat_waitgroup_wait(&group) == 0 || load_relaxed(&scope.ended));
}
