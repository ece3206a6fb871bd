/* SPDX-License-Identifier: MIT */
/* How deep tasks go down their stacks, by where they were spawned: what a stack size can be chosen
 * from. Where nobody asked for it (LEAT_STACK_REPORT, options.stack_report) tasks run by a body
 * that knows nothing of this. A task that a join runs in place counts as part of its parent. */
#ifndef LEAT_TASK_MEASURE_H
#define LEAT_TASK_MEASURE_H

#include "lockfree/lock.h"
#include "sched/fiber.h"

#include <leat/task.h>

#include <stddef.h>
#include <stdint.h>

#define LEAT__SITES_MAX 1024 /* beyond them all count as one */

/* The first tasks of a site are all measured, later ones now and then: each costs two system calls
 * and the page faults of its stack. */
#define LEAT__MEASURE_FIRST 32
#define LEAT__MEASURE_EVERY 16

struct leat__site {
    uint32_t      origin; /* fiber.h */
    leat_task_fn *fn;     /* NULL: none, or the one for those that had no room */
    uint64_t      tasks, measured;
    size_t        bytes_max;
};

struct leat__measure {
    struct leat__lock lock; /* guards all below */
    struct leat__site sites[LEAT__SITES_MAX + 1]; /* by hash; the last one: no room */
};

/* What a spawn leaves in its fiber: the lower half of its return address. */
static inline uint32_t leat__origin(const void *return_address)
{
    return (uint32_t)(uintptr_t)return_address;
}

/* Runs a task as leat__task_body does, measured. Of a runtime with `measure`. */
void leat__task_body_measured(struct leat__fiber *fiber, struct leat__stack *stack);

#endif
