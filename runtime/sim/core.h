/* SPDX-License-Identifier: MIT */
/* The state of the one simulation there may be, and what the files of the core share: core.c (who
 * runs), strategy.c (who is next), trace.c (what is told of it), look.c (what must hold when time
 * moves). Private to them. */
#ifndef LEAT_SIM_CORE_H
#define LEAT_SIM_CORE_H

#include "base/random.h"
#include "platform/exceptions.h"
#include "platform/switch.h"
#include "sched/sched.h"
#include "sim/sim.h"

#include <stdalign.h>

#define LEAT__SIM_THREADS_MAX 512
#define LEAT__SIM_STACK_BYTES ((size_t)1024 * 1024)

enum leat__vthread_state { LEAT__VTHREAD_READY, LEAT__VTHREAD_BLOCKED, LEAT__VTHREAD_ENDED };

struct leat__vthread {
    unsigned                 id;
    char                     name[16];
    enum leat__vthread_state state;
    bool                     timed_out, detached, joined;
    bool                     killed, stopped; /* looked at where it goes on */
    struct leat__process    *process; /* that it is; NULL: the program's */
    const void              *on; /* blocked */
    const char              *what;
    leat_time                deadline;
    uint64_t                 priority; /* PCT: higher runs */
    uint64_t                 waits_since; /* points when it could run and did not */
    struct leat__context     context;
    struct leat__stack      *stack;
    void (*fn)(void *arg);
    void                    *arg;
    struct leat__worker     *worker;
    int                      saved_errno;
    struct leat__exceptions  exceptions;
    alignas(16) unsigned char memory[LEAT__THREAD_BYTES];
};

struct leat__sim_event {
    leat_time when;
    uint64_t  order;
    void (*fn)(void *arg);
    void     *arg;
};

enum leat__sim_why { LEAT__SIM_POINT, LEAT__SIM_YIELD, LEAT__SIM_BLOCK, LEAT__SIM_END };

struct leat__sim_line {
    uint64_t    at; /* points so far */
    leat_time   now;
    const char *what;
    uint64_t    number;
    unsigned    who;
};

struct leat__sim {
    struct leat__sim_config  config;
    struct leat__sim_outcome *outcome;
    struct leat__random      random;
    leat_time                now, due; /* due: the earliest deadline or event, about: never late */
    struct leat__vthread    *threads[LEAT__SIM_THREADS_MAX]; /* by id; NULL: gone */
    unsigned                 thread_count, alive;
    struct leat__vthread    *me; /* NULL: an event, or nobody */
    struct leat__vthread    *running; /* whose stack it is */
    struct leat__context     base;
    struct leat__vthread    *ended; /* whose stack is to be taken by the next one */
    struct leat__sim_event  *events; /* a heap */
    size_t                   event_count, event_room;
    uint64_t                 event_order;
    uint32_t                 budget_given;
    leat_time                bound_from; /* from then on config.time_max counts */
    uint64_t                 points, moved_at; /* moved_at: points when time last moved by itself */
    uint64_t                 decisions;
    /* strategies */
    uint64_t                 lowest; /* PCT: the next priority below all others */
    uint64_t                 change[2];
    unsigned                 victim;
    /* trace */
    uint64_t                 hash;
    struct leat__sim_line    lines[LEAT__SIM_TRACE_LINES];
    uint64_t                 line_count;
};

extern struct leat__sim leat__sim;

/* libc.c: nobody runs any more, and what was freed is looked at. */
void leat__sim_free_all(void);

/* core.c: the thread of a virtual process ends where it is: at once, or where it would go on. */
_Noreturn void leat__sim_thread_end(void);
void leat__sim_thread_kill(struct leat__vthread *vthread);

/* core.c: leave the simulation for good, whatever runs in it. */
_Noreturn void leat__sim_end_failed(void);

/* strategy.c */
void leat__sim_strategy_begin(void);
void leat__sim_strategy_add(struct leat__vthread *vthread);
struct leat__vthread *leat__sim_strategy_next(struct leat__vthread *const *ready, unsigned count,
                                              enum leat__sim_why why);
uint32_t leat__sim_strategy_budget(void); /* points until the next decision, at least 1 */
bool leat__sim_strategy_preempts(const struct leat__vthread *woken);

/* trace.c */
void leat__sim_trace_begin(void);
void leat__sim_trace(const char *what, uint64_t number);
void leat__sim_trace_tell(const char *sentence);

/* reactor.c: what a worker that sleeps is blocked for. */
extern const char leat__sim_in_reactor[];

/* core.c: .. and what a thread that could go on, but is not let, by a fault. */
extern const char leat__sim_stalled[];

/* look.c: nobody can run, and time is about to move to `until`. */
void leat__sim_look_at_rest(leat_time until);
_Noreturn void leat__sim_deadlocked(void);

#endif
