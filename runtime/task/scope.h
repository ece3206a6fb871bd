/* SPDX-License-Identifier: MIT */
/* The inside of a scope: what it owns (children, counted) and what it bounds (the tree of scopes
 * and tasks that a cancel walks: see bound.c). */
#ifndef LEAT_TASK_SCOPE_H
#define LEAT_TASK_SCOPE_H

#include "lockfree/lock.h"
#include "task/waitlist.h"

#include <leat/task.h>

struct leat__record;
struct leat__runtime;
struct leat__seat;
struct leat__self;

/* Children are counted in two halves (a biased counter): `spawned` is the owner's own, plain, up
 * for each child it spawns and down for each it runs in place; `pending` is everybody's, up for
 * each child that another task spawns and down for each that ends elsewhere, so it is often
 * negative. Their sum is the number of children. A child spawned and joined in place costs no
 * atomic. */
#define LEAT__PENDING_CHILD   INT64_C(2)
#define LEAT__PENDING_JOINING INT64_C(1) /* the owner is parked in join, its half added: the last
                                            child wakes it */

struct leat__scope {
    LEAT_ATOMIC(int64_t)  pending; /* times 2, and JOINING */
    int64_t               spawned;
    struct leat__scope   *parent;  /* the owner's innermost scope before this one */
    struct leat__self    *owner;   /* NULL: an open scope, or the runtime's */
    struct leat__waiter  *waiter;  /* the owner's: ends with the scope; NULL with the owner */
    struct leat__fiber   *joiner;  /* parked, when JOINING is set */
    struct leat__runtime *runtime;
    leat_time             deadline;     /* the nearest: its own or an outer one's */
    leat_time             own_deadline; /* LEAT_NEVER: none */
    const char           *name;
    LEAT_ATOMIC(int)      error;    /* the first */
    LEAT_ATOMIC(bool)     ended;    /* cancelled: sticks until it is joined */
    LEAT_ATOMIC(bool)     attached; /* to its parent's inner list: a cancel finds it */
    LEAT_ATOMIC(bool)     bounds;   /* a call in it looks closer: it has ended, or a deadline may
                                       have come */
    bool                  plain; /* a spawn has nothing to look at: none of those below, not over */
    bool                  joined;
    bool                  collect;
    bool                  bad;  /* its options were */
    bool                  open; /* by leat_scope_open: bounds no calls but its children's */
    bool                  cell; /* around one task that has a handle: see record.c */
    bool                  keep; /* results, for leat_scope_next */
    uint8_t               race; /* enum leat_race */
    unsigned              limit;

    struct leat__lock     lock;    /* guards all below */
    unsigned              running; /* counted only where there is a limit */
    struct leat__waitlist spawners;
    struct leat__seat    *members; /* of tasks whose waits it bounds, since they first waited */
    struct leat__scope   *inner;   /* attached scopes opened inside it */
    struct leat__scope   *inner_next, *inner_prev; /* (no pointer to a pointer: gcc 12 fails to
                                                      compile one for link-time optimisation) */
    struct leat__record  *handles; /* of its children */
    bool                  handled; /* there have been some; stays */
    bool                  won;     /* a race */
    int                   winner;  /* its result */

    /* with keep only, also under the lock: ended.c */
    unsigned              live;
    struct leat__record  *ended_last;
    struct leat__waitlist nexters;
} __attribute__((may_alias)); /* lies in a struct leat_scope of the caller's */

_Static_assert(sizeof(struct leat__scope) <= sizeof(struct leat_scope), "the public one has room");

static inline struct leat__scope *leat__scope_of(struct leat_scope *scope)
{
    return (struct leat__scope *)(void *)scope;
}

#endif
