/* SPDX-License-Identifier: MIT */
/* Intrusive doubly linked list: a ring through a head, so that no operation has a case for the
 * ends, and a node leaves without knowing its list. (A list with first and last pointers would save
 * the head nothing and cost a branch at each end.)
 *
 *     struct leat__list waiters;              the head
 *     struct waiter { struct leat__list node; ... };
 *
 * INVARIANTS
 * I1  A head in no use points at itself, both ways; so does a node that is in no list, if it was
 *     initialised or left by leat__list_remove. leat__list_linked tells.
 * I2  node->next->prev == node->prev->next == node.
 *
 * Threads: none of this is atomic; a list has one owner at a time. */
#ifndef LEAT_BASE_LIST_H
#define LEAT_BASE_LIST_H

#include "base/container.h"
#include <stdbool.h>
#include <stddef.h>

struct leat__list {
    struct leat__list *next;
    struct leat__list *prev;
};

/* For a head or a node. */
static inline void leat__list_init(struct leat__list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool leat__list_empty(const struct leat__list *list)
{
    return list->next == list;
}

/* Is the node in a list? (Of a node that was initialised or removed, see I1.) */
static inline bool leat__list_linked(const struct leat__list *node)
{
    return node->next != node;
}

static inline void leat__list_insert_before(struct leat__list *at, struct leat__list *node)
{
    node->next = at;
    node->prev = at->prev;
    at->prev->next = node;
    at->prev = node;
}

static inline void leat__list_push_back(struct leat__list *list, struct leat__list *node)
{
    leat__list_insert_before(list, node);
}

static inline void leat__list_push_front(struct leat__list *list, struct leat__list *node)
{
    leat__list_insert_before(list->next, node);
}

/* Taking out a node that is in no list does nothing. */
static inline void leat__list_remove(struct leat__list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    leat__list_init(node);
}

/* NULL when empty. */
static inline struct leat__list *leat__list_first(const struct leat__list *list)
{
    return leat__list_empty(list) ? NULL : list->next;
}

static inline struct leat__list *leat__list_last(const struct leat__list *list)
{
    return leat__list_empty(list) ? NULL : list->prev;
}

static inline struct leat__list *leat__list_pop_front(struct leat__list *list)
{
    struct leat__list *node = leat__list_first(list);

    if (node)
        leat__list_remove(node);
    return node;
}

static inline struct leat__list *leat__list_pop_back(struct leat__list *list)
{
    struct leat__list *node = leat__list_last(list);

    if (node)
        leat__list_remove(node);
    return node;
}

/* Move all of `from` to the end of `list`; `from` is left empty. */
static inline void leat__list_splice_back(struct leat__list *list, struct leat__list *from)
{
    if (leat__list_empty(from))
        return;
    from->next->prev = list->prev;
    list->prev->next = from->next;
    from->prev->next = list;
    list->prev = from->prev;
    leat__list_init(from);
}

/* Visit each node; the body must neither remove it nor add after it. */
#define leat__list_each(node, list)                                                                \
    for (struct leat__list *node = (list)->next; node != (list); node = node->next)

/* Visit each node; the body may remove it. */
#define leat__list_each_removable(node, list)                                                      \
    for (struct leat__list *node = (list)->next, *leat__next = node->next; node != (list);         \
         node = leat__next, leat__next = node->next)

/* The struct around a node. */
#define leat__list_entry(node, type, member) leat__container_of((node), type, member)

#endif
