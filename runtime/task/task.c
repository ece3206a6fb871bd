/* SPDX-License-Identifier: MIT */
/* A task's life: spawned into a scope, run, counted out. */
#include "task/task.h"
#include "base/check.h"
#include "base/container.h"
#include "platform/fork.h"
#include "platform/futex.h"
#include "task/local.h"
#include "task/measure.h"
#include "task/record.h"
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
    struct leat__worker *worker = leat__worker_current();
    struct leat__runtime *runtime = leat__worker_runtime(worker);
    struct leat__scope *scope = task->fiber.group;
    struct leat__record *record = leat__task_record(task);
    struct leat__self self;
    int result;

    leat__self_init(&self, &task->waiter, task, scope);
    leat__self_sit(&self, here ? &self.own : fiber->stack->side);
    self.outer = here ? fiber->self : NULL;
    self.began = leat__worker_looked(worker);
    store_relaxed(&self.locals, task->fiber.self); /* relaxed: nobody else sees the self yet */
    task->waiter.fiber = fiber;
    fiber->self = &self;
    result = record ? leat__record_run(record, &self) : task->fn(task->arg);
    worker = leat__worker_current();
    leat__check(worker != NULL,
                "a forked child has returned from a task's function: end it with exec "
                                "or _exit");
    leat__check(self.scope == scope, "a task returned inside a scope it had entered by hand: "
                                     "join it or clean it up first");
    if (self.joined)
        leat__bound_leave(&self);
    if (load_relaxed(&self.locals)) /* relaxed: only the task itself changes it */
        leat__locals_drop(&self);
    if (task->arg != task->own.bytes && task->own.more.copy)
        free(task->own.more.copy);
    if (result < 0 && scope)
        leat__scope_fail(scope, result); /* before a joiner can know, and fail second */
    if (record)
        leat__record_end(record, result);
    store_relaxed(&task->fiber.state, LEAT__FIBER_ENDED); /* relaxed: see fiber.h */
    worker = leat__worker_current(); /* anew: destructors of locals and callbacks have run */
    leat__probe_count(&leat__worker_probe(worker)->finishes);
    leat__slab_put(&runtime->slabs, worker, task);
    if (!scope) {
        end_root(runtime, result);
        return;
    }
    if (here && !scope->limit)
        scope->spawned--; /* as leat__scope_count_out has it */
    else
        leat__scope_count_out(scope, here);
}

void leat__task_body(struct leat__fiber *fiber)
{
    run(task_of(fiber), fiber, false);
}

/* A C++ exception that nothing in the child catches would go on into the parent whose stack it has,
 * past all that run() has yet to do. (On a stack of its own it finds the stack's end, and C++ ends
 * the program.) Called in an unwind since the build gives this file -fexceptions. */
static void check_returned(const bool *returned)
{
    leat__check(*returned, "an exception left a task's function: catch it there (and end a task by "
                           "return, not by pthread_exit)");
}

/* A joining parent took `fiber`, its newest child that nobody has started. Run it here, on the
 * parent's stack, as a plain call: no stack, no switch. False: it may not, and nothing was done.
 *
 * Sound because the parent does nothing but wait for it (an owed wait), because it was taken off
 * the deque (so no entry is left behind), because each one counts as a turn, after which others get
 * theirs, and because it may only go where it could have gone anyway: pinned ones are in no deque,
 * a pinned host takes none, and the stack promised to it is still left. Not from a catch block: the
 * child would find its parent's exception. */
bool leat__task_run_here(struct leat__fiber *host, struct leat__fiber *fiber)
{
    struct leat__worker *worker = leat__worker_current();
    const struct leat__runtime *runtime = leat__worker_runtime(worker);
    struct leat__self *self = host->self;
    int saved = errno;

    bool returned __attribute__((cleanup(check_returned))) = true;

    if (leat__stack_left(host->stack) < runtime->stack_bytes ||
        leat__worker_in_catch(worker))
        return false;
    store_relaxed(&fiber->state, LEAT__FIBER_RUNNING); /* relaxed: see fiber.h */
    returned = false;
    run(task_of(fiber), host, true);
    returned = true;
    host->self = self;
    errno = saved;
    leat__probe_count(&leat__worker_probe(leat__worker_current())->inline_joins);
    return true;
}

