/* SPDX-License-Identifier: MIT */
/* What the scheduler knows of a task: a state, and a saved context once it has run.
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
 * word order them. They exist for checks, for reports and to tell new fibers from started ones, not
 * for synchronisation. A new fiber's first turn begins as QUEUED_NEW: the room above says RUNNING
 * once `self` is set.
 *
 * A million tasks that wait for their first turn are a million of these, so what only a started one
 * needs lies on its stack, or where a new one has what only that needs. */
#ifndef LEAT_SCHED_FIBER_H
#define LEAT_SCHED_FIBER_H

#include "lockfree/atomic.h"
#include "lockfree/link.h"
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

struct leat__fiber {
    struct leat__link link; /* in a run queue, the injector or an inbox */
    union {
        struct leat__context context;  /* valid while PARKED or QUEUED */
        void                *brief[3]; /* the room above: up to its first park, or its end */
    };
    LEAT_ATOMIC(uint8_t) state;
    union {
        LEAT_ATOMIC(bool) taken; /* the room above: of its late wait (task/late.h) */
        uint8_t           kind;  /* the room above: of its brief, up to its first turn */
    };
    uint16_t special; /* LEAT__FIBER_PINNED | worker, or 1 + a class; 0: as most are */
    uint32_t origin;  /* the room above: where it was spawned; 0: not to be told */
    void    *self;    /* the room above: who runs on this fiber now */
    union {
        void               *group; /* the room above: new ones of one group may be asked for */
        struct leat__sched *sched; /* of a started one */
    };
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
