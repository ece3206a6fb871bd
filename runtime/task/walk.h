/* SPDX-License-Identifier: MIT */
/* Looking at tasks that others run: for dumps, the deadlock report, the watchdog.
 *
 *     struct leat__walk walk = leat__walk_begin(runtime);
 *     while ((task = leat__walk_next(&walk)))
 *         if (leat__sight_take(&sight, task))
 *             ... sight.name, sight.state, sight.reason ...
 *
 * The program goes on meanwhile, so the walk believes nothing: it takes no lock, reads all through
 * leat__peek, and looks twice. Stopping the tasks instead
 * (a FROZEN state of the wait word) was rejected: each wake would pay for it, and a dump that dies
 * half-way would leave tasks frozen.
 *
 * INVARIANTS
 *   I1  A block stays a block until the runtime ends (slab.h), and a stack's addresses stay mapped;
 *       everything else that is followed (names, scopes, a self on a stack) may be gone.
 *   I2  A sight is taken only if block, host, self and stack read the same at its beginning and its
 *       end, after at most TRIES attempts. A wait moves the word's generation, so a task that waits
 *       in both looks at the same generation has not run in between. Joins and yields move none:
 *       for these the whole live stack is compared, so that what is shown is what stood there, if
 *       perhaps twice.
 *   I3  The work is bounded: per task by TRIES, DEPTH_MAX and the size of its stack, over all by
 *       the number of blocks at the beginning. */
#ifndef LEAT_TASK_WALK_H
#define LEAT_TASK_WALK_H

#include "task/runtime.h"
#include "task/task.h"

struct leat__walk {
    const struct leat__slabs *slabs;
    struct leat__slab_chunk  *chunk;
    size_t                    index;
};

struct leat__walk  leat__walk_begin(struct leat__runtime *runtime);
struct leat__task *leat__walk_next(struct leat__walk *walk); /* NULL at the end */

/* The number of the task's block: unique among the tasks alive, used again afterwards.
 * Async-signal-safe. */
uint64_t leat__task_id(const struct leat__runtime *runtime, const struct leat__task *task);

enum leat__sight_state {
    LEAT__SIGHT_NEW,     /* nobody has started it */
    LEAT__SIGHT_READY,   /* in a queue */
    LEAT__SIGHT_RUNNING, /* on a worker, at the time */
    LEAT__SIGHT_WAITING,
    LEAT__SIGHT_INPLACE, /* it joins, and runs a child on its own stack */
};

struct leat__sight {
    enum leat__sight_state state;
    const char   *name;
    leat_task_fn *fn;
    uint32_t      origin; /* fiber.h: where it was spawned */
    struct leat__scope *scope;
    /* all but NEW */
    leat_time           began;
    const struct leat__fiber *host; /* the fiber whose stack it is on */
    /* WAITING */
    const struct leat__reason *reason;
    const void   *about;
    leat_time     since;
    bool          timed;  /* a deadline ends the wait */
    uint64_t      ticket; /* the generation; 0: a join */
    /* all but NEW and RUNNING, where the caller gave memory for it */
    struct leat__registers registers;
    uintptr_t      stack_low, stack_top; /* usable: [low, top) */
    unsigned char *copy; /* of [sp, sp + copied) */
    size_t         copied;
};

/* Look at one task. `memory`, when not NULL, takes a copy of its live stack, up to half of `bytes`.
 * Returns false when there is no task in the block, or it changed too fast. */
bool leat__sight_take(struct leat__sight *ret, const struct leat__task *task, void *memory,
                      size_t bytes);

/* The same for the task that runs on a fiber now; its stack is not copied. */
bool leat__sight_running(struct leat__sight *ret, const struct leat__fiber *fiber,
                         const struct leat__task **task);

/* The innermost self on a fiber that runs now, and perhaps not any more when this returns. Returns
 * false when it does not run. Async-signal-safe. */
bool leat__self_look(struct leat__self *ret, const struct leat__fiber *fiber);

/* Is there a task in the block, at this moment? */
bool leat__task_is_live(const struct leat__task *task);

/* Before waits are ended by this: once, however many. */
void leat__sights_end(void);

/* End the wait that was seen, if it still lasts: the task's call returns -EDEADLK. */
void leat__sight_end(const struct leat__sight *sight, struct leat__task *task);

#endif
