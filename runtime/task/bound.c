/* SPDX-License-Identifier: MIT */
/* What bounds a blocking call: the scopes around it, their ends and their deadlines.
 *
 * A cancel walks down the tree of scopes and claims the wait of every task in it. So that spawning
 * and running a task that never waits costs nothing of this, tasks and scopes enter the tree late:
 * a scope when somebody in it first waits, a task when it first waits. Up to then nobody needs to
 * be woken, and the first wait finds the mark `ended` on the way up. The alternative, each task
 * waking its own children, would leave them alone for as long as their parent computes.
 *
 *      scope --inner--> scope --inner--> scope        locks: parent before child,
 *        |                |                |          so a walk holds those on its path, and
 *      members          members          members      who waits with a scope's lock held has
 *                                                     joined before it took it
 *
 * INVARIANTS
 *   I1  attached is set under the parent's lock, top down: an attached scope's parents are
 *   attached.
 *   I2  ended of a scope with an attached parent that has ended is set, except while the walk that
 *       sets it is on its way.
 *   I3  A scope is alive while it is linked; a task or scope leaves the list it is in, under that
 *       list's lock, before it ends. So what a walk meets under the lock is alive.
 *   I4  A walk that claims a member's wait takes its seat off the list, and touches it no more: no
 *       walk need find it again, since waits that open later find the scope's mark. So a task that
 *       is cancelled and ends need not take the lock, which the walk holds. A seat that was taken
 *       off is its own next.
 * ORDERING
 *   O1  A seat that is its own next was let go of: its task's acquire pairs with the release by
 *       which the walk says so, after its own last access and those of who held the lock before. */
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/fork.h"
#include "platform/membarrier.h"
#include "task/held.h"
#include "task/late.h"

#include <errno.h>

/* Enter x into its parent's list. The parent is attached, or has no parent itself. */
static void attach_one(struct leat__scope *x)
{
    struct leat__scope *parent = x->parent;

    leat__lock(&parent->lock);
    if (!load_relaxed(&x->attached)) { /* relaxed: under the lock */
        x->inner_next = parent->inner;
        x->inner_prev = NULL;
        if (parent->inner)
            parent->inner->inner_prev = x;
        parent->inner = x;
        if (load_relaxed(&parent->ended)) { /* relaxed: under the lock that a walk holds */
            store_release(&x->ended, true); /* pairs with the acquire in leat__bound_check */
            store_relaxed(&x->bounds, true); /* relaxed: a hint for checkpoints */
        }
        store_release(&x->attached, true); /* pairs with the acquire in attach */
    }
    leat__unlock(&parent->lock);
}

static void attach(struct leat__scope *scope)
{
    while (scope->parent && !load_acquire(&scope->attached)) { /* I1 */
        struct leat__scope *x = scope;

        while (x->parent->parent && !load_acquire(&x->parent->attached))
            x = x->parent;
        attach_one(x);
    }
}

/* With the scope's lock held, hence relaxed, as below. */
static void link_seat(struct leat__scope *scope, struct leat__seat *seat)
{
    struct leat__seat *next = scope->members;

    store_relaxed(&seat->next, next);
    store_relaxed(&seat->prev, NULL);
    if (next)
        store_relaxed(&next->prev, seat);
    scope->members = seat;
}

static void unlink_seat(struct leat__scope *scope, struct leat__seat *seat)
{
    struct leat__seat *next = load_relaxed(&seat->next), *prev = load_relaxed(&seat->prev);

    if (prev)
        store_relaxed(&prev->next, next);
    else
        scope->members = next;
    if (next)
        store_relaxed(&next->prev, prev);
}

static bool is_off(struct leat__seat *seat)
{
    return load_acquire(&seat->next) == seat; /* O1 */
}

/* The caller is about to wait: make sure that a cancel of any scope around it finds it. */
void leat__bound_join(struct leat__self *self)
{
    struct leat__scope *scope = self->scope;

    if (self->joined == scope)
        return; /* attached before it was joined, and it stays so until its tasks have ended */
    attach(scope);
    if (scope->owner == self)
        return; /* an owner is found through its scope */
    leat__bound_leave(self);
    leat__lock(&scope->lock);
    link_seat(scope, self->seat);
    leat__unlock(&scope->lock);
    self->joined = scope;
}

/* A task ends, or waits inside another scope from now on. */
void leat__bound_leave(struct leat__self *self)
{
    struct leat__scope *scope = self->joined;

    if (!scope)
        return;
    self->joined = NULL;
    if (is_off(self->seat)) /* I4 */
        return;
    leat__lock(&scope->lock);
    if (!is_off(self->seat))
        unlink_seat(scope, self->seat);
    leat__unlock(&scope->lock);
}

/* The scope is over. Where a cancel was the reason, the walk may still be inside: it began at this
 * scope, and woke us or our last child under the lock. Letting go of that is the last it does. */
