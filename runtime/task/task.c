/* SPDX-License-Identifier: MIT */
/* A task's life: spawned into a scope, run, counted out. */
#include "task/task.h"
#include "base/check.h"
#include "base/container.h"
#include "platform/futex.h"
#include "task/runtime.h"

#include <errno.h>
#include <leat/errno.h>
#include <stdlib.h>
#include <string.h>

#define COPY_MAX (64 * 1024)

static struct leat__task *task_of(struct leat__fiber *fiber)
{
    return leat__container_of(fiber, struct leat__task, fiber);
}

static void end_root(struct leat__runtime *runtime, int result)
{
    runtime->result = result;
    store_release(&runtime->done, 1); /* pairs with leat_run's acquire */
    leat__futex_wake((uint32_t *)(void *)&runtime->done, 1);
}

/* Run the task on the fiber, whose stack is its own or a joining parent's. The block is given back,
 * and the task counted out of its scope, before this returns. */
static void run(struct leat__task *task, struct leat__fiber *fiber, bool here)
{
    struct leat__runtime *runtime = leat__sched_runtime(task->fiber.sched);
    struct leat__scope *scope = task->fiber.group;
    struct leat__self self = {
        .waiter = &task->waiter,
        .task = task,
        .scope = scope,
        .budget = LEAT__BUDGET,
    };
    int result;

    task->waiter.fiber = fiber;
    fiber->self = &self;
    result = task->fn(task->arg);
    leat__check(self.scope == scope, "a task returned inside a scope it had entered by hand: "
                                     "join it or clean it up first");
    leat__bound_leave(&self);
    if (task->arg != task->own.bytes)
        free(task->own.copy); /* NULL but for a large spawn_with */
    store_relaxed(&task->fiber.state, LEAT__FIBER_ENDED); /* relaxed: see fiber.h */
    leat__probe_count(&leat__worker_probe(leat__worker_current())->finishes);
    leat__slab_put(&runtime->slabs, leat__worker_current(), task);
    if (!scope) {
        end_root(runtime, result);
        return;
    }
    if (result < 0)
        leat__scope_fail(scope, result);
    leat__scope_count_out(scope, here);
}

void leat__task_body(struct leat__fiber *fiber)
{
    run(task_of(fiber), fiber, false);
}

/* A joining parent took `fiber`, its newest child that nobody has started. Run it here, on the
 * parent's stack, as a plain call: no stack, no switch. False: it may not, and nothing was done.
 *
 * Sound because the parent does nothing but wait for it (an owed wait), because it was taken off the
 * deque (so no entry is left behind), because each one counts as a turn, after which others get
 * theirs, and because it may only go where it could have gone anyway: pinned ones are in no deque,
 * a pinned host takes none, and the stack promised to it is still left. */
bool leat__task_run_here(struct leat__fiber *host, struct leat__fiber *fiber)
{
    struct leat__runtime *runtime = leat__sched_runtime(host->sched);
    struct leat__self *self = host->self;
    int saved = errno;

    if (leat__stack_left(host->stack) < runtime->stack_bytes)
        return false;
    store_relaxed(&fiber->state, LEAT__FIBER_RUNNING); /* relaxed: see fiber.h */
    run(task_of(fiber), host, true);
    host->self = self;
    errno = saved;
    leat__probe_count(&leat__worker_probe(leat__worker_current())->inline_joins);
    return true;
}

/* A block, its fiber ready for leat__start. */
static struct leat__task *make(struct leat__runtime *runtime, leat_task_fn *fn, void *arg)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__task *task;

    if (worker && leat__worker_runtime(worker) != runtime)
        worker = NULL; /* another runtime's: its list holds other blocks */
    task = leat__slab_get(&runtime->slabs, worker);
    if (!task)
        return NULL;
    if (worker)
        leat__probe_count(&leat__worker_probe(worker)->spawns);
    memset(&task->fiber, 0, sizeof task->fiber);
    task->fiber.sched = runtime->sched;
    task->waiter.fiber = NULL;
    task->fn = fn;
    task->arg = arg;
    task->name = NULL;
    task->own.copy = NULL;
    if (runtime->pinned) {
        task->fiber.pinned = true;
        task->fiber.home = worker ? (uint16_t)leat__worker_index(worker) : 0;
    }
    return task;
}

