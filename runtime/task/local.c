/* SPDX-License-Identifier: MIT */
/* See local.h. */
#include "task/local.h"
#include "task/held.h"
#include "task/scope.h"
#include "task/self.h"

#include <errno.h>
#include <stdlib.h>

static void drop_value(const struct leat_local *key, void *value)
{
    if (key->drop && value)
        key->drop(value);
}

/* Is a scope open that this task entered? The cell of a task with a handle is not its doing. */
static bool has_entered(const struct leat__self *self)
{
    return self->scope && self->scope->owner == self && !self->scope->cell;
}

/* The caller's own node for the key, NULL without. */
static struct leat__local_node *own(struct leat__self *self, const struct leat_local *key)
{
    /* relaxed, in this file but for one store: only the task itself changes its chain */
    struct leat__local_node *node = load_relaxed(&self->locals);

    for (; node && node->self == self; node = node->next)
        if (node->key == key)
            return node;
    return NULL;
}

int leat_local_set(const struct leat_local *key, void *value)
{
    struct leat__self *self = leat__self();
    struct leat__local_node *node;

    if (!self->task)
        return -EPERM;
    node = has_entered(self) ? NULL : own(self, key);
    if (node) { /* I1 */
        void *old = node->value;

        node->value = value;
        if (old != value)
            drop_value(key, old);
        return 0;
    }
    node = malloc(sizeof *node);
    if (!node)
        return -ENOMEM;
    *node = (struct leat__local_node){ key, value, self, load_relaxed(&self->locals) };
    store_release(&self->locals, node); /* pairs with the acquire in launch (task.c) */
    return 0;
}

void *leat_local_get(const struct leat_local *key)
{
    struct leat__local_node *node = load_relaxed(&leat__self()->locals);

    for (; node; node = node->next)
        if (node->key == key)
            return node->value;
    return NULL;
}

void leat__locals_drop(struct leat__self *self)
{
    struct leat__local_node *node, *last = NULL;

    while ((node = load_relaxed(&self->locals)) && node->self == self) {
        /* It goes first: drop may look at what is left, but not at what is dropped. */
        store_relaxed(&self->locals, node->next);
        if (node->key == &leat__held_at_end) {
            last = node; /* what the others drop may unlock */
            continue;
        }
        drop_value(node->key, node->value);
        free(node);
    }
    if (last) {
        drop_value(last->key, last->value);
        free(last);
    }
}
