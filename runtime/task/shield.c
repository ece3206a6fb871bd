/* SPDX-License-Identifier: MIT */
/* Shields: stretches of code whose waits no cancel and no deadline of the scopes ends.
 *
 * leat_shield counts and lasts until leat_unshield. A guard lasts until its grace is over: a wait
 * that begins in time is opened as SHIELDED and found by cancels all the same (they leave their
 * mark on its word), and a timer takes the mark SHIELDED off when the grace is over, which ends
 * the wait if a cancel was left there (wait_word.h). Two waits, the first ending with the grace,
 * were rejected: every caller of wait.h would have to go around a loop. */
#include "base/check.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/fork.h"
#include "task/self.h"

static struct leat__grace *inside(struct leat_guard *guard)
{
    return (struct leat__grace *)(void *)guard;
}

void leat_guard_enter(struct leat_guard *public, leat_time grace)
{
    struct leat__grace *guard = inside(public);
    struct leat__self *self = leat__self();

    store_relaxed(&guard->timer.wheel, NULL); /* relaxed: nobody else has it yet */
    guard->until = leat__time_add(leat__clock_now(), leat__time_max(grace, 0));
    guard->outer = self->guard;
    if (guard->outer)
        guard->until = leat__time_max(guard->until, guard->outer->until);
    guard->self = self;
    self->guard = guard;
}

void leat_guard_leave(struct leat_guard *public)
{
    struct leat__grace *guard = inside(public);

    if (!guard->self || (leat__fork_forked() && guard->self != leat__self()))
        return; /* forked: it was the task's, in the parent */
    leat__check(guard->self == leat__self() && guard->self->guard == guard,
                "a guard is left by the task that entered it, inner ones before outer ones");
    guard->self->guard = guard->outer;
    guard->self = NULL;
}

bool leat_guard_pass(struct leat_guard *guard, leat_time grace)
{
    if (inside(guard)->self) {
        leat_guard_leave(guard);
        return false;
    }
    leat_guard_enter(guard, grace);
    return true;
}

void leat_shield(void)
{
    leat__self()->shield++;
}

void leat_unshield(void)
{
    struct leat__self *self = leat__self();

    if (self->shield == 0 && leat__fork_forked())
        return; /* the shield was the task's, in the parent */
    leat__check(self->shield > 0, "leat_unshield without a leat_shield before it");
    self->shield--;
}

void leat__defer_run(struct leat__defer *defer)
{
    struct leat_guard guard;

    leat__check(defer->fn != NULL,
                "LEAT_DEFER needs a function: NULL was given in the place of one");
    leat_guard_enter(&guard, LEAT_DEFER_GRACE);
    defer->fn(defer->ptr);
    leat_guard_leave(&guard);
}
