/* SPDX-License-Identifier: MIT */
/* scopes.h: what drivers of scopes share: blocks, a queue and workers that run what is in it, in
 * place of the rooms sched and slab. Thread 1 is the owner's; those after it serve, or do something
 * else (then they are none of `servers`). */
#ifndef LEAT_MODEL_SCOPES_H
#define LEAT_MODEL_SCOPES_H

#include <errno.h>

#include "task/record.h"
#include "tasks.h"

enum { BLOCKS = 4, POISON = 0xa5 };

static struct leat_scope scope;
static struct leat__task blocks[BLOCKS];
static LEAT_ATOMIC(uint32_t) made;          /* blocks taken */
static LEAT_ATOMIC(uint32_t) queued[BLOCKS]; /* 1: to be run by whoever makes it 2 */
static LEAT_ATOMIC(uint32_t) to_come;       /* tasks that nobody has taken yet */
static int results[BLOCKS], runs[BLOCKS];
static struct leat__stack stack, stacks[TASKS];
static struct leat__seat sides[TASKS];
static int servers; /* threads 2 and up that serve */
static struct leat__record records[BLOCKS];

/* ---- the rooms below, played ---- */

struct leat__task *leat__slab_get(struct leat__slabs *slabs, struct leat__worker *worker)
{
    uint32_t i = fetch_add_acq_rel(&made, 1);

    (void)slabs, (void)worker;
    model_check(i < BLOCKS);
    return &blocks[i];
}

void leat__slab_put(struct leat__slabs *slabs, struct leat__worker *worker, struct leat__task *task)
{
    (void)slabs, (void)worker, (void)task;
}

static void wake_servers(void)
{
    for (int i = 2; i < 2 + servers; i++)
        if (model_self() != i)
            model_wake(i);
}

void leat__start(struct leat__sched *sched, struct leat__fiber *fiber)
{
    struct leat__task *task = (struct leat__task *)(void *)fiber;

    (void)sched;
    store_release(&queued[task - blocks], 1); /* as every queue does */
    wake_servers();
}

static void one_has_come(void)
{
    if (fetch_sub_relaxed(&to_come, 1) == 1)
        wake_servers();
}

static struct leat__fiber *take(const void *group)
{
    for (int i = BLOCKS; i-- > 0;) {
        uint32_t one = 1;

        if (queued[i] != 1 || (group && blocks[i].fiber.group != group))
            continue;
        if (cas_acquire(&queued[i], &one, 2)) {
            one_has_come();
            return &blocks[i].fiber;
        }
    }
    return NULL;
}

struct leat__fiber *leat__take_fresh(const void *group)
{
    return take(group);
}

bool leat__look_due(void)
{
    return false;
}

struct leat__runtime *leat__runtime_current(void)
{
    return &runtime;
}

void *leat__sched_runtime(const struct leat__sched *sched)
{
    (void)sched;
    return &runtime;
}

int leat_worker(void)
{
    return 0;
}

int *leat_errno_location(void)
{
    static int location;

    return &location;
}

/* ---- threads ---- */

/* Another worker: runs what is queued, until all that is to come was taken by somebody. */
static void serve(void *arg)
{
    (void)arg;
    while (to_come > 0) {
        struct leat__fiber *fiber = take(NULL);

        if (!fiber) {
            model_sleep();
            continue;
        }
        stacks[model_self()].side = &sides[model_self()];
        faces[model_self()].running = fiber;
        leat__task_body(fiber, &stacks[model_self()]);
        faces[model_self()].running = &played[model_self()].fiber;
    }
}

static void reset(uint32_t tasks, int served_by)
{
    tasks_reset(NULL);
    memset(blocks, 0, sizeof blocks);
    memset(queued, 0, sizeof queued);
    memset(results, 0, sizeof results);
    memset(runs, 0, sizeof runs);
    stack.low = NULL;
    for (int i = 1; i < TASKS; i++)
        selves[i].stack = &stack;
    memset(records, 0, sizeof records);
    memset(&runtime.records, 0, sizeof runtime.records);
    for (int i = 0; i < BLOCKS; i++) { /* so that none need be made */
        records[i].next = runtime.records.free;
        runtime.records.free = &records[i];
    }
    made = 0;
    servers = served_by;
    to_come = tasks;
}

/* In the body, at the end: nobody has touched the scope since the join. */
static void check_untouched(void)
{
    const unsigned char *bytes = (const unsigned char *)&scope;

    for (size_t i = 0; i < sizeof scope; i++)
        model_check(bytes[i] == POISON);
}

#endif
