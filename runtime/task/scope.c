/* SPDX-License-Identifier: MIT */
/* Scopes: entering, joining, failing.
 *
 * ORDERING
 *   O1  The end of a child against its parent's join. Both modify `pending`, so one comes second and
 *       sees the other. The child's decrement releases what the child wrote to the parent's frame;
 *       the parent's read of zero, or the last child's decrement (a release sequence through all
 *       earlier ones) and its ready, acquire it. */
#include "base/check.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "task/runtime.h"
#include "task/task.h"

#include <errno.h>
#include <string.h>

void leat_scope_enter(struct leat_scope *public, const struct leat_scope_options *options)
{
    struct leat__scope *scope = leat__scope_of(public);
    struct leat__self *self = leat__self();
    struct leat__scope *parent = self->scope;

    memset(scope, 0, sizeof *scope);
    scope->parent = parent;
    scope->owner = self;
    scope->waiter = self->waiter;
    scope->runtime = self->task ? leat__runtime_current() : NULL;
    scope->own_deadline = LEAT_NEVER;
    scope->bad = options->size != sizeof *options || options->deadline < 0 ||
                 (unsigned)options->on_error > LEAT_COLLECT;
    if (!scope->bad) {
        scope->own_deadline = options->deadline ? options->deadline : LEAT_NEVER;
        scope->collect = options->on_error == LEAT_COLLECT;
        scope->limit = options->limit;
        scope->name = options->name;
    }
    scope->deadline = scope->own_deadline;
    if (parent) {
        scope->deadline = leat__time_min(scope->deadline, parent->deadline);
        /* An ended parent's mark goes down when we attach; without a wait in between nobody asks. */
    }
    self->scope = scope;
}

/* Remember the first error; unless siblings are to finish, it ends them. A child that only met the
 * scope's own deadline ends nobody: all meet it, and shall read -ETIMEDOUT, not -ECANCELED. */
void leat__scope_fail(struct leat__scope *scope, int err)
{
    int none = 0;

    /* relaxed: join reads it after it acquired the end of every child */
    (void)cas_relaxed(&scope->error, &none, err);
    if (scope->collect || (err == -ETIMEDOUT && scope->own_deadline <= leat__clock_now()))
        return;
    leat__bound_end(scope);
}

/* One child fewer: a spawner that waits at the limit takes its place. */
void leat__scope_leave_limit(struct leat__scope *scope)
{
    struct leat__waitnode *node;
    struct leat__waiter *waiter = NULL;

    leat__lock(&scope->lock);
    node = leat__waitlist_claim(&scope->spawners);
    if (node)
        waiter = node->ticket.waiter;
    else
        scope->running--;
    leat__unlock(&scope->lock);
    if (waiter)
        leat__wake(waiter);
}

/* A child has ended. Nothing of the scope may be touched after the decrement, unless it says that
 * the owner is parked until we wake it. */
void leat__scope_count_out(struct leat__scope *scope)
{
    struct leat__waiter *waiter = scope->waiter;

    if (scope->limit)
        leat__scope_leave_limit(scope);
    if (fetch_sub_acq_rel(&scope->pending, LEAT__PENDING_CHILD) == /* O1 */
        (LEAT__PENDING_CHILD | LEAT__PENDING_JOINING))
        leat__ready(waiter->fiber);
}

/* In the next context: the owner is saved. From the moment JOINING is set the last child may ready
 * it. */
static bool commit_join(struct leat__fiber *fiber, void *arg)
{
    struct leat__scope *scope = arg;

    (void)fiber;
    /* O1; release: the owner's saved context, to the last child that readies it */
    return fetch_or_acq_rel(&scope->pending, LEAT__PENDING_JOINING) != 0;
}

/* Run children that nobody has started in place as they come up; park when something else does. */
static void wait_for_children(struct leat__scope *scope)
{
    struct leat__fiber *fiber = leat__fiber_current();

    while (load_acquire(&scope->pending) != 0) { /* O1 */
        struct leat__fiber *next = leat__next();

        if (next && leat__task_run_here(fiber, next, scope))
            continue;
        leat__park_for(next, commit_join, scope);
        return;
    }
}

int leat_scope_join(struct leat_scope *public)
{
    struct leat__scope *scope = leat__scope_of(public);
    struct leat__self *self = leat__self();

    if (!scope->joined) {
        leat__check(scope->owner == self, "a scope is joined by the task that entered it");
        leat__check(self->scope == scope, "inner scopes are joined before outer ones");
        if (scope->runtime)
            wait_for_children(scope);
        scope->joined = true;
        leat__bound_detach(scope);
        self->scope = scope->parent;
    }
    if (scope->bad)
        return -EINVAL;
    return load_relaxed(&scope->error); /* relaxed: every child has ended */
}

void leat_scope_cancel(struct leat_scope *scope)
{
    leat__bound_end(leat__scope_of(scope));
}

void leat_scope_cleanup(struct leat_scope *public)
{
    struct leat__scope *scope = leat__scope_of(public);

    if (scope->joined)
        return;
    if (load_relaxed(&scope->pending) != 0) /* relaxed: a hint; without children there is no need */
        leat__bound_end(scope);
    (void)leat_scope_join(public);
}