/* Field by field, for a walk may look at the block meanwhile: it asks the state by an atomic load,
 * and copies the rest through the kernel, twice (task/walk.h). The context is written by the first
 * run, the link by the first queue. */
static inline void init_fiber(struct leat__fiber *fiber, struct leat__sched *sched)
{
    store_relaxed(&fiber->state, LEAT__FIBER_NONE); /* relaxed: see fiber.h */
    fiber->stack = NULL;
    fiber->sched = sched;
    fiber->self = NULL;
    fiber->group = NULL;
    fiber->special = 0;
}

/* A block, its fiber ready for leat__start. */
static struct leat__task *make(struct leat__runtime *runtime, leat_task_fn *fn, void *arg,
                               const void *origin)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__task *task;

    if (worker && leat__worker_runtime(worker) != runtime)
        worker = NULL; /* another runtime's: its list holds other blocks */
    if (!worker && leat__fork_forked())
        return NULL;
    task = leat__slab_get(&runtime->slabs, worker);
    if (!task)
        return NULL;
    if (worker)
        leat__probe_count(&leat__worker_probe(worker)->spawns);
    init_fiber(&task->fiber, runtime->sched);
    task->fiber.origin = leat__origin(origin);
    task->waiter.fiber = NULL;
    task->fn = fn;
    task->arg = arg;
    task->name = NULL;
    task->own.more.copy = NULL;
    task->own.more.record = NULL;
    if (runtime->pinned)
        leat__fiber_pin(&task->fiber, worker ? leat__worker_index(worker) : 0);
    return task;
}

/* Give back a block that was not started. */
static void unmake(struct leat__task *task)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__runtime *runtime = leat__sched_runtime(task->fiber.sched);

    if (worker && leat__worker_runtime(worker) != runtime)
        worker = NULL;
    leat__slab_put(&runtime->slabs, worker, task);
}

int leat__task_start_root(struct leat__runtime *runtime, leat_task_fn *fn, void *arg)
{
    struct leat__task *task = make(runtime, fn, arg, NULL);

    if (!task)
        return -ENOMEM;
    task->name = "root";
    if (runtime->driver)
        leat__fiber_pin(&task->fiber, 0); /* to the first worker, whose step sees the end */
    leat__start(&task->fiber);
    return 0;
}

/* Count the task into its scope and let it go. */
static int launch(struct leat__scope *scope, struct leat__task *task,
                  const struct leat_task_options *options)
{
    if (options) {
        task->name = options->name;
        if (options->priority != LEAT_PRIORITY_NORMAL && !task->fiber.special)
            task->fiber.special = 1 + (options->priority == LEAT_PRIORITY_HIGH ? LEAT__CLASS_HIGH
                                                                               : LEAT__CLASS_LOW);
        if (options->pinned && !leat__fiber_is_pinned(&task->fiber)) {
            int worker = leat_worker();

            leat__fiber_pin(&task->fiber, worker > 0 ? (unsigned)worker : 0);
        }
    }
    task->fiber.group = scope;
    if (leat__self() == scope->owner) {
        scope->spawned++;
        task->fiber.self = load_relaxed(&scope->owner->locals); /* relaxed: the caller's own */
    } else {
        /* relaxed: the scope is alive by its caller's hand, and the child is handed over by the
         * queue */
        (void)fetch_add_relaxed(&scope->pending, LEAT__PENDING_CHILD);
        if (scope->owner) /* acquire: pairs with the release in leat_local_set */
            task->fiber.self = load_acquire(&scope->owner->locals);
    }
    leat__start(&task->fiber);
    return 0;
}

/* Wait at the scope's limit. On success the child may run. */
static int enter_limit(struct leat__scope *scope)
{
    struct leat__self *self = leat__self();
    struct leat__waitnode node = { 0 };

    if (leat__fork_forked())
        return -EPERM;
    if (self->scope)
        leat__bound_join(self); /* before the lock: it takes those of this scope and its parents */
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
    if (scope->bad || (options && (options->size != sizeof *options ||
                                   (unsigned)options->priority > LEAT_PRIORITY_LOW)))
        return -EINVAL;
    if (!scope->runtime)
        return -EPERM;
    return scope->limit ? enter_limit(scope) : 0;
}

