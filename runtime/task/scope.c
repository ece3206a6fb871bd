/* SPDX-License-Identifier: MIT */
/* Scopes: entering, joining, failing.
 *
 * INVARIANTS
 *   I1  spawned + pending / 2 is the number of children, but for JOINING. Only the owner knows it
 *       exactly, for only it knows spawned; before it parks it adds spawned to pending, and from
 *       then on whoever counts pending down to 0 has ended the last child.
 * ORDERING
 *   O1  The end of a child against its parent's join. Both modify `pending`, so one comes second
 *       and sees the other. The child's decrement releases what the child wrote to the parent's
 *       frame; the parent's read of the sum of zero, or the last child's decrement (a release
 *       sequence through all earlier ones) and its ready, acquire it. */
#include "base/check.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/fork.h"
#include "task/held.h"
#include "task/record.h"
#include "task/runtime.h"
#include "task/task.h"

#include <errno.h>

/* Field by field, for a scope is entered around little work; what only some scopes need is set
 * where they need it. owner and parent may be NULL. */
void leat__scope_init(struct leat__scope *scope, struct leat__self *owner,
                      struct leat__scope *parent, struct leat__runtime *runtime)
{
    /* relaxed, all: nobody else has the scope yet */
    store_relaxed(&scope->pending, 0);
    scope->spawned = 0;
    scope->parent = parent;
    scope->owner = owner;
    scope->waiter = owner ? owner->waiter : NULL;
    scope->runtime = runtime;
    scope->deadline = scope->own_deadline = LEAT_NEVER;
    scope->name = NULL;
    store_relaxed(&scope->error, 0);
    store_relaxed(&scope->ended, false);
    store_relaxed(&scope->bounds, false);
    store_relaxed(&scope->attached, false);
    scope->plain = runtime != NULL;
    scope->joined = scope->collect = scope->bad = false;
    scope->open = scope->cell = scope->keep = false;
    scope->race = LEAT_RACE_NONE;
    scope->limit = 0;
    store_relaxed(&scope->lock.word, 0);
    scope->running = 0;
    scope->spawners.first = scope->spawners.last = NULL;
    scope->members = NULL;
    scope->inner = NULL;
    scope->handles = NULL;
    scope->handled = false;
}

static void apply(struct leat__scope *scope, const struct leat_scope_options *options)
{
    scope->bad = options->size != sizeof *options || options->deadline < 0 ||
                 (unsigned)options->on_error > LEAT_COLLECT ||
                 (unsigned)options->race > LEAT_RACE_SUCCESS;
    if (scope->bad || options->limit || options->race || options->keep)
        scope->plain = false;
    if (scope->bad)
        return;
    if (options->deadline)
        scope->deadline = scope->own_deadline = options->deadline;
    scope->collect = options->on_error == LEAT_COLLECT;
    scope->limit = options->limit;
    scope->name = options->name;
    if (options->race) {
        scope->race = (uint8_t)options->race;
        scope->collect = true; /* failures end nobody: the winner does */
        scope->won = false;
    }
    if (options->keep) {
        scope->keep = true;
        scope->live = 0;
        scope->ended_last = NULL;
        scope->nexters.first = scope->nexters.last = NULL;
    }
}

void leat_scope_enter(struct leat_scope *public, const struct leat_scope_options *options)
{
    struct leat__scope *scope = leat__scope_of(public);
    struct leat__self *self = leat__self();
    struct leat__scope *parent = self->scope;

    leat__scope_init(scope, self, parent, self->task ? leat__runtime_current() : NULL);
    if (options)
        apply(scope, options);
    /* An ended parent's mark goes down when we attach; without a wait in between nobody asks. */
    if (parent)
        scope->deadline = leat__time_min(scope->deadline, parent->deadline);
    store_relaxed(&scope->bounds, scope->deadline != LEAT_NEVER); /* relaxed: as in init */
    self->scope = scope;
}

int leat_scope_open(struct leat_scope *public, const struct leat_scope_options *options)
{
    struct leat__scope *scope = leat__scope_of(public);
    struct leat__runtime *runtime = leat__runtime_current();

    leat__scope_init(scope, NULL, runtime ? leat__scope_of(&runtime->root) : NULL, runtime);
    if (options)
        apply(scope, options);
    scope->open = true;
    store_relaxed(&scope->bounds, scope->deadline != LEAT_NEVER); /* relaxed: as in init */
    if (!runtime)
        return -EPERM;
    (void)fetch_add_relaxed(&runtime->open, 1); /* relaxed: read when all tasks have ended */
    return scope->bad ? -EINVAL : 0;
}

/* Remember the first error; unless siblings are to finish, it ends them. A child that only met the
 * scope's own deadline ends nobody: all meet it, and shall read -ETIMEDOUT, not -ECANCELED. */
