/* SPDX-License-Identifier: MIT */
/* Who is calling: the part of a task that exists while it runs, on its stack, and the same for a
 * plain thread. Every blocking call begins with leat__self and leat__checkpoint. */
#ifndef LEAT_TASK_SELF_H
#define LEAT_TASK_SELF_H

#include "sched/sched.h"
#include "task/scope.h"
#include "task/wait.h"
#include "timer/wheel.h"

#include <leat/task.h>

struct leat__task;

/* Operations that succeed at once, until the caller lets others run. */
#define LEAT__BUDGET 128

struct leat__self {
    struct leat__waiter *waiter;
    struct leat__task   *task;   /* NULL: a plain thread */
    struct leat__scope  *scope;  /* innermost: bounds the caller's blocking calls; NULL: none */
    struct leat__scope  *joined; /* the scope in whose members list it stands, or NULL */
    struct leat__self   *member_next, **member_prev;
    struct leat__timer   timer; /* of the current wait */
    unsigned             shield;
    int                  budget;
};

struct leat__self *leat__self_of_thread(void);

/* Never NULL. The task that runs on this fiber, or the calling thread. */
static inline struct leat__self *leat__self(void)
{
    struct leat__fiber *fiber = leat__fiber_current();

    return __builtin_expect(fiber != NULL, 1) ? fiber->self : leat__self_of_thread();
}

int leat__checkpoint_slow(struct leat__self *self);

/* At the start of every blocking call: -ECANCELED or -ETIMEDOUT when the caller's scopes have ended,
 * and a yield when its budget of immediate successes is spent. */
static inline int leat__checkpoint(struct leat__self *self)
{
    /* relaxed: a hint; begin and the slow path look again in order */
    if (--self->budget > 0 && !(self->scope && load_relaxed(&self->scope->ended)))
        return 0;
    return leat__checkpoint_slow(self);
}

#endif
