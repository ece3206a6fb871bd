/* SPDX-License-Identifier: MIT */
/* Items to send through a queue, each of which must come out exactly once, unharmed; and threads
 * to do it from. */
#ifndef LEAT_TESTS_LOCKFREE_ITEMS_H
#define LEAT_TESTS_LOCKFREE_ITEMS_H

#include <pthread.h>
#include <stdlib.h>

#include "base/container.h"
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "lockfree/link.h"

struct item {
    struct leat__link link;
    uint32_t number;          /* plain on purpose: the queue has to order it (TSan looks) */
    LEAT_ATOMIC(int) takers;
};

static inline struct item *items_create(uint32_t n)
{
    struct item *items = calloc(n, sizeof *items);

    for (uint32_t i = 0; items && i < n; i++)
        items[i].number = i;
    return items;
}

/* Returns the item's number. */
static inline uint32_t item_take(struct leat__link *link)
{
    struct item *item;

    if (!link) {
        test_fail("no item came out");
        abort();
    }
    item = leat__container_of(link, struct item, link);
    /* relaxed: each item is counted by itself, and looked at after the threads ended */
    expect_eq(fetch_add_relaxed(&item->takers, 1), 0);
    return item->number;
}

static inline uint32_t items_take(struct leat__batch *batch)
{
    uint32_t n = 0;

    for (struct leat__link *link; (link = leat__batch_pop(batch)); n++)
        item_take(link);
    return n;
}

static inline void items_destroy(struct item *items, uint32_t n)
{
    uint32_t lost = 0;

    for (uint32_t i = 0; i < n; i++)
        lost += load_relaxed(&items[i].takers) == 0; /* relaxed: no other thread is left */
    expect_eq(lost, 0);
    free(items);
}

static inline void threads_start(pthread_t *threads, unsigned n, void *(*fn)(void *), void *arg)
{
    for (unsigned i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, fn, arg) != 0) {
            test_fail("pthread_create");
            abort(); /* those that run use our frame */
        }
}

static inline void threads_join(pthread_t *threads, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        expect_eq(pthread_join(threads[i], NULL), 0);
}

#endif
