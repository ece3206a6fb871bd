/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * The tree of scopes: a cancel finds every wait below it, however late tasks and scopes enter the
 * tree, and touches nothing that has left it. */
#include <errno.h>

#include "tasks.h"

enum { POISON = 0xa5 };

static struct leat__scope a, b, c, other;

/* Scope x inside `parent`, entered by task `owner`. */
static void init(struct leat__scope *x, struct leat__scope *parent, int owner)
{
    memset(x, 0, sizeof *x);
    x->parent = parent;
    x->owner = &selves[owner];
    x->waiter = &played[owner].waiter;
    x->deadline = x->own_deadline = LEAT_NEVER;
}

/* a > b > c, all the body's; `other` is inside a and task 2's. */
static void reset(void)
{
    tasks_reset(NULL);
    init(&a, NULL, 0);
    init(&b, &a, 0);
    init(&c, &b, 0);
    init(&other, &a, 2);
}

static int wait_for_ever(void)
{
    struct leat__wait wait;
    bool own;
    int err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);

    return err ? err : leat__wait_error(&wait, leat__wait_park(&wait, NULL), &own);
}

static void wait_inside(void *scope)
{
    selves[model_self()].scope = scope;
    model_check(wait_for_ever() == -ECANCELED);
    leat__bound_leave(&selves[model_self()]);
}

static void cancel(void *scope)
{
    leat__bound_end(scope);
}

MODEL_DRIVER(bound_cancel_finds_who_enters_the_tree, .preemptions = 3, .weak_preemptions = 2)
{
    reset();
    model_spawn(wait_inside, &c);
    model_spawn(cancel, &a);
    model_run();
}

MODEL_DRIVER(bound_cancel_finds_all_levels, .weak_preemptions = 1, .stale = 1, .long_run = true)
{
    reset();
    model_spawn(wait_inside, &c);
    model_spawn(wait_inside, &b);
    model_spawn(cancel, &a);
    model_run();
}

MODEL_DRIVER(bound_cancel_finds_two_in_one_scope, .weak_preemptions = 1, .stale = 1,
             .long_run = true)
{
    reset();
    model_spawn(wait_inside, &c);
    model_spawn(wait_inside, &c);
    model_spawn(cancel, &a);
    model_run();
}

MODEL_DRIVER(bound_two_cancels_end_a_wait_once, .weak_preemptions = 1)
{
    reset();
    model_spawn(wait_inside, &c);
    model_spawn(cancel, &b);
    model_spawn(cancel, &a);
    model_run();
}

/* Task 1's scope is over, and its memory another's, while a cancel walks past it. */
static void enter_wait_not_and_leave(void *arg)
{
    (void)arg;
    init(&b, &a, 1);
    selves[1].scope = &b;
    (void)leat_cancelled(); /* attaches it */
    leat__bound_detach(&b);
    selves[1].scope = &a;
    memset(&b, POISON, sizeof b);
}

static void check_poison(const void *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        model_check(((const unsigned char *)p)[i] == POISON);
}

MODEL_DRIVER(bound_cancel_walks_past_a_scope_that_leaves, .weak_preemptions = 1)
{
    reset();
    model_spawn(enter_wait_not_and_leave, NULL);
    model_spawn(wait_inside, &other);
    model_spawn(cancel, &a);
    model_run();
    check_poison(&b, sizeof b);
}

static struct frame {
    struct leat__self self;
    struct leat__seat seat;
} passing; /* of task 1, and ends */

static void look_and_leave(void *arg)
{
    (void)arg;
    played[1].fiber.self = &passing.self;
    (void)leat_cancelled(); /* joins */
    leat__bound_leave(&passing.self);
    played[1].fiber.self = &selves[1];
    memset(&passing, POISON, sizeof passing);
}

MODEL_DRIVER(bound_cancel_walks_past_a_task_that_leaves, .weak_preemptions = 1)
{
    reset();
    passing.self = selves[1];
    passing.self.scope = &b;
    leat__self_sit(&passing.self, &passing.seat);
    model_spawn(look_and_leave, NULL);
    model_spawn(wait_inside, &b);
    model_spawn(cancel, &a);
    model_run();
    check_poison(&passing, sizeof passing);
}