void leat__scope_fail(struct leat__scope *scope, int err)
{
    int none = 0;

    /* relaxed, both: join reads it after it acquired the end of every child; the first look spares
     * a thousand that are cancelled a locked instruction each */
    if (load_relaxed(&scope->error) == 0)
        (void)cas_relaxed(&scope->error, &none, err);
    /* relaxed: who set it walks down the scope, which needs no second walk */
    if (scope->collect || load_relaxed(&scope->ended))
        return;
    if (err == -ETIMEDOUT && scope->own_deadline <= leat__clock_now())
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
    if (scope->limit)
        leat__scope_leave_limit(scope);
    if (here) {
        scope->spawned--;
        return;
    }
    if (fetch_sub_acq_rel(&scope->pending, LEAT__PENDING_CHILD) == /* O1 */
        (LEAT__PENDING_CHILD | LEAT__PENDING_JOINING))
        leat__ready(scope->joiner);
}

/* In the next context: the owner is saved. From the moment JOINING is set the last child may ready
 * it. */
static bool commit_join(struct leat__fiber *fiber, void *arg)
{
    struct leat__scope *scope = arg;
    int64_t ours = scope->spawned * LEAT__PENDING_CHILD;

    scope->joiner = fiber;
    /* O1; release: the joiner and its saved context, to the last child that readies it */
    return fetch_add_acq_rel(&scope->pending, ours + LEAT__PENDING_JOINING) + ours != 0;
}

leat__commit_fn *leat__join_commit = commit_join;

/* O1 */
static bool has_children(struct leat__scope *scope)
{
    return load_acquire(&scope->pending) + scope->spawned * LEAT__PENDING_CHILD != 0;
}

static void park_for_children(struct leat__scope *scope)
{
    static const struct leat__reason joining = { "join the scope", LEAT__ABOUT_NAME, LEAT__INNER };
    struct leat__self *self = leat__self();

    leat__self_reason(self, &joining, scope->name);
    self->since = leat__worker_looked(leat__worker_current());
    /* An earlier wait left its claim there, by which a walk would take this one for ended. relaxed:
     * no wait is open; a cancel may leave its mark meanwhile, hence no plain store */
    (void)fetch_and_relaxed(&self->waiter->word, ~LEAT__WORD_STATE);
    leat__park(leat__join_commit, scope);
    self->reason = NULL;
}

/* Run the newest child that nobody has started in place, again and again; then wait for those that
 * others run. */
static void wait_for_children(struct leat__scope *scope)
{
    struct leat__fiber *host = leat__fiber_current();
    bool pinned = host && leat__fiber_is_pinned(host);

    while (has_children(scope)) {
        struct leat__fiber *child = pinned ? NULL : leat__take_fresh(scope);

        if (!child) {
            if (scope->spawned > 0 && !pinned && leat__look_due()) {
                if (leat__held_watched())
                    leat__held_yields();
                leat__give_way(); /* time for the others; there may be more of ours after that */
                continue;
            }
            park_for_children(scope);
            return;
        }
        if (!leat__task_run_here(host, child)) {
            leat__start(scope->runtime->sched, child);
            park_for_children(scope);
            return;
        }
    }
}

/* relaxed, all: every child has ended */
static int outcome(const struct leat__scope *scope)
{
    if (scope->bad)
        return -EINVAL;
    if (scope->race && scope->won)
        return scope->winner;
    return load_relaxed(&scope->error);
}

int leat_scope_join(struct leat_scope *public)
{
    struct leat__scope *scope = leat__scope_of(public);
    struct leat__self *self = leat__self();

    if (!scope->joined) {
        leat__check(!scope->open, "an open scope is ended by leat_scope_close");
        if (scope->owner != self && leat__fork_refuses())
            return -EPERM;
        leat__check(scope->owner == self, "a scope is joined by the task that entered it");
        leat__check(self->scope == scope, "inner scopes are joined before outer ones");
        if (scope->runtime)
            wait_for_children(scope);
        scope->joined = true;
        scope->plain = false;
        leat__bound_detach(scope);
        self->scope = scope->parent;
        if (scope->handled)
            leat__record_drop_handles(scope);
    }
    return outcome(scope);
}

int leat_scope_close(struct leat_scope *public)
{
    struct leat__scope *scope = leat__scope_of(public);

    if (!scope->joined) {
        leat__check(scope->open, "leat_scope_close is for scopes of leat_scope_open");
        if (leat__fork_refuses())
            return -EPERM;
        if (scope->runtime) {
            leat__check(leat__fiber_current() != NULL, "an open scope is closed by a task");
            wait_for_children(scope);
            leat__bound_detach(scope);
            if (scope->handled)
                leat__record_drop_handles(scope);
            if (scope->keep)
                leat__ended_drop(scope);
            (void)fetch_sub_relaxed(&scope->runtime->open, 1); /* relaxed: as in open */
        }
        scope->joined = true;
        scope->plain = false;
    }
    return outcome(scope);
}

void leat_scope_cancel(struct leat_scope *scope)
{
    leat__bound_end(leat__scope_of(scope));
}

void leat_scope_cleanup(struct leat_scope *public)
{
    struct leat__scope *scope = leat__scope_of(public);

    if (leat__fork_forked() && scope->owner != leat__self())
        return; /* the scope is the parent's */
    if (!scope->joined) {
        if (scope->runtime && has_children(scope))
            leat__bound_end(scope);
        (void)leat_scope_join(public);
    }
    if (scope->keep)
        leat__ended_drop(scope);
}
