/* SPDX-License-Identifier: MIT */
/* items.h: items to pass through a queue: each must come out once, with what was put into it. */
#ifndef LEAT_MODEL_ITEMS_H
#define LEAT_MODEL_ITEMS_H

#include <string.h>

#include "lockfree/link.h"
#include "model.h"

enum { ITEMS = 8 };

struct item {
    struct leat__link link; /* first, so that a link is its item */
    int value;
    int takers;
};

static struct item items[ITEMS];

/* In the body, before the threads. */
static inline void items_reset(void)
{
    memset(items, 0, sizeof items);
}

/* Fills item i, as whoever is about to queue it. */
static inline struct leat__link *item_make(int i)
{
    model_plain_write(&items[i]);
    items[i].value = 100 + i;
    return &items[i].link;
}

/* Checks an item that came out of a queue. Returns its number. */
static inline int item_take(struct leat__link *link)
{
    struct item *item = (struct item *)(void *)link;
    ptrdiff_t i = item - items;

    model_check(i >= 0 && i < ITEMS);
    model_plain_write(item); /* the taker may do with it what it likes */
    model_check(item->value == 100 + i);
    model_check(++item->takers == 1);
    return (int)i;
}

/* Checks all of a batch; its length must be its count. Returns it. */
static inline uint32_t items_take(struct leat__batch *batch)
{
    uint32_t n = batch->count, i = 0;

    for (struct leat__link *link; (link = leat__batch_pop(batch)); i++)
        item_take(link);
    model_check(i == n && batch->count == 0);
    return n;
}

/* In the body, at the end: items 0..n-1 have come out. */
static inline void items_check_taken(int n)
{
    for (int i = 0; i < n; i++)
        model_check(items[i].takers == 1);
}

#endif
