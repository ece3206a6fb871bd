/* SPDX-License-Identifier: MIT */
/* What is kept of a task beside its block, for those of whom somebody wants to know more than the
 * scope remembers: tasks with a handle or a done-callback, tasks of kept scopes and of races. The
 * others have none, and pay a test for it.
 *
 *                attach                run                end               last hold let go
 *     (free) ------------> QUEUED ----------> STARTED ---------> ENDED --------------------> (free)
 *
 * INVARIANTS
 *   I1  Records stay records until the runtime ends: a handle may be tried on any of them. Its id
 *       is the handle's while it is that task's, and no id is given twice.
 *   I2  A record is freed by whoever lets go of its last hold, under its lock.
 *   I3  `cell` is not NULL while the task can be cancelled by itself. It is read under the lock,
 *       and the task takes it back under the lock before its frame goes.
 *   I4  A record with HANDLE held is in its scope's list of handles, or on its way out of it by a
 *       join that will lock it before the scope is over.
 * Locks: a record's before scopes'. */
#ifndef LEAT_TASK_RECORD_H
#define LEAT_TASK_RECORD_H

#include "lockfree/lock.h"
#include "task/waitlist.h"

#include <leat/task.h>

struct leat__scope;
struct leat__self;
struct leat__task;
struct leat__record_chunk;

enum {
    LEAT__HOLD_TASK = 1,   /* it has not ended */
    LEAT__HOLD_HANDLE = 2, /* its scope is not joined, and the handle not forgotten */
    LEAT__HOLD_KEPT = 4,   /* leat_scope_next has not handed it out */
};

struct leat__record {
    struct leat__lock     lock;
    uint8_t               holds;
    uint8_t               status; /* enum leat_task_status */
    bool                  cancelled; /* before it started */
    uint64_t              id;        /* 0: free */
    struct leat__scope   *scope;     /* that counts the task */
    struct leat__scope   *cell;      /* of the task alone: what leat_task_cancel ends (I3) */
    struct leat__waitlist joiners;
    leat_task_fn         *fn;
    void                 *arg;
    const char           *name;
    void                (*on_done)(void *arg, int result);
    void                 *on_done_arg;
    struct leat__record  *next;        /* ended, not handed out; or free */
    struct leat__record  *handle_next; /* in scope->handles, under the scope's lock */
    struct leat__record **handle_prev; /* NULL: not in the list */
    int                   result;
};

struct leat__records {
    struct leat__lock          lock;
    struct leat__record_chunk *chunks;
    struct leat__record       *free;
    uint64_t                   last_id;
    size_t                     used, made; /* for tests */
};

void leat__records_init(struct leat__records *records);
void leat__records_fini(struct leat__records *records); /* every task has ended */

/* Give a task that is about to start a record; `handle`: with that hold. NULL without memory. */
struct leat__record *leat__record_attach(struct leat__scope *scope, struct leat__task *task,
                                         const struct leat_task_options *options, bool handle);

/* The task, on its own stack: call fn and then on_done, with self->scope as it shall be. */
int leat__record_run(struct leat__record *record, struct leat__self *self, void *arg);

/* The task, before it is counted out: its result, for all who want it. */
void leat__record_end(struct leat__record *record, int result);

/* A join, when every child has ended. */
void leat__record_drop_handles(struct leat__scope *scope);

void leat__record_let_go(struct leat__record *record, uint8_t hold);

/* ended.c: what scopes do with results */
void leat__ended_expect(struct leat__scope *scope); /* a child more */
void leat__ended_put(struct leat__scope *scope, struct leat__record *record, int result);
void leat__ended_drop(struct leat__scope *scope);

#endif
