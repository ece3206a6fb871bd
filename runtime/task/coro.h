/* SPDX-License-Identifier: MIT */
/* A second stack for the calling task: a function that stops half way and is gone on with later, as
 * a part of whoever goes on with it. What a generator is made of.
 *
 *     leat__coro_open(&coro, body, arg);
 *     while (leat__coro_enter(&coro) == 0 && !coro.ended)   // runs body up to its next pause
 *         ...
 *     leat__coro_close(&coro);
 *
 *     static void body(void *arg) { ...; leat__coro_pause(&coro); ... }
 *
 * No task of its own: to enter is to call. The body's blocking calls are the caller's: its scopes
 * bound them, its locals are seen, its fiber parks. So a step costs two switches and nothing to
 * arm, claim or wake, where two tasks that hand a value over cost ten times as much.
 *
 * enter and pause are inline, so that between the caller of a step and the switch there is one
 * call: each call on the way in is a return on the other stack, which is predicted wrong.
 *
 * What the body has entered at a pause (a scope, a shield, a catch block) would be the caller's
 * behind its back, so a pause inside of one is a checked bug. (Python had to learn this: PEP 789.)
 *
 * INVARIANTS
 *   I1  While the body runs, the caller's stack is the coroutine's: who computes what is left of
 *       it, or walks it, or sees an overflow, finds the right one.
 *   I2  At a pause the caller's innermost scope and shields are those it entered with. */
#ifndef LEAT_TASK_CORO_H
#define LEAT_TASK_CORO_H

#include "base/check.h"
#include "platform/switch.h"
#include "task/self.h"

#include <stdbool.h>

struct leat__coro {
    struct leat__context caller, body; /* the one that does not run */
    struct leat__stack  *stack;
    struct leat__sched  *sched;  /* whose stack it is; NULL: */
    struct leat__stacks *source; /* of its own, on a plain thread */
    void (*fn)(void *arg);
    void *arg;
    bool  entered; /* now */
    bool  ended;   /* the body has returned */

    /* who entered, and with what */
    struct leat__self  *self;
    struct leat__scope *scope;
    struct leat__grace *guard;
    unsigned            shield;
};

/* Returns -ENOMEM. Caller's memory, not moved before close. */
int leat__coro_open(struct leat__coro *coro, void (*fn)(void *arg), void *arg);

/* The exception whose catch block the caller is in, NULL for none and without C++. */
static inline void *leat__coro_caught(struct leat__worker *worker)
{
    struct leat__exceptions *at =
        worker ? leat__worker_face(worker)->exceptions_at : leat__exceptions_of_thread();

    return at ? at->caught : NULL;
}

/* Go on with the body until it pauses or returns, perhaps on another thread. One at a time; not
 * after its end. */
static inline __attribute__((always_inline)) void
leat__coro_switch(struct leat__coro *coro, struct leat__self *self, void *caught)
{
    struct leat__stack *stack = self->stack;

    leat__check(!coro->entered && !coro->ended, "a generator is stepped by one at a time");
    coro->entered = true;
    coro->self = self;
    coro->scope = self->scope;
    coro->guard = self->guard;
    coro->shield = self->shield;
    self->stack = coro->stack; /* I1 */
    leat__context_switch(&coro->caller, &coro->body);
    self->stack = stack;
    coro->entered = false;
    leat__check(self->scope == coro->scope && self->guard == coro->guard &&
                    self->shield == coro->shield &&
                    leat__coro_caught(leat__worker_current()) == caught,
                "a generator yielded inside a scope, a limit, a shield or a catch block that it "
                "had entered: leave it first"); /* I2 */
}

/* Go on with the body in the name of the caller.
 * Returns -ECANCELED or -ETIMEDOUT: its scopes have ended, and the body is where it was. */
static inline __attribute__((always_inline)) int leat__coro_enter(struct leat__coro *coro)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__self *self =
        worker ? leat__worker_face(worker)->running->self : leat__self_of_thread();
    void *caught = leat__coro_caught(worker); /* before the checkpoint, which may move us */
    int err = leat__checkpoint(self);

    if (!err)
        leat__coro_switch(coro, self, caught);
    return err;
}

/* The same with every blocking call of the body cancelled, whatever the caller's scopes say. */
void leat__coro_enter_cancelled(struct leat__coro *coro);

/* From the body: go back to who entered. */
static inline __attribute__((always_inline)) void leat__coro_pause(struct leat__coro *coro)
{
    leat__check(coro->entered && leat__stack_contains(coro->stack, __builtin_frame_address(0)),
                "only a generator's own function may yield");
    leat__context_switch(&coro->body, &coro->caller);
}

/* Give the stack back. The body has ended or was never entered. */
void leat__coro_close(struct leat__coro *coro);

#endif
