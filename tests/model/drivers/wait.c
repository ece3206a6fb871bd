/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Waiting: event, timeout and cancel race for a wait; one wins, nothing is lost, nobody is woken
 * twice or forgotten. The object waited for is a semaphore of a few lines. */
#include <errno.h>

#include "tasks.h"

static struct leat__lock lock;
static struct leat__waitlist list;
static int permits, got[TASKS];
static struct leat__scope scope;

static void post(void *arg)
{
    struct leat__waitnode *node;

    (void)arg;
    leat__lock(&lock);
    node = leat__waitlist_claim(&list);
    if (node) {
        struct leat__waiter *waiter = node->ticket.waiter;

        model_plain_write(node->data); /* the waiter's frame */
        *(int *)node->data = 1;
        leat__unlock(&lock);
        leat__wake(waiter);
        return;
    }
    permits++;
    leat__unlock(&lock);
}

static void post_twice(void *arg)
{
    post(arg);
    post(arg);
}

/* Returns 0 with a permit, or an error without. */
static int acquire(void)
{
    int delivered = 0, err;
    struct leat__waitnode node = { .data = &delivered };

    model_plain_write(&delivered);
    leat__lock(&lock);
    if (permits > 0) {
        permits--;
        leat__unlock(&lock);
        got[model_self()]++;
        return 0;
    }
    err = leat__waitlist_wait(&list, &node, &lock);
    model_plain_read(&delivered);
    model_check(delivered == (err == 0));
    if (err == 0)
        got[model_self()]++;
    return err;
}

static void acquire_one(void *arg)
{
    (void)arg;
    model_check(acquire() == 0);
}

static void acquire_two(void *arg)
{
    acquire_one(arg);
    acquire_one(arg);
}

/* The cancel comes before, during or after the first wait, and sticks: the second one ends by it
 * at the latest, for there is no other permit. */
static void acquire_until_cancelled(void *arg)
{
    int err = acquire();

    (void)arg;
    if (err == 0)
        err = acquire();
    model_check(err == -ECANCELED);
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

/* As leat__waitlist_wait, with a deadline of its own. Returns whether it got a permit. */
static bool acquire_by_deadline(void)
{
    int delivered = 0;
    struct leat__waitnode node = { .data = &delivered };
    struct leat__wait wait;

    model_plain_write(&delivered);
    leat__lock(&lock);
    if (permits > 0) {
        permits--;
        leat__unlock(&lock);
        return true;
    }
    model_check(leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, 100) == 0);
    node.ticket = wait.ticket;
    leat__waitlist_push(&list, &node);
    if (leat__wait_park(&wait, &lock) != LEAT__CAUSE_EVENT) {
        leat__lock(&lock);
        leat__waitlist_remove(&list, &node);
        leat__unlock(&lock);
    }
    model_plain_read(&delivered);
    return delivered;
}

/* The second wait has no deadline: the timer of the first must not end it. */
static void acquire_timed_then_untimed(void *arg)
{
    (void)arg;
    got[1] += acquire_by_deadline();
    model_check(acquire() == 0);
}

/* Completions come without a lock: the claim may be earlier than the park. */
static LEAT_ATOMIC(struct leat__wait *) published;
static int *destination;

static void wait_for_completion(void *arg)
{
    int delivered = 0;
    struct leat__wait wait;

    (void)arg;
    model_plain_write(&delivered);
    model_check(leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER) == 0);
    destination = &delivered;
    store_release(&published, &wait); /* pairs with the acquire in complete */
    model_check(leat__wait_park(&wait, NULL) == LEAT__CAUSE_EVENT);
    model_plain_read(&delivered);
    model_check(delivered == 1);
}

static void complete(void *arg)
{
    struct leat__wait *wait;
    struct leat__ticket ticket;

    (void)arg;
    while (!(wait = load_acquire(&published))) /* pairs with the release in wait_for_completion */
        cpu_relax();
    ticket = wait->ticket;
    model_check(leat__claim(ticket, LEAT__CAUSE_EVENT));
    model_plain_write(destination);
    *destination = 1;
    leat__wake(ticket.waiter);
}

