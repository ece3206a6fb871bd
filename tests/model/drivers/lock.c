/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c
 * model: flags -DLEAT__LOCK_SPINS=1
 *
 * The lock: it excludes, publishes, and no sleeper is forgotten. */
#include "lockfree/lock.h"
#include "model.h"

static struct leat__lock lock;
static int count;

static void add(void)
{
    model_plain_write(&count);
    count++;
}

static void add_twice(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        leat__lock(&lock);
        add();
        leat__unlock(&lock);
    }
}

static void add_once(void *arg)
{
    (void)arg;
    leat__lock(&lock);
    add();
    leat__unlock(&lock);
}

MODEL_DRIVER(lock_excludes_and_wakes_two, .preemptions = 3)
{
    lock = (struct leat__lock){ 0 };
    count = 0;
    model_run_all(add_twice, add_twice);
    model_check(count == 4);
    model_check(leat__trylock(&lock));
}

MODEL_DRIVER(lock_excludes_and_wakes_three)
{
    lock = (struct leat__lock){ 0 };
    count = 0;
    model_run_all(add_once, add_once, add_once);
    model_check(count == 3);
    model_check(leat__trylock(&lock));
}

static void try_add(void *arg)
{
    (void)arg;
    if (leat__trylock(&lock)) {
        add();
        leat__unlock(&lock);
    }
}

MODEL_DRIVER(lock_try_never_enters_a_held_lock)
{
    lock = (struct leat__lock){ 0 };
    count = 0;
    model_run_all(add_once, try_add);
    model_check(count == 1 || count == 2);
}

/* A parking task takes the lock, and what runs after it has stopped releases it. */
static int queue, parked;

static bool unlock_after(void *arg)
{
    (void)arg;
    leat__unlock(&lock);
    return true;
}

static void wait_turn(void *arg)
{
    (void)arg;
    leat__lock(&lock);
    model_plain_write(&queue);
    queue++;
    parked = model_self();
    model_park(unlock_after, NULL);
    model_plain_read(&queue);
    model_check(queue == 0);
}

static void give_turn(void *arg)
{
    (void)arg;
    for (bool found = false; !found;) {
        leat__lock(&lock);
        model_plain_write(&queue);
        found = queue == 1;
        queue = 0;
        leat__unlock(&lock);
        if (found)
            model_ready(parked);
        else
            cpu_relax();
    }
}

MODEL_DRIVER(lock_is_released_by_the_next_context)
{
    lock = (struct leat__lock){ 0 };
    queue = 0;
    model_run_all(wait_turn, give_turn);
}
