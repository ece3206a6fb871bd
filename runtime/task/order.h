/* SPDX-License-Identifier: MIT */
/* The order in which locks are taken, as a graph: see held.h. All under the caller's lock. */
#ifndef LEAT_TASK_ORDER_H
#define LEAT_TASK_ORDER_H

#include "task/held.h"

#define LEAT__ORDER_GUARDS 6

/* Somebody who holds `from` comes to wait for `to`. */
struct leat__order_edge {
    uint64_t from, to; /* ids */
    uint64_t holder;   /* who made it; 0: more than one */
    uint64_t guards[LEAT__ORDER_GUARDS]; /* held, not shared, by all who made it; 0: no more */
    bool     alone_from, alone_to; /* some of them did not only share it */
    bool     told;
    struct leat__held_step step; /* of the first time */
    uint32_t next;    /* of the same bucket, by index + 1 */
    uint64_t visited; /* the search that was here last */
};

/* Note an edge that is there again; false: it is a new one. *changed: it may close a cycle that was
 * none before. */
bool leat__order_again(const struct leat__order_edge *edge, bool *changed);

/* Add a new one: the oldest goes when there is no room. False without memory. */
bool leat__order_add(const struct leat__order_edge *edge);

/* Does the edge, which is in it, close a cycle that was not told yet? Then *ret has its steps. */
bool leat__order_closes(uint64_t from, uint64_t to, struct leat__held_report *ret);

void leat__order_forget(void); /* all of it */

#endif
