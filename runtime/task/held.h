/* SPDX-License-Identifier: MIT */
/* Which locks tasks and threads hold, kept only when the program asks for it (LEAT_DEBUG=1 in the
 * environment, or a debug build): reports of lock orders that can end in a deadlock, of a lock that
 * is held at its task's end, and of a pthread mutex that is held over a suspension.
 *
 * Nothing of it may cost the locks' fast paths anything. So what they expect of a free lock is a
 * variable: a mutex is taken by a compare-and-swap from leat__held.unlocked, which is 0, or when
 * the locks are watched a value that no mutex ever has, so that all come by the slow path. Likewise
 * a wait parks by a pointer that leads through here (leat__wait_commit), and a task's end is
 * noticed by a task-local.
 *
 * The order of locks is a graph: an edge from A to B says that somebody held A when he came to wait
 * for B. A cycle is reported the first time it closes, whether anybody waits or not, except
 *   - when one lock was held, not shared, by all who made the edges (a gate: they take turns);
 *   - when one task or thread alone made all of them;
 *   - when two edges meet in a reader that holds and a reader that waits.
 * Who only tries waits for nobody, and makes no edge. A lock is named by a number that is written
 * into its memory: memory that is zeroed and used anew is another lock, and so is a copy.
 *
 * INVARIANTS
 *   I1  `leat__held` and the pointers change before main, or while no other thread uses locks.
 *   I2  A thread's holder exists while it holds a lock, a task's until the task ends. */
#ifndef LEAT_TASK_HELD_H
#define LEAT_TASK_HELD_H

#include "lockfree/atomic.h"
#include "sched/sched.h"

#include <leat/api.h>
#include <leat/task.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Known to be in this object: no look into a table for the address. */
#define LEAT__HELD_NEAR __attribute__((visibility("hidden")))

/* What wait.c and scope.c park by. */
extern leat__commit_fn *leat__wait_commit LEAT__HELD_NEAR, *leat__join_commit LEAT__HELD_NEAR;

struct leat__held_switch {
    bool     on;
    uint32_t unlocked; /* what a mutex's fast path expects */
    uint32_t locked;
};
extern struct leat__held_switch leat__held LEAT__HELD_NEAR;

static inline bool leat__held_watched(void)
{
    return __builtin_expect(leat__held.on, 0);
}

/* Where the function that this stands in was called from; not loaded before it is wanted. */
#define leat__held_from()                                                                          \
    ({                                                                                             \
        __asm__ volatile("" : : : "memory");                                                       \
        (const void *)__builtin_return_address(0);                                                 \
    })

/* Turn it on or off, for tests: I1. */
void leat__held_watch(bool on);

/* ---- what locks tell ---- */

/* In the lock's memory, all-zero at first. */
struct leat__held_name {
    uint64_t    id;
    const void *address; /* its own: a copy of the lock is another one */
};

enum leat__held_kind { LEAT__HELD_MUTEX, LEAT__HELD_READ, LEAT__HELD_WRITE, LEAT__HELD_PTHREAD };

struct leat__held_lock {
    struct leat__held_name *name;
    enum leat__held_kind    kind;
    const void             *from; /* return address of the call */
};

/* The caller is about to wait for it; has got it; lets it go. Never block. */
void leat__held_before(const struct leat__held_lock *lock);
void leat__held_taken(const struct leat__held_lock *lock);
void leat__held_given(const struct leat__held_lock *lock);

/* A task-local of every task that has held a lock, dropped last. */
extern const struct leat_local leat__held_at_end;

/* The caller is about to let others run. */
void leat__held_yields(void);

/* ---- pthread mutexes ---- */

struct leat__held_pthread {
    const void *mutex;
    const void *from;
    const void *who; /* the task's leat__self; NULL: not locked by a task */
};

/* Of libleat_debug, when that is there (linked, preloaded, or part of a debug build): those that
 * the calling thread holds, up to max. The address of who() makes them known from then on. */
#ifdef LEAT__DEBUG_PTHREAD
#define LEAT__HELD_OPTIONAL
#else
#define LEAT__HELD_OPTIONAL __attribute__((weak))
#endif
LEAT_API size_t leat__pthreads_held(struct leat__held_pthread *holds, size_t max)
    LEAT__HELD_OPTIONAL;
LEAT_API void leat__pthreads_watch(const void *(*who)(void),
                                   void (*foreign)(const struct leat__held_pthread *hold))
    LEAT__HELD_OPTIONAL;

/* ---- reports ---- */

#define LEAT__HELD_FRAMES 16
#define LEAT__HELD_STEPS  6 /* locks in a cycle that are looked for */

struct leat__held_who {
    uint64_t      id; /* 0: a plain thread */
    leat_task_fn *fn;
    char          name[32];
};

struct leat__held_step {
    struct leat__held_who who;
    enum leat__held_kind  kind, wanted_kind;
    const void           *held, *wanted; /* addresses */
    const void           *from;          /* where `held` was locked */
    const void           *at;            /* where the call is; NULL: frames begin with it */
    void                 *frames[LEAT__HELD_FRAMES]; /* of the call, innermost first */
    size_t                count;
};

struct leat__held_report {
    enum {
        LEAT__HELD_ORDER,   /* step by step, each holds what the one before wants */
        LEAT__HELD_AGAIN,   /* it wants what it holds */
        LEAT__HELD_ENDED,   /* its task has ended */
        LEAT__HELD_FOREIGN, /* steps[0] unlocks what steps[1] holds */
        LEAT__HELD_SUSPENDED, /* a pthread mutex */
    } what;
    size_t                 count;
    struct leat__held_step steps[LEAT__HELD_STEPS];
};

/* Who prints them: observe, from the first runtime's start on. On a task's stack, or between two
 * tasks: it must not suspend. */
typedef void leat__held_print_fn(const struct leat__held_report *report);
void leat__held_print_by(leat__held_print_fn *print);

#endif
