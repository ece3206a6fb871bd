/* SPDX-License-Identifier: MIT */
/* Coroutines: see coro.h. */
#include "task/coro.h"
#include "task/self.h"

#include <errno.h>
#include <stdlib.h>

static void begin(void *arg)
{
    struct leat__coro *coro = arg;

    coro->fn(coro->arg);
    coro->ended = true;
    leat__context_exit_to(&coro->caller);
}

/* A plain thread has no worker to borrow from. */
static int open_source(struct leat__coro *coro)
{
    struct leat__stacks *source = malloc(sizeof *source);

    if (!source)
        return -ENOMEM;
    if (leat__stacks_init(source, 0)) {
        free(source);
        return -ENOMEM;
    }
    source->arena_slots = 1;
    if (leat__stacks_get(source, &coro->stack, 1) != 1) {
        leat__stacks_fini(source);
        free(source);
        return -ENOMEM;
    }
    coro->source = source;
    return 0;
}

int leat__coro_open(struct leat__coro *coro, void (*fn)(void *arg), void *arg)
{
    struct leat__fiber *fiber = leat__fiber_current();

    *coro = (struct leat__coro){ .fn = fn, .arg = arg };
    if (fiber) {
        coro->sched = fiber->sched;
        coro->stack = leat__sched_borrow_stack();
        if (!coro->stack)
            return -ENOMEM;
    } else if (open_source(coro)) {
        return -ENOMEM;
    }
    leat__context_make(&coro->body, coro->stack, begin, coro);
    return 0;
}

void leat__coro_enter_cancelled(struct leat__coro *coro)
{
    struct leat__self        *self = leat__self();
    struct leat__grace       *guard = self->guard;
    unsigned                  shield = self->shield;
    struct leat_scope_options options = { .size = sizeof options };
    struct leat_scope         scope;

    leat_scope_enter(&scope, &options);
    leat_scope_cancel(&scope);
    self->guard = NULL;
    self->shield = 0;
    leat__coro_switch(coro, self, leat__coro_caught(leat__worker_current()));
    self->guard = guard;
    self->shield = shield;
    (void)leat_scope_join(&scope);
}

void leat__coro_close(struct leat__coro *coro)
{
    leat__check(!coro->entered, "a generator was closed from inside");
    if (coro->sched) {
        leat__sched_return_stack(coro->sched, coro->stack);
        return;
    }
    leat__stacks_put(coro->source, coro->stack);
    leat__stacks_fini(coro->source);
    free(coro->source);
}
