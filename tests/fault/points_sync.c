/* SPDX-License-Identifier: MIT */
/* R9: a cancel, and a deadline, at every suspension of locks and scopes in use: permits come back,
 * what was locked is free, each task's function ran once, each frame was left. */
#include "fault/suspend.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS = 4, ROUNDS = 5 };

/* ---- taking turns ---- */

struct room {
    struct leat_mutex     mutex;
    struct leat_condition filled, emptied;
    struct leat_rwlock    rwlock;
    struct leat_semaphore permits;
    struct leat_barrier   barrier;
    struct leat_event     event;
    struct leat_waitgroup group;
    struct leat_once      once;
    atomic_int            inside, writers, calls, firsts, others;
    int                   items, made, taken;
    bool                  crowded;
};

static int run_tasks(struct room *room, leat_task_fn *const *fns)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < TASKS; i++)
        leat_spawn(&scope, fns[i], room);
    return leat_scope_join(&scope);
}

/* For a moment, alone. */
static int stay(struct room *room, atomic_int *inside)
{
    int err;

    if (atomic_fetch_add(inside, 1) != 0)
        room->crowded = true;
    err = leat_sleep(LEAT_USEC);
    atomic_fetch_sub(inside, 1);
    return err;
}

static int use_mutex(void *arg)
{
    struct room *room = arg;
    int err = 0;

    for (int i = 0; i < ROUNDS && !err; i++) {
        err = leat_mutex_lock(&room->mutex);
        if (err)
            return err;
        err = stay(room, &room->inside);
        leat_mutex_unlock(&room->mutex);
    }
    return err;
}

static int mutexes(void *arg)
{
    memset(arg, 0, sizeof(struct room));
    return run_tasks(arg, (leat_task_fn *[]){ use_mutex, use_mutex, use_mutex, use_mutex });
}

static void check_mutexes(void *arg)
{
    struct room *room = arg;

    expect(!room->crowded);
    expect_ok(leat_mutex_try_lock(&room->mutex));
    leat_mutex_unlock(&room->mutex);
}

LEAT_TEST(R9, a_mutex_is_free_in_the_end)
{
    struct room room;

    suspend_sweep("mutex", mutexes, &room, check_mutexes, true);
}

/* A queue of two places. */
static int put_items(void *arg)
{
    struct room *room = arg;
    int err = 0;

    for (int i = 0; i < 2 * ROUNDS && !err; i++) {
        err = leat_mutex_lock(&room->mutex);
        if (err)
            return err;
        while (!err && room->items == 2)
            err = leat_condition_wait(&room->emptied, &room->mutex);
        if (!err) {
            room->items++;
            room->made++;
            leat_condition_signal(&room->filled);
        }
        leat_mutex_unlock(&room->mutex);
    }
    return err;
}

static int take_items(void *arg)
{
    struct room *room = arg;
    int err = 0;

    for (int i = 0; i < 2 * ROUNDS && !err; i++) {
        err = leat_mutex_lock(&room->mutex);
        if (err)
            return err;
        while (!err && room->items == 0)
            err = leat_condition_wait(&room->filled, &room->mutex);
        if (!err) {
            room->items--;
            room->taken++;
            leat_condition_signal(&room->emptied);
        }
        leat_mutex_unlock(&room->mutex);
    }
    return err;
}

static int conditions(void *arg)
{
    memset(arg, 0, sizeof(struct room));
    return run_tasks(arg, (leat_task_fn *[]){ take_items, take_items, put_items, put_items });
}

static void check_conditions(void *arg)
{
    struct room *room = arg;

    check_mutexes(arg);
    expect_eq(room->made, room->taken + room->items);
}

LEAT_TEST(R9, a_condition_leaves_its_mutex_free)
{
    struct room room;

    suspend_sweep("condition", conditions, &room, check_conditions, true);
}

static int read_it(void *arg)
{
    struct room *room = arg;
    int err = 0;

    for (int i = 0; i < ROUNDS && !err; i++) {
        err = leat_rwlock_lock_read(&room->rwlock);
        if (err)
            return err;
        err = leat_sleep(LEAT_USEC);
        if (atomic_load(&room->writers) != 0)
            room->crowded = true;
        leat_rwlock_unlock_read(&room->rwlock);
    }
    return err;
}

