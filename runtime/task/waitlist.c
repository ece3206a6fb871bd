/* SPDX-License-Identifier: MIT */
/* Lists of waiters: see waitlist.h.
 *
 * INVARIANTS
 *   I1  A node is linked, and its fields are written, only under the lock.
 *   I2  Who claims takes the node off the list under the same lock, so a waiter that lost its wait
 *       to a cancel or a timeout finds its node linked, and one that got an event finds it free (or
 *       in the claimer's own list, of no concern to it). */
#include "task/late.h"

#include <errno.h>

#include "task/late.h"

void leat__waitlist_push(struct leat__waitlist *list, struct leat__waitnode *node)
{
    node->next = NULL;
    node->prev = list->last;
    if (list->last)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
    node->linked = true;
}

void leat__waitlist_push_first(struct leat__waitlist *list, struct leat__waitnode *node)
{
    node->next = list->first;
    node->prev = NULL;
    if (list->first)
        list->first->prev = node;
    else
        list->last = node;
    list->first = node;
    node->linked = true;
}

void leat__waitlist_remove(struct leat__waitlist *list, struct leat__waitnode *node)
{
    if (!node->linked)
        return;
    if (node->prev)
        node->prev->next = node->next;
    else
        list->first = node->next;
    if (node->next)
        node->next->prev = node->prev;
    else
        list->last = node->prev;
    node->linked = false;
}

struct leat__waitnode *leat__waitlist_claim(struct leat__waitlist *list)
{
    struct leat__waitnode *node;

    while ((node = list->first)) {
        leat__waitlist_remove(list, node);
        if (leat__late_claim(node))
            return node;
    }
    return NULL;
}

void leat__waitlist_wake(struct leat__waitlist *won)
{
    struct leat__waitnode *next;

    for (struct leat__waitnode *node = won->first; node; node = next) {
        next = node->next; /* the node is gone with the wake */
        leat__wake(node->ticket.waiter);
    }
}

/* What wait_late leaves for the next context. */
struct listed {
    struct leat__late  late;
    struct leat__lock *lock;
};

/* `arg` is on the waiter's frame. A cancel may resume it before the unlock, but it returns only
 * after that: so all is read before the end. */
static bool commit_listed(struct leat__fiber *fiber, void *arg)
{
    struct listed listed = *(const struct listed *)arg;
    bool parked = leat__late_commit(&listed.late);

    (void)fiber;
    leat__unlock(listed.lock);
    return parked;
}

/* Where nothing but an event or a cancel can end the wait: the lock shuts the list until the fiber
 * is saved. */
static int wait_late(struct leat__waitlist *list, struct leat__waitnode *node,
                     struct leat__lock *lock, struct leat__self *self)
{
    struct leat__worker *worker = leat__worker_current();
    struct listed listed = { .lock = lock };
    enum leat__cause cause;

    leat__late_begin(&listed.late, self, worker);
    node->ticket = leat__late_ticket(&listed.late);
    leat__waitlist_push(list, node);
    leat__park_on(worker, commit_listed, &listed);
    cause = leat__late_end(self);
    if (cause == LEAT__CAUSE_EVENT)
        return node->result; /* the claimer took the node off, and delivered before it woke us */
    leat__lock(lock);
    leat__waitlist_remove(list, node);
    leat__unlock(lock);
    return leat__late_error(cause);
}

int leat__waitlist_wait(struct leat__waitlist *list, struct leat__waitnode *node,
                        struct leat__lock *lock)
{
    struct leat__wait wait;
    enum leat__cause cause;
    bool own;
    int err;

    node->result = 0;
    node->won = false;
    if (leat__wait_may_be_late(leat__self()) && leat__fence_usable())
        return wait_late(list, node, lock, leat__self());
    err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);
    if (err) {
        leat__unlock(lock);
        return err;
    }
    node->ticket = wait.ticket;
    leat__waitlist_push(list, node);
    cause = leat__wait_park(&wait, lock);
    if (cause == LEAT__CAUSE_EVENT)
        return node->result; /* the claimer took the node off, and delivered before it woke us */
    leat__lock(lock);
    leat__waitlist_remove(list, node);
    leat__unlock(lock);
    return leat__wait_error(&wait, cause, &own);
}