void leat__bound_detach(struct leat__scope *scope)
{
    struct leat__scope *parent = scope->parent;

    if (load_relaxed(&scope->ended)) { /* relaxed: who was woken by the walk sees it */
        leat__lock(&scope->lock);
        leat__unlock(&scope->lock);
    }
    if (!parent || !load_relaxed(&scope->attached)) /* relaxed: its last user is its owner */
        return;
    leat__lock(&parent->lock);
    if (scope->inner_prev)
        scope->inner_prev->inner_next = scope->inner_next;
    else
        parent->inner = scope->inner_next;
    if (scope->inner_next)
        scope->inner_next->inner_prev = scope->inner_prev;
    leat__unlock(&parent->lock);
}

/* 0, or what a blocking call at `now` returns that no shield covers: -ECANCELED where the scope was
 * cancelled or an outer deadline has passed, -ETIMEDOUT after its own. */
int leat__bound_check(const struct leat__self *self, leat_time now)
{
    struct leat__scope *scope = self->scope;

    if (!scope)
        return 0;
    if (load_acquire(&scope->ended)) /* pairs with the release in mark */
        return -ECANCELED;
    if (now < scope->deadline)
        return 0;
    if (scope->cell)
        scope = scope->parent; /* deadlines are those of the scope that counts the task */
    if (scope->parent && now >= scope->parent->deadline)
        return -ECANCELED;
    return now >= scope->own_deadline ? -ETIMEDOUT : -ECANCELED;
}

/* With the scope's lock held: it has ended. Returns false when that was known. */
static bool mark(struct leat__scope *scope)
{
    if (load_relaxed(&scope->ended)) /* relaxed: under the lock */
        return false;
    store_release(&scope->ended, true); /* pairs with the acquire in leat__bound_check */
    store_relaxed(&scope->bounds, true); /* relaxed: a hint for checkpoints */
    return true;
}

static bool claim_wait(struct leat__waiter *waiter)
{
    return !leat__late_is_taken(waiter) && leat__word_cancel(&waiter->word);
}

/* With the scope's lock held: end the waits of those who are in it. */
static bool claim(struct leat__scope *scope)
{
    struct leat__seat *next;

    for (struct leat__seat *seat = scope->members; seat; seat = next) {
        struct leat__waiter *waiter = leat__seat_waiter(seat);

        next = load_relaxed(&seat->next); /* relaxed: under the lock */
        if (next)
            __builtin_prefetch(leat__seat_waiter(next), 1);
        if (claim_wait(waiter)) {
            unlink_seat(scope, seat);
            store_release(&seat->next, seat); /* I4, O1 */
            leat__wake(waiter); /* who ends, and the seat with it */
        }
    }
    if (scope->waiter && claim_wait(scope->waiter))
        leat__wake(scope->waiter);
    return true;
}

/* Visit the scopes inside `top`, whose lock is held; not those below one that says false. Depth
 * first without a stack of its own: the path is the chain of parents, whose locks are held. */
static void walk(struct leat__scope *top, bool (*visit)(struct leat__scope *scope))
{
    struct leat__scope *scope = top;

    for (;;) {
        if (visit(scope) && scope->inner) {
            scope = scope->inner;
            leat__lock(&scope->lock);
            continue;
        }
        while (scope != top && !scope->inner_next) {
            struct leat__scope *parent = scope->parent;

            leat__unlock(&scope->lock);
            scope = parent;
        }
        if (scope == top)
            break;
        leat__unlock(&scope->lock);
        scope = scope->inner_next; /* guarded by the parent's lock */
        leat__lock(&scope->lock);
    }
}

/* Cancel everything inside: first all marks, then, behind one fence, all claims (O1 and O3 of
 * late.h). Who enters the tree between the two finds the marks. */
void leat__bound_end(struct leat__scope *top)
{
    if (leat__fork_forked())
        return; /* what is inside runs in the parent */
    leat__lock(&top->lock);
    if (!load_relaxed(&top->ended)) { /* relaxed: under the lock */
        walk(top, mark);
        if (leat__fence_usable())
            leat__fence_heavy();
        walk(top, claim);
    }
    leat__unlock(&top->lock);
}

int leat__checkpoint_slow(struct leat__self *self)
{
    if (!self->task && leat__fork_refuses())
        return -EPERM;
    if (self->budget <= 0) {
        self->budget = LEAT__BUDGET;
        if (self->task)
            leat__worker_face(leat__worker_current())->talks++;
        if (leat__held_watched())
            leat__held_yields();
        if (self->task)
            leat__give_way();
    }
    if (!self->scope || leat__shielded(self))
        return 0;
    leat__bound_join(self);
    return leat__bound_check(self, self->scope->deadline == LEAT_NEVER ? 0 : leat__clock_now());
}

int leat_cancelled(void)
{
    struct leat__self *self = leat__self();

    if (!self->task && leat__fork_refuses())
        return -EPERM;
    if (!self->scope || leat__shielded(self))
        return 0;
    leat__bound_join(self);
    return leat__bound_check(self, leat__clock_now());
}

leat_time leat_deadline(void)
{
    const struct leat__self *self = leat__self();

    if (!self->scope || self->shield > 0)
        return LEAT_NEVER;
    return self->guard ? leat__time_max(self->scope->deadline, self->guard->until)
                       : self->scope->deadline;
}