static int write_it(void *arg)
{
    struct room *room = arg;
    int err = 0;

    for (int i = 0; i < ROUNDS && !err; i++) {
        err = leat_rwlock_lock_write(&room->rwlock);
        if (err)
            return err;
        err = stay(room, &room->writers);
        leat_rwlock_unlock_write(&room->rwlock);
    }
    return err;
}

static int rwlocks(void *arg)
{
    memset(arg, 0, sizeof(struct room));
    return run_tasks(arg, (leat_task_fn *[]){ read_it, write_it, read_it, write_it });
}

static void check_rwlocks(void *arg)
{
    struct room *room = arg;

    expect(!room->crowded);
    expect_ok(leat_rwlock_try_lock_write(&room->rwlock));
    leat_rwlock_unlock_write(&room->rwlock);
}

LEAT_TEST(R9, an_rwlock_is_free_in_the_end)
{
    struct room room;

    suspend_sweep("rwlock", rwlocks, &room, check_rwlocks, true);
}

static int acquire_one(struct room *room, bool choose)
{
    return choose ? leat_select(LEAT_ACQUIRE(&room->permits, 1), LEAT_AFTER(LEAT_MINUTE))
                  : leat_semaphore_acquire(&room->permits, 1);
}

static int use_permits(void *arg)
{
    struct room *room = arg;
    int err = 0;

    for (int i = 0; i < ROUNDS && !err; i++) {
        err = acquire_one(room, i % 2);
        if (err < 0)
            return err;
        err = leat_sleep(LEAT_USEC);
        leat_semaphore_release(&room->permits, 1);
    }
    return err;
}

static int use_all_permits(void *arg)
{
    struct room *room = arg;
    int err = 0;

    for (int i = 0; i < ROUNDS && !err; i++) {
        err = leat_semaphore_acquire(&room->permits, 3);
        if (err)
            return err;
        leat_semaphore_release(&room->permits, 3);
    }
    return err;
}

static int semaphores(void *arg)
{
    struct room *room = arg;

    memset(room, 0, sizeof *room);
    leat_semaphore_init(&room->permits, 3);
    return run_tasks(room, (leat_task_fn *[]){ use_permits, use_all_permits, use_permits,
                                               use_all_permits });
}

static void check_semaphores(void *arg)
{
    struct room *room = arg;

    expect_eq(leat_semaphore_available(&room->permits), 3u);
    expect_ok(leat_semaphore_try_acquire(&room->permits, 3));
}

LEAT_TEST(R9, a_semaphore_has_all_its_permits_in_the_end)
{
    struct room room;

    suspend_sweep("semaphore", semaphores, &room, check_semaphores, true);
}

static int arrive(void *arg)
{
    struct room *room = arg;
    int result = 0;

    for (int i = 0; i < ROUNDS && result >= 0; i++) {
        result = leat_barrier_wait(&room->barrier);
        if (result >= 0)
            atomic_fetch_add(result ? &room->firsts : &room->others, 1);
    }
    return result < 0 ? result : 0;
}

static int barriers(void *arg)
{
    struct room *room = arg;

    memset(room, 0, sizeof *room);
    leat_barrier_init(&room->barrier, TASKS);
    return run_tasks(room, (leat_task_fn *[]){ arrive, arrive, arrive, arrive });
}

static void *arrive_once(void *arg)
{
    LEAT_LIMIT(LEAT_MINUTE);

    return (void *)(intptr_t)leat_barrier_wait(arg);
}

/* All of a round pass, or none. And nobody is counted any more who was cancelled: it takes as many
 * as ever to pass it once more. */
static void check_barriers(void *arg)
{
    struct room *room = arg;
    pthread_t threads[TASKS];
    int firsts = 0;

    expect_eq(atomic_load(&room->others), (TASKS - 1) * atomic_load(&room->firsts));
    for (int i = 0; i < TASKS; i++)
        assert_ok(pthread_create(&threads[i], NULL, arrive_once, &room->barrier));
    for (int i = 0; i < TASKS; i++) {
        void *result;

        assert_ok(pthread_join(threads[i], &result));
        expect_ge((intptr_t)result, 0);
        firsts += (intptr_t)result == 1;
    }
    expect_eq(firsts, 1);
}

