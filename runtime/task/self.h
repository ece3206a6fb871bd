/* SPDX-License-Identifier: MIT */
/* Who is calling: the part of a task that exists while it runs, on its stack, and the same for a
 * plain thread. Every blocking call begins with leat__self and leat__checkpoint. */
#ifndef LEAT_TASK_SELF_H
#define LEAT_TASK_SELF_H

#include "sched/sched.h"
#include "platform/clock.h"
#include "task/scope.h"
#include "task/wait.h"
#include "timer/wheel.h"

#include <leat/task.h>

struct leat__local_node;
struct leat__record;
struct leat__task;

/* What operations that succeed at once may spend until the caller lets others run: an element of a
 * channel 1, for it takes some nanoseconds, all else more. */
#define LEAT__BUDGET      512
#define LEAT__BUDGET_CALL 4

/* A shield with a grace time, on its user's stack (shield.c). */
struct leat__grace {
    struct leat__timer  timer; /* ends the shield of a wait that lasts longer than the grace */
    leat_time           until; /* its own or an outer one's, the later */
    struct leat__grace *outer;
    struct leat__self  *self; /* NULL: not entered, or left */
} __attribute__((may_alias)); /* lies in a struct leat_guard of the caller's */

_Static_assert(sizeof(struct leat__grace) <= sizeof(struct leat_guard), "the public one has room");

/* What others reach while the caller waits: its timer and its place among the scope's members. A
 * task's lies on its stack's side, not on the stack: of a million sleepers each was fired, and
 * taken out of the list by its neighbours, at the price of cold pages (p99 of random expiries:
 * 10.7 ms late, 0.18 with this; one run each). Those without a stack of their own have it beside
 * their self. */
struct leat__seat {
    struct leat__timer timer; /* of the current wait; its arg is the waiter, always */
    /* under the scope's lock, but that its own task may look at any time: for a hint, and whether a
     * cancel has taken it off the list (bound.c I4) */
    LEAT_ATOMIC(struct leat__seat *) next;
    LEAT_ATOMIC(struct leat__seat *) prev;
};
_Static_assert(sizeof(struct leat__seat) <= LEAT__STACK_SIDE_BYTES, "a stack's side has room");

struct leat__self {
    struct leat__waiter *waiter;
    struct leat__task   *task;   /* NULL: a plain thread */
    struct leat__stack  *stack;  /* that it runs on now; NULL: a plain thread's own */
    struct leat__scope  *scope;  /* innermost: bounds the caller's blocking calls; NULL: none */
    struct leat__scope  *joined; /* the scope in whose members list it stands, or NULL */
    struct leat__seat   *seat;
    unsigned             shield;
    int                  budget;
    struct leat__grace  *guard; /* innermost, NULL: none */
    LEAT_ATOMIC(struct leat__local_node *) locals; /* newest first: local.h */
    struct leat__record *record; /* of the task; NULL: it has none */

    /* for reports (walk.h) */
    const char                *name;  /* the task's, and */
    leat_task_fn              *fn;    /* what it runs */
    struct leat__self         *outer;  /* of the task that runs this one in place */
    const struct leat__reason *reason; /* of the current wait; NULL: not told */
    const void                *about;
    leat_time                  since; /* the wait's beginning, about */
    leat_time                  began; /* the task's */
};

static inline struct leat__waiter *leat__seat_waiter(const struct leat__seat *seat)
{
    return seat->timer.arg;
}

/* No wait is open. The seat is one beside the self, or a stack's side: all-zero, or left by
 * another. */
static inline void leat__self_sit(struct leat__self *self, struct leat__seat *seat)
{
    self->seat = seat;
    seat->timer.arg = self->waiter;
    store_relaxed(&seat->timer.wheel, NULL); /* relaxed: nobody else sees it yet */
}

/* Field by field, for it is done for each task, and most of the timer is written by who arms it.
 * The caller adds stack, record, outer, name and fn. */
static inline void leat__self_init(struct leat__self *self, struct leat__waiter *waiter,
                                   struct leat__task *task, struct leat__scope *scope)
{
    self->waiter = waiter;
    self->task = task;
    self->scope = scope;
    self->joined = NULL;
    self->shield = 0;
    self->budget = LEAT__BUDGET;
    self->guard = NULL;
    store_relaxed(&self->locals, NULL); /* relaxed: nobody else sees the self yet */
    self->reason = NULL;
    self->about = NULL;
    self->since = 0;
    self->began = 0;
}

/* Before a wait: what for. */
static inline void leat__self_reason(struct leat__self *self, const struct leat__reason *reason,
                                     const void *about)
{
    self->reason = reason;
    self->about = about;
}

struct leat__self *leat__self_of_thread(void);

/* Never NULL. The task that runs on this fiber, or the calling thread. */
static inline struct leat__self *leat__self(void)
{
    struct leat__fiber *fiber = leat__fiber_current();

    return __builtin_expect(fiber != NULL, 1) ? fiber->self : leat__self_of_thread();
}

/* The context that the calling thread computes with: NULL on a worker, and on a thread that does
 * not compute. A pool's thread adopts its own at its start; who computes for a while, for as
 * long. */
struct leat_ctx;
struct leat_ctx *leat__ctx_current(void);
void leat__ctx_adopt(struct leat_ctx *ctx);

int leat__checkpoint_slow(struct leat__self *self);

/* At the start of a call that looks for what is there before it looks for its scopes' ends: a yield
 * when the budget is spent. */
static inline void leat__spend(struct leat__self *self)
{
    self->budget -= LEAT__BUDGET_CALL;
    if (self->budget <= 0)
        (void)leat__checkpoint_slow(self);
}

/* Do the caller's scopes not bound its calls at this moment? */
static inline bool leat__shielded(const struct leat__self *self)
{
    return self->shield > 0 || (self->guard && leat__clock_now() < self->guard->until);
}

/* Has leat__checkpoint nothing to do? quick counts an element of a channel, idle nothing. */
static inline bool leat__checkpoint_idle(const struct leat__self *self)
{
    /* relaxed: a hint; begin and the slow path look again in order */
    return self->budget > 0 && !(self->scope && load_relaxed(&self->scope->bounds));
}

static inline bool leat__checkpoint_quick(struct leat__self *self)
{
    /* relaxed: as above. (Its sign is what a subtraction says anyway.) */
    return __builtin_expect(--self->budget >= 0, 1) &&
           !(self->scope && load_relaxed(&self->scope->bounds));
}

/* At the start of every blocking call: -ECANCELED or -ETIMEDOUT when the caller's scopes have
 * ended, and a yield when its budget of immediate successes is spent. Inside of a deadline it looks
 * at the clock; elsewhere it costs a load. */
static inline int leat__checkpoint(struct leat__self *self)
{
    self->budget -= LEAT__BUDGET_CALL;
    return leat__checkpoint_idle(self) ? 0 : leat__checkpoint_slow(self);
}

#endif
