/* SPDX-License-Identifier: MIT */
/* What the scheduler knows of a task: a state, a saved context and, once it runs, a stack.
 *
 *            spawn            first run            park: commit said true
 *     (none) ----> QUEUED_NEW ---------> RUNNING ------------------------> PARKED
 *                                        |  ^  ^                              |
 *                                   ends |  |  +-------- QUEUED <-------------+ ready
 *                                        v  |  picked      ^
 *                                      ENDED              yield, or commit said false
 *
 * Who owns the stack: RUNNING, the worker that runs it. PARKED and QUEUED, nobody: its registers
 * are saved on it and only the worker that wins the fiber from a queue may touch it. QUEUED_NEW and
 * ENDED, there is none. State changes are plain stores of the one owner; the queues and the wait
 * word order them. They exist for checks and for reports, not for synchronisation. */
#ifndef LEAT_SCHED_FIBER_H
#define LEAT_SCHED_FIBER_H

#include "lockfree/atomic.h"
#include "lockfree/link.h"
#include "platform/stack.h"
#include "platform/switch.h"

#include <stdbool.h>
#include <stdint.h>

struct leat__sched;

enum leat__fiber_state {
    LEAT__FIBER_NONE,
    LEAT__FIBER_QUEUED_NEW,
    LEAT__FIBER_QUEUED,
    LEAT__FIBER_RUNNING,
    LEAT__FIBER_PARKED,
    LEAT__FIBER_ENDED,
};

/* Fibers that are not queued as the others are, so that those pay one test for all of them. */
enum leat__class {
    LEAT__CLASS_HIGH,
    LEAT__CLASS_LOW,
    LEAT__CLASSES,
};
#define LEAT__FIBER_PINNED 0x8000u /* and the worker it belongs to */

/* What a switch touches comes first: it shall be one cache line. */
struct leat__fiber {
    struct leat__link    link;    /* in a run queue, the injector or an inbox */
    struct leat__context context; /* valid while PARKED or QUEUED */
    struct leat__stack  *stack;   /* NULL until it first runs */
    LEAT_ATOMIC(uint8_t) state;
    LEAT_ATOMIC(bool)    taken;   /* the room above: of its late wait (task/late.h) */
    uint16_t             special; /* LEAT__FIBER_PINNED | worker, or 1 + a class; 0: as most are */
    uint32_t             origin; /* the room above: where it was spawned; 0: not to be told */
    struct leat__sched  *sched;
    void                *self;    /* the room above: who runs on this fiber now */
    void                *group;   /* the room above: new ones of one group may be asked for */
};

static inline bool leat__fiber_is_pinned(const struct leat__fiber *fiber)
{
    return (fiber->special & LEAT__FIBER_PINNED) != 0;
}

/* Of a pinned one. */
static inline unsigned leat__fiber_home(const struct leat__fiber *fiber)
{
    return fiber->special & ~LEAT__FIBER_PINNED;
}

static inline void leat__fiber_pin(struct leat__fiber *fiber, unsigned worker)
{
    fiber->special = (uint16_t)(LEAT__FIBER_PINNED | worker);
}

#endif
