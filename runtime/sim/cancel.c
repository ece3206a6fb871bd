/* SPDX-License-Identifier: MIT */
/* Cancel everywhere. The body runs in a scope of its own; each park of a task inside it counts. In
 * the run that is to be cancelled at the k-th, that park wakes a plain thread which cancels the
 * scope: whether it comes before the task is parked, or after, is the seed's to say, as it would be
 * of any other thread's cancel. The deadline comes by the clock: the counting run notes at what
 * time each park was, and that is the deadline of the run that is to end there. */
#include "sim/campaign.h"
#include "sim/core.h"

#include "task/self.h"

#include <leat/runtime.h>
#include <leat/task.h>

#include <errno.h>
#include <string.h>

void leat__inner_park(leat__commit_fn *commit, void *arg);
void leat__inner_park_on(struct leat__worker *worker, leat__commit_fn *commit, void *arg);

/* Of the run there is. */
static struct {
    struct leat__scope *scope; /* NULL: nothing is counted */
    uint64_t            parks;
    bool                due; /* the canceller is to act */
    bool                over;
} watch;

leat_time leat__sim_park_times[LEAT__SIM_PARKS_MAX];

static bool inside(void)
{
    struct leat__fiber *fiber = leat__fiber_current();
    struct leat__scope *scope = fiber ? leat__self()->scope : NULL;

    while (scope && scope != watch.scope)
        scope = scope->parent;
    return scope != NULL;
}

static void count_park(void)
{
    if (!leat__sim_on || !watch.scope || !inside())
        return;
    if (watch.parks < LEAT__SIM_PARKS_MAX)
        leat__sim_park_times[watch.parks] = leat__sim_now();
    leat__sim.outcome->suspensions = ++watch.parks;
    if (watch.parks == leat__sim.config.cancel_at) {
        watch.due = true;
        leat__sim_note("cancels at", watch.parks);
        leat__sim_wake(&watch, 1);
    }
}

/* In the place of sched's. */
void leat__park(leat__commit_fn *commit, void *arg)
{
    count_park();
    leat__inner_park(commit, arg);
}

void leat__park_on(struct leat__worker *worker, leat__commit_fn *commit, void *arg)
{
    count_park();
    leat__inner_park_on(worker, commit, arg);
}

static void cancel_when_due(void *scope)
{
    while (!watch.due && !watch.over)
        (void)leat__sim_block(&watch, LEAT_NEVER, "waits for the point to cancel at", false);
    if (watch.due)
        leat_scope_cancel(scope);
}

struct body {
    int (*fn)(void *arg);
    int (*check)(void *arg);
    void *arg;
};

/* All children have ended when nothing more is handed out: so the canceller, which needs the scope,
 * can be waited for before the scope is closed. That holds up this worker only. */
static void wait_for_children(struct leat_scope *scope)
{
    struct leat_ended ended;
    int err;

    do
        err = leat_scope_next(scope, &ended);
    while (err == 0);
    if (err != -ENODATA)
        leat__sim_fail("a scope that keeps results gave %d instead of the next one", err);
}

static int root(void *arg)
{
    struct body *body = arg;
    struct leat__vthread *canceller = NULL;
    struct leat_scope scope;
    int err = leat_scope_open(&scope, LEAT_SCOPE_OPTIONS(.deadline = leat__sim.config.deadline,
                                                         .on_error = LEAT_COLLECT,
                                                         .keep = true));

    if (!err && leat__sim.config.cancel_at > 0)
        err = leat__sim_thread_start(&canceller, "canceller", cancel_when_due, &scope);
    if (!err) {
        watch.scope = (struct leat__scope *)(void *)&scope;
        if (leat_spawn(&scope, body->fn, body->arg) == 0)
            wait_for_children(&scope);
        watch.scope = NULL;
    }
    watch.over = true;
    if (canceller) {
        leat__sim_wake(&watch, 1);
        leat__sim_thread_join(canceller);
    }
    (void)leat_scope_close(&scope);
    return err ? err : body->check ? body->check(body->arg) : 0;
}

static int run_body(void *body)
{
    memset(&watch, 0, sizeof watch);
    return leat_run(root, body, NULL);
}

int leat_sim_cancel_everywhere(int (*fn)(void *arg), void *arg,
                               const struct leat_sim_options *options)
{
    const struct leat_sim_options none = { .size = sizeof none };
    struct body body = { fn, options ? options->check : NULL, arg };
    const struct leat__sim_job job = { .fn = run_body, .arg = &body,
                                       .failed = options ? options->failed : NULL,
                                       .everywhere = true };

    if (options && options->size != sizeof *options)
        return -EINVAL;
    return leat__sim_campaign(&job, options ? options : &none);
}
