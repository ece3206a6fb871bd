/* SPDX-License-Identifier: MIT */
/* Calling into a runtime from outside: leat_call, and the handle that it goes by.
 *
 * A call is a task of the runtime that runs fn in the name of the caller, as a pool's thread does
 * (offload.h): inside the caller's scopes, so a cancel or a deadline of the caller ends the waits
 * of fn. The caller itself waits shielded, an owed wait: fn works on the caller's memory.
 *
 * The handle is memory of its own with a count of holds. A pointer to the runtime alone was
 * rejected: a thread cannot know that leat_run is about to return, so its last call would meet
 * freed memory instead of -ESHUTDOWN.
 *
 * INVARIANTS
 *   I1  runtime->calls counts the tasks, the handle's word the callers. Shutdown waits for the
 *       callers; the tasks are then past their last touch of anything but the runtime, whose
 *       workers are joined after that.
 *   I2  Inside the runtime nobody is counted: a task, or a pool's thread for a task, keeps its
 *       runtime alive by being there.
 *   I3  After the claim the task touches neither the call nor the handle.
 *
 * ORDERING
 *   O1  enter and close modify one word, so either enter sees CLOSED or close sees the count.
 *       Nobody is counted after CLOSED, so exactly one leaves as the last, and finds the closer's
 *       ticket.
 *   O2  leave releases what the caller did with the runtime to close, which releases its ticket to
 *       the last who leaves.
 *   O3  release of a hold, and the last one's acquire: whoever frees comes after all others. */
#include "task/call.h"
#include "base/check.h"
#include "task/runtime.h"
#include "task/self.h"
#include "task/task.h"

#include <leat/task.h>

#include <errno.h>
#include <stdlib.h>

#define CLOSED UINT32_C(1)
#define CALL   UINT32_C(2)

struct call {
    leat_task_fn       *fn;
    void               *arg;
    struct leat__scope *scope;  /* the caller's innermost */
    unsigned            shield; /* and its shield */
    int                 result;
    struct leat__ticket ticket;
};

/* ---- the handle ---- */

int leat__runtime_enter(struct leat_runtime *handle)
{
    uint32_t word = load_relaxed(&handle->word); /* relaxed: the compare-and-swap decides */

    do {
        if (word & CLOSED)
            return -ESHUTDOWN;
    } while (!cas_weak_relaxed(&handle->word, &word, word + CALL)); /* relaxed: O1 */
    return 0;
}

void leat__runtime_leave(struct leat_runtime *handle)
{
    struct leat__ticket closer;

    if (fetch_sub_acq_rel(&handle->word, CALL) != (CALL | CLOSED)) /* O2 */
        return;
    closer = handle->closer;
    if (leat__claim(closer, LEAT__CAUSE_EVENT))
        leat__wake(closer.waiter);
}

struct leat_runtime *leat_runtime_current(void)
{
    struct leat__runtime *runtime = leat__runtime_current();

    return runtime ? runtime->handle : NULL;
}

void leat_runtime_hold(struct leat_runtime *handle)
{
    leat__check(handle != NULL, "leat_runtime_hold needs a runtime: leat_runtime_current() gives "
                                "one in a task, and NULL on a thread of none");
    fetch_add_relaxed(&handle->holds, 1); /* relaxed: the caller's own hold keeps it alive */
}

void leat_runtime_release(struct leat_runtime *handle)
{
    if (handle && fetch_sub_acq_rel(&handle->holds, 1) == 1) /* O3 */
        free(handle);
}

int leat__calls_open(struct leat__runtime *runtime)
{
    struct leat__scope *scope = &runtime->calls;
    struct leat_runtime *handle = calloc(1, sizeof *handle);

    if (!handle)
        return -ENOMEM;
    store_relaxed(&handle->holds, 1); /* relaxed: nobody else has it yet */
    handle->runtime = runtime;
    runtime->handle = handle;
    leat__scope_init(scope, NULL, NULL, runtime);
    scope->open = true;
    scope->collect = true;
    scope->name = "calls";
    return 0;
}