/* Tasks that end as they are woken, and their frames with them, while the cancel that woke one is
 * still on its way to the other. */
static struct frame frames[TASKS];

static void wait_and_end(void *scope)
{
    int i = model_self();

    frames[i].self = selves[i];
    frames[i].self.scope = scope;
    leat__self_sit(&frames[i].self, &frames[i].seat);
    played[i].fiber.self = &frames[i].self;
    model_check(wait_for_ever() == -ECANCELED);
    leat__bound_leave(&frames[i].self);
    played[i].fiber.self = &selves[i];
    memset(&frames[i], POISON, sizeof frames[i]);
}

MODEL_DRIVER(bound_cancel_walks_past_those_it_has_woken, .weak_preemptions = 1, .stale = 1)
{
    reset();
    model_spawn(wait_and_end, &b);
    model_spawn(wait_and_end, &b);
    model_spawn(cancel, &a);
    model_run();
    model_check(!b.members);
    check_poison(&frames[1], sizeof frames[1]);
    check_poison(&frames[2], sizeof frames[2]);
}

/* A task leaves one scope for another as the cancel of the one takes it off the list. */
static void move_and_end(void *arg)
{
    (void)arg;
    frames[1].self = selves[1];
    frames[1].self.scope = &b;
    leat__self_sit(&frames[1].self, &frames[1].seat);
    played[1].fiber.self = &frames[1].self;
    (void)leat_cancelled(); /* joins */
    frames[1].self.scope = &other;
    model_check(wait_for_ever() == -ECANCELED);
    leat__bound_leave(&frames[1].self);
    played[1].fiber.self = &selves[1];
    model_check(!b.members && !other.members);
    memset(&frames[1], POISON, sizeof frames[1]);
}

static void cancel_both(void *arg)
{
    (void)arg;
    leat__bound_end(&b);
    leat__bound_end(&other);
}

MODEL_DRIVER(bound_cancel_takes_off_the_list_who_leaves_it, .weak_preemptions = 2, .stale = 1)
{
    reset();
    model_run_all(move_and_end, cancel_both);
    check_poison(&frames[1], sizeof frames[1]);
}

/* A task moves on to another scope: it is found where it waits. */
static void wait_in_two(void *arg)
{
    (void)arg;
    selves[1].scope = &b;
    (void)leat_cancelled();
    selves[1].scope = &other;
    model_check(wait_for_ever() == -ECANCELED);
    leat__bound_leave(&selves[1]);
    model_check(!b.members && !other.members);
}

MODEL_DRIVER(bound_cancel_finds_a_task_that_moves, .weak_preemptions = 1)
{
    reset();
    model_spawn(wait_in_two, NULL);
    model_spawn(cancel, &other);
    model_run();
}

/* The cancel comes from outside, and its effect ends the scope. Its owner may use the memory for
 * something else, and waits of its own outside are none of the cancel's business. */
static void wait_and_leave(void *scope)
{
    struct leat__scope *inner = scope;

    selves[1].scope = inner;
    model_check(wait_for_ever() == -ECANCELED);
    selves[1].scope = inner->parent;
    leat__bound_detach(inner); /* as leat_scope_join does */
    memset(inner, POISON, sizeof *inner);
}

MODEL_DRIVER(bound_cancel_from_outside_is_over_before_the_scope, .weak_preemptions = 1)
{
    reset();
    init(&b, &a, 1);
    model_spawn(wait_and_leave, &b);
    model_spawn(cancel, &b);
    model_run();
    check_poison(&b, sizeof b);
}

MODEL_DRIVER(bound_cancel_from_outside_is_over_before_the_outermost_scope, .weak_preemptions = 1)
{
    reset();
    init(&a, NULL, 1);
    model_spawn(wait_and_leave, &a);
    model_spawn(cancel, &a);
    model_run();
    check_poison(&a, sizeof a);
}
