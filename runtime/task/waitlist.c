/* SPDX-License-Identifier: MIT */
/* Lists of waiters: see waitlist.h.
 *
 * INVARIANTS
 *   I1  A node is linked, and its fields are written, only under the lock.
 *   I2  Who claims takes the node off the list under the same lock, so a waiter that lost its wait
 *       to a cancel or a timeout finds its node linked, and one that got an event finds it free (or
 *       in the claimer's own list, of no concern to it). */
#include "task/waitlist.h"

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
        if (leat__waitnode_claim(node))
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

int leat__waitlist_wait(struct leat__waitlist *list, struct leat__waitnode *node,
                        struct leat__lock *lock)
{
    struct leat__wait wait;
    enum leat__cause cause;
    bool own;
    int err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);

    if (err) {
        leat__unlock(lock);
        return err;
    }
    node->ticket = wait.ticket;
    node->result = 0;
    node->won = false;
    leat__waitlist_push(list, node);
    cause = leat__wait_park(&wait, lock);
    if (cause == LEAT__CAUSE_EVENT)
        return node->result; /* the claimer took the node off, and delivered before it woke us */
    leat__lock(lock);
    leat__waitlist_remove(list, node);
    leat__unlock(lock);
    return leat__wait_error(&wait, cause, &own);
}