void leat__calls_close(struct leat__runtime *runtime)
{
    static const struct leat__reason reason = { "see the calls of others return",
                                                LEAT__ABOUT_NOTHING, LEAT__INNER_OWED };
    struct leat_runtime *handle = runtime->handle;
    struct leat__wait wait;
    int err = leat__wait_begin(&wait, LEAT__WAIT_SHIELDED, LEAT_NEVER);

    leat__check(leat__fiber_current() != NULL,
                "a forked child has returned from a task's function: "
                                               "end it with exec or _exit");
    leat__check(err == 0, "a shielded wait can always begin: tell the authors of leat");
    leat__self_reason(wait.self, &reason, NULL);
    handle->closer = wait.ticket;
    if (fetch_or_acq_rel(&handle->word, CLOSED) == 0) /* O1, O2 */
        (void)leat__wait_abandon(&wait);
    else
        (void)leat__wait_park(&wait, NULL);
}

void leat__calls_fini(struct leat__runtime *runtime)
{
    leat_runtime_release(runtime->handle);
    runtime->handle = NULL;
}

/* ---- a call ---- */

/* The task. */
static int run_call(void *arg)
{
    struct call *call = arg;
    struct leat__self *self = leat__self();
    struct leat__scope *own = self->scope;
    struct leat__ticket ticket = call->ticket;

    self->scope = call->scope; /* it outlives the call: its owner waits for us */
    self->shield = call->shield;
    self->fn = call->fn; /* for reports */
    call->result = call->fn(call->arg);
    leat__check(self->scope == call->scope, "join every scope that a call's function enters");
    leat__bound_leave(self);
    self->scope = own;
    self->shield = 0;
    leat__check(leat__claim(ticket, LEAT__CAUSE_EVENT), /* shielded: nobody else ends it (I3) */
                "a call's wait has ended before the call: tell the authors of leat");
    leat__wake(ticket.waiter);
    return 0;
}

/* The caller is counted, or inside. */
static int call_counted(struct leat__runtime *runtime, int (*fn)(void *arg), void *arg,
                        const void *origin)
{
    static const struct leat__reason reason = { "have called", LEAT__ABOUT_FUNCTION,
                                                LEAT__INNER_OWED };
    struct leat__self *self = leat__self();
    struct call call = { .fn = fn, .arg = arg, .scope = self->scope, .shield = self->shield };
    struct leat__wait wait;
    int err = leat__wait_begin(&wait, LEAT__WAIT_SHIELDED, LEAT_NEVER);

    leat__check(err == 0, "a shielded wait can always begin: tell the authors of leat");
    leat__self_reason(self, &reason, (void *)(uintptr_t)fn);
    call.ticket = wait.ticket;
    err = leat__spawn_from((struct leat_scope *)(void *)&runtime->calls, run_call, &call,
                           LEAT_TASK_OPTIONS(.name = "call"), origin);
    if (err) {
        (void)leat__wait_abandon(&wait);
        return err;
    }
    (void)leat__wait_park(&wait, NULL);
    return call.result;
}

int leat_call(struct leat_runtime *handle, int (*fn)(void *arg), void *arg)
{
    struct leat__runtime *here = leat__runtime_current();
    int err = leat__checkpoint(leat__self());

    leat__check(fn != NULL, "leat_call needs a function: NULL was given in the place of one");
    leat__check(handle != NULL, "leat_call needs a runtime: leat_runtime_current() gives one in a "
                                "task, and NULL on a thread of none");
    if (err)
        return err;
    if (here && here->handle == handle)
        return call_counted(here, fn, arg, __builtin_return_address(0)); /* I2 */
    err = leat__runtime_enter(handle);
    if (err)
        return err;
    if (!here && handle->runtime->driver && handle->runtime->driver == leat__thread_memory()) {
        leat__runtime_leave(handle);
        return -EDEADLK; /* the caller is the worker that would have to run it */
    }
    err = call_counted(handle->runtime, fn, arg, __builtin_return_address(0));
    leat__runtime_leave(handle);
    return err;
}
