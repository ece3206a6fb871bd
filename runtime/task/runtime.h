/* SPDX-License-Identifier: MIT */
/* The runtime as the rooms above the scheduler see it: where a worker's wheel, a task's memory and
 * the pools are found. Built and torn down by the run room. */
#ifndef LEAT_TASK_RUNTIME_H
#define LEAT_TASK_RUNTIME_H

#include "lockfree/atomic.h"
#include "task/record.h"
#include "task/scope.h"
#include "task/slab.h"
#include "timer/wheel.h"

#include <leat/runtime.h>

#include <stddef.h>

struct leat__sched;
struct leat__blocking;
struct leat__compute;
struct leat__measure;

struct leat__runtime {
    struct leat__sched    *sched;
    struct leat__slabs     slabs;
    struct leat__records   records;
    struct leat__wheel    *wheels; /* one per worker */
    struct leat__blocking *blocking;
    struct leat__compute  *compute;
    size_t                 stack_bytes; /* promised to each task; its stack has twice as much */
    bool                   pinned;      /* every task is */
    const char            *reactor;     /* its name, for stats */
    struct leat_runtime   *handle;      /* call.h */
    struct leat__measure  *measure; /* of stacks, by spawn site; NULL: nobody asked */
    const void            *driver;      /* embedded: the memory of the thread that steps it */
    struct leat__scope     calls;       /* owns the tasks of leat_call */

    leat_log_fn        *log;
    void               *log_arg;
    enum leat_log_level log_level;

    struct leat_scope     root; /* of detached tasks, and around open scopes */
    LEAT_ATOMIC(uint32_t) open; /* how many, with root itself */

    LEAT_ATOMIC(bool) deadlocked; /* one was found: what leat_run returns */

    /* the root task's end */
    int                   result;
    LEAT_ATOMIC(uint32_t) done;
};

/* The caller's: the worker's it runs on, or the pool's it is a thread of; NULL on other threads. */
struct leat__runtime *leat__runtime_current(void);

/* Pool threads say whose they are, at their start. */
void leat__runtime_adopt(struct leat__runtime *runtime);

/* One line to the program's log function, when `level` is wanted. */
__attribute__((format(printf, 3, 4))) void leat__log(struct leat__runtime *runtime,
                                                     enum leat_log_level level, const char *format,
                                                     ...);

#endif