static int refuse(struct leat__scope *scope, int err, bool admitted)
{
    if (leat__fork_refuses()) {
        if (scope->owner == leat__self()) /* else it is the parent's, whose join is refused too */
            leat__scope_fail(scope, -EPERM);
        return -EPERM;
    }
    if (admitted && scope->limit)
        leat__scope_leave_limit(scope);
    leat__scope_fail(scope, err);
    return err;
}

/* Tasks that need one get their record. */
static bool attach(struct leat__scope *scope, struct leat__task *task,
                   const struct leat_task_options *options, struct leat_task *handle)
{
    struct leat__record *record;

    if (!handle && !scope->keep && !scope->race && !(options && options->on_done))
        return true;
    record = leat__record_attach(scope, task, options, handle != NULL);
    if (record && handle)
        *handle = (struct leat_task){ record, record->id };
    return record != NULL;
}

__attribute__((noinline)) static int spawn(struct leat__scope *scope, leat_task_fn *fn, void *arg,
                                           const struct leat_task_options *options,
                                           struct leat_task *handle, const void *origin)
{
    struct leat__task *task;
    int err = admit(scope, options);

    if (err)
        return refuse(scope, err, false);
    task = make(scope->runtime, fn, arg, origin);
    if (!task)
        return refuse(scope, -ENOMEM, true);
    if (!attach(scope, task, options, handle)) {
        unmake(task);
        return refuse(scope, -ENOMEM, true);
    }
    return launch(scope, task, options);
}

/* Nothing to ask, nothing to keep. */
static inline int spawn_plain(struct leat__scope *scope, leat_task_fn *fn, void *arg,
                              const void *origin)
{
    struct leat__task *task = make(scope->runtime, fn, arg, origin);

    return __builtin_expect(task != NULL, 1) ? launch(scope, task, NULL)
                                             : refuse(scope, -ENOMEM, false);
}

int leat_spawn(struct leat_scope *public, leat_task_fn *fn, void *arg)
{
    struct leat__scope *scope = leat__scope_of(public);

    if (__builtin_expect(scope->plain, 1))
        return spawn_plain(scope, fn, arg, __builtin_return_address(0));
    return spawn(scope, fn, arg, NULL, NULL, __builtin_return_address(0));
}

int leat_spawn_opt(struct leat_scope *scope, leat_task_fn *fn, void *arg,
                   const struct leat_task_options *options)
{
    return spawn(leat__scope_of(scope), fn, arg, options, NULL, __builtin_return_address(0));
}

int leat__spawn_from(struct leat_scope *scope, leat_task_fn *fn, void *arg,
                     const struct leat_task_options *options, const void *origin)
{
    return spawn(leat__scope_of(scope), fn, arg, options, NULL, origin);
}

int leat_spawn_handle(struct leat_scope *scope, struct leat_task *ret, leat_task_fn *fn, void *arg,
                      const struct leat_task_options *options)
{
    return spawn(leat__scope_of(scope), fn, arg, options, ret, __builtin_return_address(0));
}

int leat_spawn_with(struct leat_scope *public, leat_task_fn *fn, const void *value, size_t bytes)
{
    struct leat__scope *scope = leat__scope_of(public);
    bool small = bytes <= sizeof((struct leat__task *)0)->own.bytes && !scope->keep && !scope->race;
    struct leat__task *task;
    void *copy = NULL;
    int err = bytes > COPY_MAX ? -E2BIG : admit(scope, NULL);

    if (err)
        return refuse(scope, err, false);
    if (!small) {
        copy = malloc(bytes > 0 ? bytes : 1);
        if (!copy)
            return refuse(scope, -ENOMEM, true);
    }
    task = make(scope->runtime, fn, NULL, __builtin_return_address(0));
    if (!task) {
        free(copy);
        return refuse(scope, -ENOMEM, true);
    }
    if (small) {
        task->arg = task->own.bytes; /* the block outlives fn */
    } else {
        task->arg = task->own.more.copy = copy;
    }
    if (bytes > 0)
        memcpy(task->arg, value, bytes);
    if (!attach(scope, task, NULL, NULL)) {
        unmake(task);
        free(copy);
        return refuse(scope, -ENOMEM, true);
    }
    return launch(scope, task, NULL);
}
