/* SPDX-License-Identifier: MIT */
/*
 * link.h: the hook by which an item stands in a queue, and a chain of such items.
 *
 * Queues here hold `struct leat__link` and know nothing of what it is part of; the owner of the
 * item gets it back with leat__container_of. An item is in at most one queue at a time, so one
 * link serves all of them, and moving between queues allocates nothing.
 */
#ifndef LEAT_LOCKFREE_LINK_H
#define LEAT_LOCKFREE_LINK_H

#include <stddef.h>
#include <stdint.h>

struct leat__link {
    struct leat__link *next;
};

/* A chain in FIFO order: first .. last by next, last->next is NULL. Empty: first NULL, count 0. */
struct leat__batch {
    struct leat__link *first;
    struct leat__link *last;
    uint32_t count;
};

static inline void leat__batch_push(struct leat__batch *batch, struct leat__link *item)
{
    item->next = NULL;
    if (batch->last)
        batch->last->next = item;
    else
        batch->first = item;
    batch->last = item;
    batch->count++;
}

static inline struct leat__link *leat__batch_pop(struct leat__batch *batch)
{
    struct leat__link *item = batch->first;

    if (!item)
        return NULL;
    batch->first = item->next;
    if (!batch->first)
        batch->last = NULL;
    batch->count--;
    return item;
}

#endif
