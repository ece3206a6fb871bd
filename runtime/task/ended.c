/* SPDX-License-Identifier: MIT */
/* What a scope does with its children's results beside the first error: keep them for
 * leat_scope_next, or let the first of them win.
 *
 * INVARIANTS (under the scope's lock)
 *   I1  `live` is the number of children of a kept scope that have not put their result yet. It
 *       counts what `pending` does, but results are put before a child is counted out.
 *   I2  Somebody waits for a result only while none is there and live > 0.
 *   I3  A record is in the ring of ended ones, or on its way to the one who was claimed for it. */
#include "base/check.h"
#include "platform/clock.h"
#include "task/record.h"
#include "task/runtime.h"
#include "task/task.h"

#include <errno.h>

/* The ring of ended ones, oldest first, is named by its last. */
static void push(struct leat__scope *scope, struct leat__record *record)
{
    if (scope->ended_last) {
        record->next = scope->ended_last->next;
        scope->ended_last->next = record;
    } else {
        record->next = record;
    }
    scope->ended_last = record;
}

static struct leat__record *pop(struct leat__scope *scope)
{
    struct leat__record *last = scope->ended_last, *first;

    if (!last)
        return NULL;
    first = last->next;
    if (first == last)
        scope->ended_last = NULL;
    else
        last->next = first->next;
    return first;
}

void leat__ended_expect(struct leat__scope *scope)
{
    leat__lock(&scope->lock);
    scope->live++;
    leat__unlock(&scope->lock);
}

/* With the lock. True: this result wins the race, and the caller ends the scope when it has let the
 * lock go. */
static bool wins(struct leat__scope *scope, int result)
{
    if (!scope->race || (scope->race == LEAT_RACE_SUCCESS && result < 0))
        return false;
    if (scope->won)
        return false;
    scope->won = true;
    scope->winner = result;
    return true;
}

/* With the lock. */
static void keep(struct leat__scope *scope, struct leat__record *record)
{
    struct leat__waitnode *node = leat__waitlist_claim(&scope->nexters);

    scope->live--;
    if (node) {
        node->data = record;
        leat__wake(node->ticket.waiter);
    } else {
        push(scope, record);
    }
    if (scope->live == 0)
        while ((node = leat__waitlist_claim(&scope->nexters))) { /* I2 */
            node->result = -ENODATA;
            leat__wake(node->ticket.waiter);
        }
}

/* Decided and kept under one lock: the winner of a race stands before those that it ends. */
void leat__ended_put(struct leat__scope *scope, struct leat__record *record, int result)
{
    bool first;

    leat__lock(&scope->lock);
    first = wins(scope, result);
    if (scope->keep)
        keep(scope, record);
    leat__unlock(&scope->lock);
    if (first)
        leat__bound_end(scope);
}

void leat__ended_drop(struct leat__scope *scope)
{
    struct leat__record *record;

    for (;;) {
        leat__lock(&scope->lock);
        record = pop(scope);
        leat__unlock(&scope->lock);
        if (!record)
            return;
        leat__record_let_go(record, LEAT__HOLD_KEPT);
    }
}

/* The lock is held, and free when this returns. The owner waits inside the scope's parent: a failed
 * child ends the scope, and shall not end the wait for its siblings. The end of the scope may wake
 * the owner all the same; *again says that this was all. */
static int wait_for_one(struct leat__scope *scope, struct leat__record **ret, bool *again)
{
    static const struct leat__reason next = { "take a result of the scope", LEAT__ABOUT_NAME,
                                               LEAT__INNER };
    struct leat__self *self = leat__self();
    struct leat__scope *inner = self->scope;
    bool inside = inner == scope && scope->owner == self, own;
    struct leat__waitnode node = { 0 };
    struct leat__wait wait;
    enum leat__cause cause;
    int err;

    if (inside)
        self->scope = scope->parent;
    leat__self_reason(self, &next, scope->name);
    err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE,
                           inside ? scope->own_deadline : LEAT_NEVER);
    if (err) {
        leat__unlock(&scope->lock);
    } else {
        node.ticket = wait.ticket;
        leat__waitlist_push(&scope->nexters, &node);
        cause = leat__wait_park(&wait, &scope->lock);
        if (cause == LEAT__CAUSE_EVENT) {
            *ret = node.data;
            err = node.result;
        } else {
            leat__lock(&scope->lock);
            leat__waitlist_remove(&scope->nexters, &node);
            leat__unlock(&scope->lock);
            err = leat__wait_error(&wait, cause, &own);
            if (!err)
                err = -ETIMEDOUT; /* the scope's own deadline */
            *again = cause == LEAT__CAUSE_CANCEL && inside &&
                     leat__bound_check(self, leat__clock_now()) == 0;
        }
    }
    self->scope = inner;
    return err;
}

static void hand_out(struct leat__record *record, struct leat_ended *ret)
{
    *ret = (struct leat_ended){
        .fn = record->fn,
        .arg = record->arg,
        .name = record->name,
        .result = record->result,
        .id = record->id,
    };
    leat__record_let_go(record, LEAT__HOLD_KEPT);
}

/* Joining the tree takes locks of scopes, parents' first: before ours. */
static void join_outside(struct leat__scope *scope)
{
    struct leat__self *self = leat__self();
    struct leat__scope *inner = self->scope;

    if (inner == scope && scope->owner == self)
        self->scope = scope->parent;
    if (self->scope)
        leat__bound_join(self);
    self->scope = inner;
}

int leat_scope_next(struct leat_scope *public, struct leat_ended *ret)
{
    struct leat__scope *scope = leat__scope_of(public);
    struct leat__record *record = NULL;
    bool again;
    int err;

    if (scope->bad)
        return -EINVAL;
    leat__check(scope->keep, "leat_scope_next is for scopes with .keep = true");
    leat__check(scope->open || scope->owner == leat__self(),
                "leat_scope_next is called by the task that entered the scope");
    leat__spend(leat__self());
    do {
        again = false;
        err = 0;
        join_outside(scope);
        leat__lock(&scope->lock);
        record = pop(scope);
        if (record || scope->live == 0)
            leat__unlock(&scope->lock);
        else
            err = wait_for_one(scope, &record, &again);
    } while (again);
    if (err)
        return err;
    if (!record)
        return -ENODATA;
    hand_out(record, ret);
    return 0;
}

int leat_scope_race(struct leat_scope *public)
{
    struct leat__scope *scope = leat__scope_of(public);

    leat__check(scope->bad || scope->race != LEAT_RACE_NONE,
                "leat_scope_race is for scopes with .race: LEAT_RACE_FINISHED or "
                "LEAT_RACE_SUCCESS");
    return leat_scope_join(public);
}
