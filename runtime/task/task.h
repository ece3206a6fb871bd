/* SPDX-License-Identifier: MIT */
/* A task's control block. What a task needs only while it runs is in task/self.h, on its stack, so
 * that a million tasks that wait for their turn cost a block each.
 *
 * INVARIANTS
 *   I1  A block belongs to its spawner until leat__start, then to whoever runs it, who gives it
 *       back before it counts the task out of its scope. Its wait word lives on (slab.h).
 *   I2  A scope outlives its children: `pending` counts them, and join returns when it is 0. The
 *       last child touches nothing of the scope after its decrement. */
#ifndef LEAT_TASK_TASK_H
#define LEAT_TASK_TASK_H

#include "sched/sched.h"
#include "task/self.h"

#include <leat/task.h>

struct leat__runtime;

struct leat__task {
    struct leat__fiber  fiber; /* its group is the scope that counts it; NULL: the root task */
    struct leat__waiter waiter;
    leat_task_fn       *fn;
    void               *arg;
    const char         *name;
    union {
        struct leat__task *next_free; /* in the slab */
        struct {
            void                *copy; /* of a spawn_with too large for the block */
            struct leat__record *record;
        } more;
        unsigned char bytes[16]; /* of a small spawn_with, which arg then points to */
    } own;
};

/* Two cache lines: a million cost 128 MB. (Contexts are larger under checking tools.) */
_Static_assert(!LEAT__SWITCH_INLINE || sizeof(struct leat__task) == 128, "a block is 128 bytes");

/* NULL: nobody wants to know more of the task than its scope does. */
static inline struct leat__record *leat__task_record(const struct leat__task *task)
{
    return task->arg == task->own.bytes ? NULL : task->own.more.record;
}

/* task.c */
void leat__task_body(struct leat__fiber *fiber);
bool leat__task_run_here(struct leat__fiber *host, struct leat__fiber *fiber);
int  leat__spawn_from(struct leat_scope *scope, leat_task_fn *fn, void *arg,
                      const struct leat_task_options *options, const void *origin);
int  leat__task_start_root(struct leat__runtime *runtime, leat_task_fn *fn, void *arg);

/* scope.c */
void leat__scope_init(struct leat__scope *scope, struct leat__self *owner,
                      struct leat__scope *parent, struct leat__runtime *runtime);
void leat__scope_fail(struct leat__scope *scope, int err);
void leat__scope_count_out(struct leat__scope *scope, bool here);
void leat__scope_leave_limit(struct leat__scope *scope);

/* bound.c: what bounds a blocking call */
void leat__bound_join(struct leat__self *self);
void leat__bound_leave(struct leat__self *self);
void leat__bound_detach(struct leat__scope *scope);
int  leat__bound_check(const struct leat__self *self, leat_time now);
void leat__bound_end(struct leat__scope *scope);

#endif
