/* SPDX-License-Identifier: MIT */
/* A task's control block: one cache line, so that a million tasks that wait for their turn cost 64
 * MB. What a task needs only while it runs is in task/self.h, on its stack; and what it needs only
 * until it runs, its brief, lies where its registers are saved when it first parks.
 *
 * INVARIANTS
 *   I1  A block belongs to its spawner until leat__start, then to whoever runs it, who gives it
 *       back before it counts the task out of its scope. Its wait word lives on (slab.h).
 *   I2  A scope outlives its children: `pending` counts them, and join returns when it is 0. The
 *       last child touches nothing of the scope after its decrement.
 *   I3  A brief is whole while the block's state is QUEUED_NEW. Of a task that runs in place, whose
 *       block saves no registers, `host`, name and fn stay in it up to the end. */
#ifndef LEAT_TASK_TASK_H
#define LEAT_TASK_TASK_H

#include "sched/sched.h"
#include "task/self.h"

#include <leat/task.h>

struct leat__runtime;

/* What a task is told: in its fiber's brief. */
struct leat__brief {
    leat_task_fn *fn;
    union {
        struct {
            union {
                void               *arg;
                struct leat__fiber *host; /* in place: whose stack it is on */
            };
            union {
                const char          *name;
                struct leat__record *record; /* which has the name */
            };
        };
        unsigned char bytes[16]; /* of a small spawn_with, which has no name */
    };
} __attribute__((may_alias));

/* What is in it, as the fiber's kind says. */
enum leat__brief_kind {
    LEAT__BRIEF_NAME = 0,
    LEAT__BRIEF_RECORD = 1,
    LEAT__BRIEF_BYTES = 2,
    LEAT__BRIEF_COPY = 4, /* with one of the first two: arg is to be freed */
};

struct leat__task {
    struct leat__fiber  fiber; /* its group is the scope that counts it; NULL: the root task */
    struct leat__waiter waiter;
};

_Static_assert(sizeof(struct leat__brief) <= sizeof((struct leat__fiber *)0)->brief, "it has room");
/* (Contexts are larger under checking tools.) */
_Static_assert(!LEAT__SWITCH_INLINE || sizeof(struct leat__task) == 64, "a block is a cache line");

static inline struct leat__brief *leat__task_brief(struct leat__task *task)
{
    return (struct leat__brief *)(void *)task->fiber.brief;
}

/* Whom to wake of a task's waiter, whose word or ticket's generation this is. */
static inline struct leat__fiber *leat__waiter_host(struct leat__waiter *waiter, uint64_t word)
{
    struct leat__task *task = (struct leat__task *)(void *)((char *)waiter -
                                                            offsetof(struct leat__task, waiter));

    return __builtin_expect(!(word & LEAT__WORD_HOSTED), 1) ? &task->fiber
                                                            : leat__task_brief(task)->host;
}

/* The same of any waiter; NULL: a plain thread. */
static inline struct leat__fiber *leat__waiter_fiber(struct leat__waiter *waiter, uint64_t word)
{
    return word & LEAT__WORD_THREAD ? NULL : leat__waiter_host(waiter, word);
}

/* task.c */
void leat__task_body(struct leat__fiber *fiber, struct leat__stack *stack);
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
