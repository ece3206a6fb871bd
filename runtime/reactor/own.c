/* SPDX-License-Identifier: MIT */
/* A table of numbers, of which nothing is ever freed: the child finds it as it was at the instant
 * of the fork, with whatever others were doing to it half done. So each change is one store, and a
 * list with a lock was rejected. */
#include "reactor/own.h"
#include "lockfree/atomic.h"

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define SLOTS 126

struct table {
    LEAT_ATOMIC(struct table *) next;
    LEAT_ATOMIC(int)            fds[SLOTS]; /* plus one; 0: free */
};

static struct table first;

/* A slot that has `old` gets `new`. relaxed, all: a slot is looked at by its owner, and in a child
 * after the fork. */
static int replace(struct table *table, int old, int new)
{
    for (size_t i = 0; i < SLOTS; i++) {
        int seen = old;

        if (load_relaxed(&table->fds[i]) == old && cas_relaxed(&table->fds[i], &seen, new))
            return 1;
    }
    return 0;
}

/* The table behind this one, which is made where there is none; NULL without memory. */
static struct table *behind(struct table *table)
{
    struct table *next = load_acquire(&table->next); /* pairs with the compare-and-swap below */
    struct table *made;

    if (next)
        return next;
    made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    /* releases the zeros in it; acquires those of the one that came first */
    if (cas_acq_rel(&table->next, &next, made))
        return made;
    free(made);
    return next;
}

void leat__own(int fd)
{
    for (struct table *table = &first; table; table = behind(table))
        if (replace(table, 0, fd + 1))
            return;
}

void leat__disown(int fd)
{
    if (fd < 0)
        return;
    for (struct table *table = &first; table; table = load_acquire(&table->next)) /* as in behind */
        if (replace(table, fd + 1, 0))
            return;
}

void leat__own_close_all(void)
{
    for (struct table *table = &first; table; table = load_acquire(&table->next)) { /* as above */
        for (size_t i = 0; i < SLOTS; i++) {
            int fd = load_relaxed(&table->fds[i]) - 1; /* relaxed: there is no other thread */

            if (fd >= 0)
                (void)close(fd);
        }
    }
}
