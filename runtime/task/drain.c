/* SPDX-License-Identifier: MIT */
/* Detached tasks are children of a scope that lies in the runtime. The root task closes it when its
 * function has returned, so that draining is made of what scopes can do already; a phase of the
 * thread that called leat_run would need a join for threads. */
#include "task/drain.h"
#include "base/check.h"
#include "task/runtime.h"
#include "task/task.h"

#include <errno.h>

/* A cancel that is not heeded for this long is told to the log. */
#define LATE_NS (10 * LEAT_SEC)

struct drain {
    struct leat__runtime *runtime;
    leat_time             patience;
};

void leat__drain_init(struct leat__runtime *runtime)
{
    struct leat__scope *root = leat__scope_of(&runtime->root);

    leat__scope_init(root, NULL, NULL, runtime);
    root->open = true;
    root->collect = true;
    root->name = "detached tasks";
    store_relaxed(&runtime->open, 1); /* relaxed: nobody else is there yet */
}

int leat_detach(leat_task_fn *fn, void *arg, const struct leat_task_options *options)
{
    struct leat__runtime *runtime = leat__runtime_current();

    return runtime ? leat__spawn_from(&runtime->root, fn, arg, options, __builtin_return_address(0))
                   : -EPERM;
}

/* Beside the close: ends the tasks when patience does. Cancelled when they have ended. */
static int hurry(void *arg)
{
    struct drain *drain = arg;

    if (leat_sleep(drain->patience) < 0)
        return 0;
    leat_scope_cancel(&drain->runtime->root);
    while (leat_sleep(LATE_NS) == 0)
        leat__log(drain->runtime, LEAT_LOG_WARN,
                  "shutdown waits for detached tasks that were cancelled and do not end");
    return 0;
}

void leat__drain(struct leat__runtime *runtime, leat_time patience)
{
    struct leat__scope *root = leat__scope_of(&runtime->root);
    struct drain drain = { runtime, patience };

    /* Patience without end needs nobody to hurry them, whose sleep would hide a deadlock.
     * relaxed: a hint, close looks in order; only tasks that are in there can spawn more */
    if (load_relaxed(&root->pending) != 0 && patience != LEAT_NEVER) {
        LEAT_SCOPE(scope);

        if (leat_spawn(&scope, hurry, &drain) < 0)
            leat_scope_cancel(&runtime->root); /* no memory for patience */
        (void)leat_scope_close(&runtime->root);
        leat_scope_cancel(&scope);
    } else {
        (void)leat_scope_close(&runtime->root);
    }
    /* relaxed: whoever opened and closed scopes has ended and was waited for */
    leat__check(load_relaxed(&runtime->open) == 0,
                "a scope of leat_scope_open was not closed, or a service not stopped, when "
                "leat_run's function and all detached tasks had ended: do that first");
}
