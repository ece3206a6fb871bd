/* SPDX-License-Identifier: MIT */
/*
 * inbox.h: what other threads send to one worker: many producers, one consumer that takes all.
 *
 *   if (leat__inbox_push(inbox, &task->link))     // any thread
 *       wake(worker);                             // it was empty: nobody has told the worker yet
 *   leat__inbox_take(inbox, &batch);              // the worker: everything, oldest first
 *
 * Concurrency Kit's ck_stack: one compare-and-swap to push, one exchange to take everything. A
 * stack hands out the newest first, so the batch is reversed on taking. The push is ck_stack's
 * own loop written out, since ck_stack_push_upmc does not tell whether the stack was empty, and
 * asking before or after it is a race. Items are never popped singly, so there is no ABA.
 *
 * Progress: push is lock-free, take is wait-free.
 *
 * ORDERING
 *   O1 push: fence_store, then the compare-and-swap on head; take: the exchange on head, then
 *      fence_load. What was written to an item before its push is seen by the taker.
 *   O2 push returns true for exactly one of the items of a batch, its oldest. The worker must not
 *      go to sleep before it has looked (leat__inbox_is_empty) after a seq_cst fence; a producer
 *      that was told "not empty" relies on the wake of the one that was told "empty".
 */
#ifndef LEAT_LOCKFREE_INBOX_H
#define LEAT_LOCKFREE_INBOX_H

#include <ck_stack.h>
#include <stdbool.h>

#include "lockfree/link.h"

_Static_assert(sizeof(struct leat__link) == sizeof(struct ck_stack_entry), "a link is an entry");

/* All-zero memory is an empty inbox. */
struct leat__inbox {
    struct ck_stack stack;
};

/* Any thread. Returns whether the inbox was empty: then the consumer has to be told. */
static inline bool leat__inbox_push(struct leat__inbox *inbox, struct leat__link *item)
{
    void *top = ck_pr_load_ptr(&inbox->stack.head);

    do {
        item->next = (struct leat__link *)top;
        ck_pr_fence_store(); /* O1: pairs with fence_load in ck_stack_batch_pop_upmc */
    } while (!ck_pr_cas_ptr_value(&inbox->stack.head, top, item, &top));
    /* item is the consumer's from here on; top is what the compare-and-swap replaced */
    return top == NULL;
}

/* Any thread. */
static inline bool leat__inbox_is_empty(struct leat__inbox *inbox)
{
    return ck_pr_load_ptr(&inbox->stack.head) == NULL;
}

/* The consumer. Appends all items to batch, oldest first. Returns how many. */
static inline uint32_t leat__inbox_take(struct leat__inbox *inbox, struct leat__batch *batch)
{
    struct leat__link *item, *reversed = NULL;
    uint32_t n = 0;

    if (leat__inbox_is_empty(inbox))
        return 0;
    item = (struct leat__link *)(void *)ck_stack_batch_pop_upmc(&inbox->stack);
    while (item) {
        struct leat__link *older = item->next;

        item->next = reversed;
        reversed = item;
        item = older;
    }
    for (; reversed; n++) {
        item = reversed;
        reversed = item->next;
        leat__batch_push(batch, item);
    }
    return n;
}

#endif