LEAT_TEST(R9, a_barrier_lets_all_of_a_round_pass_or_none)
{
    struct room room;

    suspend_sweep("barrier", barriers, &room, check_barriers, true);
}

static int call_it(void *arg)
{
    struct room *room = arg;
    int err = stay(room, &room->inside);

    if (!err)
        atomic_fetch_add(&room->calls, 1);
    return err;
}

static int wait_for_it(void *arg)
{
    struct room *room = arg;
    int err = leat_once_run(&room->once, call_it, room);

    if (!err)
        err = leat_event_wait(&room->event);
    leat_waitgroup_done(&room->group);
    return err;
}

static int set_it(void *arg)
{
    struct room *room = arg;
    int err = leat_sleep(LEAT_USEC);

    leat_event_set(&room->event);
    leat_waitgroup_done(&room->group);
    return err;
}

static int events(void *arg)
{
    struct room *room = arg;

    memset(room, 0, sizeof *room);
    leat_waitgroup_add(&room->group, TASKS);
    (void)run_tasks(room, (leat_task_fn *[]){ wait_for_it, wait_for_it, wait_for_it, set_it });
    LEAT_SHIELD (LEAT_NEVER)
        expect_ok(leat_waitgroup_wait(&room->group));
    return 0;
}

static void check_events(void *arg)
{
    struct room *room = arg;

    expect(!room->crowded);
    expect_le(atomic_load(&room->calls), 1);
}

LEAT_TEST(R9, once_events_and_wait_groups_come_to_their_end)
{
    struct room room;

    suspend_sweep("event", events, &room, check_events, true);
}

/* ---- scopes ---- */

struct tree {
    atomic_int spawned, ran, entered, left, handed;
};

struct node {
    struct tree *tree;
    int          depth;
};

static void leave(void *arg)
{
    struct tree *tree = arg;

    (void)leat_sleep(LEAT_USEC); /* shielded */
    atomic_fetch_add(&tree->left, 1);
}

static int grow(void *arg)
{
    struct node node = *(struct node *)arg, next = { node.tree, node.depth - 1 };
    int err = 0;
    LEAT_SCOPE(scope, .limit = 2);

    atomic_fetch_add(&node.tree->ran, 1);
    atomic_fetch_add(&node.tree->entered, 1);
    LEAT_DEFER(leave, node.tree);
    err = leat_sleep(LEAT_USEC);
    for (int i = 0; i < 3 && node.depth > 0 && !err; i++) {
        err = leat_spawn(&scope, grow, &next);
        if (!err)
            atomic_fetch_add(&node.tree->spawned, 1);
    }
    LEAT_SHIELD (LEAT_MINUTE)
        (void)leat_sleep(LEAT_USEC);
    return leat_scope_join(&scope);
}

static int plant(void *arg)
{
    struct tree *tree = arg;
    struct node root = { tree, 2 };
    struct leat_ended ended;
    LEAT_SCOPE(scope, .keep = true, .on_error = LEAT_COLLECT);

    memset(tree, 0, sizeof *tree);
    for (int i = 0; i < 2; i++)
        if (leat_spawn(&scope, grow, &root) == 0)
            atomic_fetch_add(&tree->spawned, 1);
    while (leat_scope_next(&scope, &ended) == 0)
        atomic_fetch_add(&tree->handed, 1);
    (void)leat_scope_join(&scope);
    while (leat_scope_next(&scope, &ended) == 0)
        atomic_fetch_add(&tree->handed, 1);
    return 0;
}

static void check_tree(void *arg)
{
    struct tree *tree = arg;

    expect_eq(atomic_load(&tree->ran), atomic_load(&tree->spawned));
    expect_eq(atomic_load(&tree->left), atomic_load(&tree->entered));
    expect_eq(atomic_load(&tree->handed), 2);
}

LEAT_TEST(R9, scopes_run_each_child_once_and_each_deferred_call)
{
    struct tree tree;

    suspend_sweep("scopes", plant, &tree, check_tree, false);
}
