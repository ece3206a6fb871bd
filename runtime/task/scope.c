/* SPDX-License-Identifier: MIT */
/* Scopes: entering, joining, failing.
 *
 * INVARIANTS
 *   I1  spawned + pending / 2 is the number of children, but for JOINING. Only the owner knows it
 *       exactly, for only it knows spawned; before it parks it adds spawned to pending, and from then
 *       on whoever counts pending down to 0 has ended the last child.
 * ORDERING
 *   O1  The end of a child against its parent's join. Both modify `pending`, so one comes second and
 *       sees the other. The child's decrement releases what the child wrote to the parent's frame;
 *       the parent's read of the sum of zero, or the last child's decrement (a release sequence
 *       through all earlier ones) and its ready, acquire it. */
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

/* A child has ended, `here` in its owner's join or elsewhere. Nothing of the scope may be touched
 * after the decrement, unless it says that the owner is parked until we wake it. */
void leat__scope_count_out(struct leat__scope *scope, bool here)
{
    struct leat__waiter *waiter = scope->waiter;

    if (scope->limit)
        leat__scope_leave_limit(scope);
    if (here) {
        scope->spawned--;
        return;
    }
    if (fetch_sub_acq_rel(&scope->pending, LEAT__PENDING_CHILD) == /* O1 */
        (LEAT__PENDING_CHILD | LEAT__PENDING_JOINING))
        leat__ready(waiter->fiber);
}

/* In the next context: the owner is saved. From the moment JOINING is set the last child may ready
 * it. */
static bool commit_join(struct leat__fiber *fiber, void *arg)
{
    struct leat__scope *scope = arg;
    int64_t ours = scope->spawned * LEAT__PENDING_CHILD;

    (void)fiber;
    /* O1; release: the owner's saved context, to the last child that readies it */
    return fetch_add_acq_rel(&scope->pending, ours + LEAT__PENDING_JOINING) + ours != 0;
}

/* O1 */
static bool has_children(struct leat__scope *scope)
{
    return load_acquire(&scope->pending) + scope->spawned * LEAT__PENDING_CHILD != 0;
}

/* Run the newest child that nobody has started in place, again and again; then wait for those that
 * others run. */
static void wait_for_children(struct leat__scope *scope)
{
    struct leat__fiber *host = leat__fiber_current();

    while (has_children(scope)) {
        struct leat__fiber *child = host->pinned ? NULL : leat__take_fresh(scope);

        if (!child) {
            if (scope->spawned > 0 && !host->pinned && leat__look_due()) {
                leat__give_way(); /* time for the others; there may be more of ours after that */
                continue;
            }
            leat__park(commit_join, scope);
            return;
        }
        if (!leat__task_run_here(host, child)) {
            leat__start(child);
            leat__park(commit_join, scope);
            return;
        }
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
    if (scope->runtime && has_children(scope))
        leat__bound_end(scope);
    (void)leat_scope_join(public);
}