int leat__task_start_root(struct leat__runtime *runtime, leat_task_fn *fn, void *arg)
{
    struct leat__task *task = make(runtime, fn, arg);

    if (!task)
        return -ENOMEM;
    task->name = "root";
    leat__start(&task->fiber);
    return 0;
}

/* Count the task into its scope and let it go. */
static int launch(struct leat__scope *scope, struct leat__task *task,
                  const struct leat_task_options *options)
{
    if (options) {
        task->name = options->name;
        if (options->pinned && !task->fiber.pinned) {
            int worker = leat_worker();

            task->fiber.pinned = true;
            task->fiber.home = worker > 0 ? (uint16_t)worker : 0;
        }
    }
    task->fiber.group = scope;
    if (leat__self() == scope->owner)
        scope->spawned++;
    else
        /* relaxed: the scope is alive by its caller's hand, and the child is handed over by the
         * queue */
        (void)fetch_add_relaxed(&scope->pending, LEAT__PENDING_CHILD);
    leat__start(&task->fiber);
    return 0;
}

/* Wait at the scope's limit. On success the child may run. */
static int enter_limit(struct leat__scope *scope)
{
    struct leat__waitnode node = { 0 };

    leat__lock(&scope->lock);
    if (scope->running < scope->limit) {
        scope->running++;
        leat__unlock(&scope->lock);
        return 0;
    }
    return leat__waitlist_wait(&scope->spawners, &node, &scope->lock);
}

static int admit(struct leat__scope *scope, const struct leat_task_options *options)
{
    leat__check(!scope->joined, "a task was spawned into a scope that has been joined");
    if (scope->bad || (options && options->size != sizeof *options))
        return -EINVAL;
    if (!scope->runtime)
        return -EPERM;
    return scope->limit ? enter_limit(scope) : 0;
}

static int refuse(struct leat__scope *scope, int err, bool admitted)
{
    if (admitted && scope->limit)
        leat__scope_leave_limit(scope);
    leat__scope_fail(scope, err);
    return err;
}

int leat_spawn_opt(struct leat_scope *public, leat_task_fn *fn, void *arg,
                   const struct leat_task_options *options)
{
    struct leat__scope *scope = leat__scope_of(public);
    struct leat__task *task;
    int err = admit(scope, options);

    if (err)
        return refuse(scope, err, false);
    task = make(scope->runtime, fn, arg);
    if (!task)
        return refuse(scope, -ENOMEM, true);
    return launch(scope, task, options);
}

int leat_spawn(struct leat_scope *scope, leat_task_fn *fn, void *arg)
{
    return leat_spawn_opt(scope, fn, arg, NULL);
}

int leat_spawn_with(struct leat_scope *public, leat_task_fn *fn, const void *value, size_t bytes)
{
    struct leat__scope *scope = leat__scope_of(public);
    bool small = bytes <= sizeof((struct leat__task *)0)->own.bytes;
    struct leat__task *task;
    void *copy = NULL;
    int err = bytes > COPY_MAX ? -E2BIG : admit(scope, NULL);

    if (err)
        return refuse(scope, err, false);
    if (!small) {
        copy = malloc(bytes);
        if (!copy)
            return refuse(scope, -ENOMEM, true);
    }
    task = make(scope->runtime, fn, NULL);
    if (!task) {
        free(copy);
        return refuse(scope, -ENOMEM, true);
    }
    if (small) {
        task->arg = task->own.bytes; /* the block outlives fn */
    } else {
        task->arg = task->own.copy = copy;
    }
    if (bytes > 0)
        memcpy(task->arg, value, bytes);
    return launch(scope, task, NULL);
}