static void fire(void *arg)
{
    tasks_fire((int)(intptr_t)arg);
}

static void reset(struct leat__scope *in)
{
    lock = (struct leat__lock){ 0 };
    list = (struct leat__waitlist){ 0 };
    permits = 0;
    published = NULL;
    memset(got, 0, sizeof got);
    tasks_reset(in);
}

MODEL_DRIVER(wait_event_wakes_a_task)
{
    reset(NULL);
    model_run_all(acquire_two, post_twice);
    model_check(permits == 0 && !list.first);
}

MODEL_DRIVER(wait_event_wakes_a_plain_thread)
{
    reset(NULL);
    tasks_make_plain(1);
    model_run_all(acquire_two, post_twice);
    model_check(permits == 0 && !list.first);
}

MODEL_DRIVER(wait_completion_wakes_a_task, .preemptions = 3)
{
    reset(NULL);
    model_run_all(wait_for_completion, complete);
}

MODEL_DRIVER(wait_completion_wakes_a_plain_thread, .preemptions = 3)
{
    reset(NULL);
    tasks_make_plain(1);
    model_run_all(wait_for_completion, complete);
}

MODEL_DRIVER(wait_two_waiters_each_get_a_permit, .stale = 1)
{
    reset(NULL);
    model_run_all(acquire_one, acquire_one, post_twice);
    model_check(permits == 0 && !list.first);
}

MODEL_DRIVER(wait_event_and_timeout_race_for_a_task, .stale = 1)
{
    reset(NULL);
    model_spawn(acquire_timed_then_untimed, NULL);
    model_spawn(post_twice, NULL);
    model_spawn(fire, (void *)(intptr_t)1);
    model_run();
    model_check(permits + got[1] == 2 && !list.first);
}

MODEL_DRIVER(wait_event_and_timeout_race_for_a_plain_thread)
{
    reset(NULL);
    tasks_make_plain(1);
    model_run_all(acquire_timed_then_untimed, post_twice);
    model_check(permits + got[1] == 2 && !list.first);
}

MODEL_DRIVER(wait_event_and_cancel_race_for_a_task, .stale = 1)
{
    reset(&scope);
    model_run_all(acquire_until_cancelled, post, cancel);
    model_check(permits + got[1] == 1 && !list.first);
}

MODEL_DRIVER(wait_event_and_cancel_race_for_a_plain_thread, .stale = 1)
{
    reset(&scope);
    tasks_make_plain(1);
    model_run_all(acquire_until_cancelled, post, cancel);
    model_check(permits + got[1] == 1 && !list.first);
}

/* A shielded wait is not ended by a cancel, and the cancel is not forgotten. */
static void acquire_shielded(void *arg)
{
    (void)arg;
    (void)leat_cancelled(); /* from now on a cancel finds it */
    selves[1].shield++;
    model_check(acquire() == 0);
    selves[1].shield--;
    model_check(acquire() == -ECANCELED);
}

MODEL_DRIVER(wait_shielded_from_a_cancel, .stale = 1)
{
    reset(&scope);
    model_run_all(acquire_shielded, post, cancel);
    model_check(permits == 0 && got[1] == 1 && !list.first);
}

static bool beginning;

static void is_not_beginning(void)
{
    model_check(!beginning || model_self() != 1);
}

/* Under the lock of what it waits for, as all do it. */
static void begin_and_give_up(void *arg)
{
    struct leat__wait wait;
    int err;

    (void)arg;
    leat__lock(&lock);
    beginning = true;
    err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);
    beginning = false;
    leat__unlock(&lock);
    if (!err)
        (void)leat__wait_abandon(&wait);
    else
        model_check(err == -ECANCELED);
}

/* A park there would leave the worker to tasks that may sleep on the lock, and with it all. */
MODEL_DRIVER(wait_that_is_cancelled_as_it_begins_does_not_park)
{
    reset(&scope);
    beginning = false;
    tasks_parks = is_not_beginning;
    model_run_all(begin_and_give_up, cancel);
    tasks_parks = NULL;
}
