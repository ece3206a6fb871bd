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

/* What the waiter's wakes are for from now on. Nobody else writes the word between two tasks of a
 * block: claims of the earlier one's waits fail (I3 of wait_word.h). */
static inline void settle_waiter(struct leat__waiter *waiter, uint64_t kind)
{
    uint64_t word = load_relaxed(&waiter->word); /* relaxed, both: nobody else has the new task's */

    if ((word & LEAT__WORD_KIND) != kind)
        store_relaxed(&waiter->word, (word & ~LEAT__WORD_KIND) | kind);
}

/* Run the task on the fiber, whose stack is its own or a joining parent's: `here`. The block is
 * given back, and the task counted out of its scope, before this returns. */
static inline void run(struct leat__task *task, struct leat__fiber *fiber,
                       struct leat__stack *stack, struct leat__seat *seat, bool here)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__runtime *runtime = leat__worker_runtime(worker);
    struct leat__scope *scope = task->fiber.group;
    struct leat__brief brief = *leat__task_brief(task);
    unsigned kind = task->fiber.kind;
    struct leat__self self;
    int result;

    leat__self_init(&self, &task->waiter, task, scope);
    leat__self_sit(&self, seat);
    self.stack = stack;
    self.outer = here ? fiber->self : NULL;
    self.began = leat__worker_looked(worker);
    self.fn = brief.fn;
    self.name = brief.name;
    self.record = NULL;
    if (__builtin_expect(kind & (LEAT__BRIEF_RECORD | LEAT__BRIEF_BYTES), 0)) {
        self.record = kind & LEAT__BRIEF_RECORD ? brief.record : NULL;
        self.name = self.record ? self.record->name : NULL;
    }
    store_relaxed(&self.locals, task->fiber.self); /* relaxed: nobody else sees the self yet */
    if (here) {
        leat__task_brief(task)->host = fiber;
        leat__task_brief(task)->name = self.name;
    }
    settle_waiter(&task->waiter, here ? LEAT__WORD_HOSTED : 0);
    task->fiber.sched = runtime->sched;
    fiber->self = &self;
    store_release(&task->fiber.state, LEAT__FIBER_RUNNING); /* for walks: its self is there */
    if (self.record)
        result = leat__record_run(self.record, &self, brief.arg);
    else
        result = brief.fn(kind & LEAT__BRIEF_BYTES ? brief.bytes : brief.arg);
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
    if (kind & LEAT__BRIEF_COPY)
        free(brief.arg);
    if (result < 0 && scope)
        leat__scope_fail(scope, result); /* before a joiner can know, and fail second */
    if (self.record)
        leat__record_end(self.record, result);
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

void leat__task_body(struct leat__fiber *fiber, struct leat__stack *stack)
{
    run(task_of(fiber), fiber, stack, stack->side, false);
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
    struct leat__seat seat;
    int saved = errno;

    bool returned __attribute__((cleanup(check_returned))) = true;

    if (leat__stack_left(self->stack) < runtime->stack_bytes ||
        leat__worker_in_catch(worker))
        return false;
    returned = false;
    run(task_of(fiber), host, self->stack, &seat, true);
    returned = true;
    host->self = self;
    errno = saved;
    leat__probe_count(&leat__worker_probe(leat__worker_current())->inline_joins);
    return true;
}

/* Field by field, for a walk may look at the block meanwhile: it asks the state by an atomic load,
 * and copies the rest through the kernel, twice (task/walk.h). The link is written by the first
 * queue. */
static inline void init_fiber(struct leat__fiber *fiber)
{
    store_relaxed(&fiber->state, LEAT__FIBER_NONE); /* relaxed: see fiber.h */
    fiber->kind = LEAT__BRIEF_NAME;
    fiber->self = NULL;
    fiber->group = NULL;
    fiber->special = 0;
}

/* A block, its fiber ready for leat__start. */
static struct leat__task *make(struct leat__runtime *runtime, leat_task_fn *fn, void *arg,
                               const void *origin)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__brief *brief;
    struct leat__task *task;

    leat__check(fn != NULL, "a task needs a function: NULL was given in the place of one");
    if (worker && leat__worker_runtime(worker) != runtime)
        worker = NULL; /* another runtime's: its list holds other blocks */
    if (!worker && leat__fork_forked())
        return NULL;
    task = leat__slab_get(&runtime->slabs, worker);
    if (!task)
        return NULL;
    if (worker)
        leat__probe_count(&leat__worker_probe(worker)->spawns);
    init_fiber(&task->fiber);
    task->fiber.origin = leat__origin(origin);
    brief = leat__task_brief(task);
    brief->fn = fn;
    brief->arg = arg;
    brief->name = NULL;
    if (runtime->pinned)
        leat__fiber_pin(&task->fiber, worker ? leat__worker_index(worker) : 0);
    return task;
}

/* Give back a block that was not started. */
static void unmake(struct leat__runtime *runtime, struct leat__task *task)
{
    struct leat__worker *worker = leat__worker_current();

    if (worker && leat__worker_runtime(worker) != runtime)
        worker = NULL;
    leat__slab_put(&runtime->slabs, worker, task);
}

int leat__task_start_root(struct leat__runtime *runtime, leat_task_fn *fn, void *arg)
{
    struct leat__task *task = make(runtime, fn, arg, NULL);

    if (!task)
        return -ENOMEM;
    leat__task_brief(task)->name = "root";
    if (runtime->driver)
        leat__fiber_pin(&task->fiber, 0); /* to the first worker, whose step sees the end */
    leat__start(runtime->sched, &task->fiber);
    return 0;
}

/* Count the task into its scope and let it go. */
static int launch(struct leat__scope *scope, struct leat__task *task,
                  const struct leat_task_options *options)
{
    if (options) {
        if (task->fiber.kind == LEAT__BRIEF_NAME)
            leat__task_brief(task)->name = options->name;
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
    leat__start(scope->runtime->sched, &task->fiber);
    return 0;
}

/* Wait at the scope's limit. On success the child may run. */
static int enter_limit(struct leat__scope *scope)
{
    static const struct leat__reason reason = { "spawn a task, at the limit of the scope",
                                                LEAT__ABOUT_NAME, LEAT__INNER };
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
    leat__self_reason(self, &reason, scope->name);
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
        unmake(scope->runtime, task);
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
    bool small = bytes <= sizeof((struct leat__brief *)0)->bytes && !scope->keep && !scope->race;
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
    task = make(scope->runtime, fn, copy, __builtin_return_address(0));
    if (!task) {
        free(copy);
        return refuse(scope, -ENOMEM, true);
    }
    task->fiber.kind = small ? LEAT__BRIEF_BYTES : LEAT__BRIEF_COPY;
    if (bytes > 0)
        memcpy(small ? leat__task_brief(task)->bytes : copy, value, bytes);
    if (!attach(scope, task, NULL, NULL)) {
        unmake(scope->runtime, task);
        free(copy);
        return refuse(scope, -ENOMEM, true);
    }
    return launch(scope, task, NULL);
}
