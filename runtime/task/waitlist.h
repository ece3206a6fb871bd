/* SPDX-License-Identifier: MIT */
/* A list of waiters in order of arrival, guarded by its object's lock: the part of a wait that
 * channels, semaphores, wait groups and a scope's limit share.
 *
 *     struct leat__waitnode node;                 // on the waiter's frame
 *     err = leat__waitlist_wait(&list, &node, data, &lock);   // lock held before, free after
 *
 *     node = leat__waitlist_claim(&list);         // waker, lock held: the first that can be won
 *     deliver into node->data; unlock; leat__wake(waiter);
 *
 * Unlock first, then wake: who is woken may be the last user of the object, and free it. */
#ifndef LEAT_TASK_WAITLIST_H
#define LEAT_TASK_WAITLIST_H

#include "task/wait.h"

#include <stdint.h>

/* All-zero is empty. */
struct leat__waitlist {
    struct leat__waitnode *first, *last;
};

/* Once its wait is claimed elsewhere a node may be gone: who finds it in a list holds the lock. */
struct leat__waitnode {
    struct leat__waitnode *next, *prev;
    struct leat__ticket    ticket;
    void                  *data;  /* what the two sides agree on */
    uint64_t               count; /* likewise */
    int                    result; /* set by the waker */
    bool                   linked;
    bool                   won; /* claimed through this node: a wait may have several (select) */
};

/* Try to end the node's wait by an event. True: the caller has won, as after leat__claim. */
static inline bool leat__waitnode_claim(struct leat__waitnode *node)
{
    if (!leat__claim(node->ticket, LEAT__CAUSE_EVENT))
        return false;
    node->won = true;
    return true;
}

static inline bool leat__waitlist_empty(const struct leat__waitlist *list)
{
    return list->first == NULL;
}

void leat__waitlist_push(struct leat__waitlist *list, struct leat__waitnode *node);
void leat__waitlist_push_first(struct leat__waitlist *list, struct leat__waitnode *node);
void leat__waitlist_remove(struct leat__waitlist *list, struct leat__waitnode *node);

/* Take the first waiter whose wait can be won off the list; NULL when there is none. The caller
 * delivers, then calls leat__wake(node's waiter), copied out before. Nodes whose waits have ended
 * otherwise are taken off on the way; their waiters find that out under the lock. */
struct leat__waitnode *leat__waitlist_claim(struct leat__waitlist *list);

/* Wake those that were claimed and pushed to `won`, a list of the caller's own. Called without
 * the lock. */
void leat__waitlist_wake(struct leat__waitlist *won);

/* Wait on the list, the lock being held; it is free when this returns. Returns node->result after
 * an event (0 unless the waker set another), else -ECANCELED or -ETIMEDOUT, and then no event was
 * or will be delivered. `data` and `count` are for the waker. */
int leat__waitlist_wait(struct leat__waitlist *list, struct leat__waitnode *node,
                        struct leat__lock *lock);

#endif
