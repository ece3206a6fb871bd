/* SPDX-License-Identifier: MIT */
/* The simulation room: the whole runtime on one OS thread, under a seed.
 *
 * libleat_sim is the same sources compiled a second time, against a lockfree/atomic.h in which each
 * operation that other threads can see is a decision point (shim/), and linked with this room's
 * versions of what platform does: clock, futex, threads, thread-locals, randomness. While no
 * simulation runs they hand on to the real ones, so a program linked with it runs as usual. Normal
 * builds contain nothing of this.
 *
 * In a simulation each thread of the runtime (workers, pools, the watching thread, leat_run's
 * caller) is a virtual one: a context on a stack of its own, with its own thread-locals. At each
 * decision point the strategy may have another one go on. Time is a number: it moves when every
 * virtual thread is blocked, to whatever is due next, and by a tick at each look at the clock, so
 * that loops which wait for time to pass end. All that is random comes from one seeded generator.
 *
 *     struct leat__sim_config config;
 *     struct leat__sim_outcome outcome;
 *     leat__sim_draw(&config, seed);
 *     leat__sim_once(fn, arg, &config, &outcome);     // fn calls leat_run
 *
 * INVARIANTS
 *   I1  At most one virtual thread runs, and only a decision point, a block or its end makes
 *       another one run. What happens between two of them is atomic: events too.
 *   I2  No decision depends on an address, on the real clock or on real randomness: the same seed
 *       gives the same trace in every process.
 *   I3  When time moves because nobody can run, nothing is runnable: what then stands in a queue of
 *       the scheduler, with every worker asleep, is a lost wake-up.
 *   I4  Each simulation ends: within a number of points, and a bound of virtual time that begins
 *       when the faults stop. */
#ifndef LEAT_SIM_SIM_H
#define LEAT_SIM_SIM_H

#include "sim/point.h"

#include <leat/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat__worker;
struct leat__vthread;

/* Who goes on at a decision point. */
enum leat__sim_strategy {
    LEAT__SIM_UNIFORM,     /* anybody, after about `interval` points */
    LEAT__SIM_PCT,         /* who has the highest priority; two points at which that changes (PCT of
                              depth 3: Burckhardt et al., "A randomized scheduler with probabilistic
                              guarantees of finding bugs", 2010) */
    LEAT__SIM_STARVE,      /* anybody but one, which runs when nobody else can */
    LEAT__SIM_ROUND_ROBIN, /* in turn, `interval` points each, most of the time */
    LEAT__SIM_STRATEGIES,
};

/* What operations look like: completed by the kernel, or made once a descriptor is ready. */
enum leat__sim_personality { LEAT__SIM_COMPLETES, LEAT__SIM_IS_READY, LEAT__SIM_PERSONALITIES };

/* All that a seed draws before it begins. Rates are of 1000. */
struct leat__sim_config {
    uint64_t seed;
    enum leat__sim_strategy    strategy;
    enum leat__sim_personality personality;
    uint32_t  interval;   /* points between two decisions, about */
    uint32_t  length;     /* PCT: points among which those of change are drawn */
    leat_time tick;       /* that a look at the clock takes */
    unsigned  workers;    /* 1 to 8; for a leat_run that does not say */
    unsigned  capacity;   /* 1 to 64; for scenarios: of what has one */
    unsigned  size;       /* 1 to 100; for scenarios: how much they do; shrinking lowers it */
    bool      watch;      /* the watching thread runs too */
    bool      fine;       /* relaxed loads and stores are decision points too */
    bool      barrier;    /* the kernel has membarrier(2); else there are no stand-ins for hogs */
    uint32_t  spurious;   /* futex waits that end for no reason */
    uint32_t  no_memory;  /* the runtime's allocations that fail */
    uint32_t  no_thread;  /* threads that can't be started */
    uint32_t  io_error, io_short, io_late; /* operations: an errno, less than asked, much later */
    uint32_t  reorder;    /* completions that are delivered before older ones */
    uint32_t  stall;      /* decisions at which the thread that runs is not run for a while */
    uint32_t  death;      /* jobs of the process pool in whose worker something happens */
    leat_time faults_end; /* from then on there are none: virtual time */
    uint64_t  steps_max;  /* points without a move of the clock: more is a livelock */
    uint64_t  points_max; /* points in all, and .. */
    leat_time time_max;   /* .. virtual time behind faults_end: by then all is over, or it failed */
    uint64_t  cancel_at;  /* cancel.c: the number of the park at which to cancel; 0: none */
    leat_time deadline;   /* cancel.c: of the body's scope; 0: none */
    uint64_t  fault_at;   /* world_op.c: the number of the I/O call that fails; 0: none */
    uint32_t  fault_kind; /* .. in which of its ways, from 0 */
};

#define LEAT__SIM_TEXT_BYTES  16384
#define LEAT__SIM_TRACE_LINES 64

struct leat__sim_outcome {
    int       result;    /* of fn, unless it failed */
    bool      failed;    /* the simulation found something; the process is not fit for another */
    uint64_t  hash;      /* of the trace */
    uint64_t  decisions; /* switches from one virtual thread to another */
    uint64_t  points;
    uint64_t  suspensions; /* that cancel.c counted */
    leat_time time;      /* virtual, at its end */
    char      text[LEAT__SIM_TEXT_BYTES]; /* what was found, and the end of the trace */
};

/* ---- running one seed ---- */

/* Everything from the seed. Faults are off (rates 0) in three seeds of four. */
void leat__sim_draw(struct leat__sim_config *config, uint64_t seed);

/* Run fn(arg) in a simulation, as the first virtual thread. One at a time, on a plain thread. */
void leat__sim_once(int (*fn)(void *arg), void *arg, const struct leat__sim_config *config,
                    struct leat__sim_outcome *outcome);

/* ---- in a simulation: for the rest of this room, and for scenarios ---- */

/* Does one run? */
static inline bool leat__sim_active(void)
{
    return leat__sim_on;
}

const struct leat__sim_config *leat__sim_config(void);

/* A number below n, by the seed, and part of the trace; 0 when n is 0 or no simulation runs. */
uint32_t leat__sim_choose(uint32_t n);

/* Does something of so many of 1000 happen now? Faults: never once faults_end has passed. */
bool leat__sim_fault(uint32_t rate);

/* Virtual time. Looking does not move it. */
leat_time leat__sim_now(void);

/* The same for who asks the time as a program does: that takes a tick. */
leat_time leat__sim_tick(void);

/* Time passes, and others may run. */
void leat__sim_pass(leat_time length);

/* Call fn(arg) at `when`, or as soon as may be when that is past. It must not block, and runs as
 * nobody: no decision points, leat__worker_current() is NULL. Events of one instant come in the
 * order in which they were asked for. Never fails (aborts without memory). */
void leat__sim_at(leat_time when, void (*fn)(void *arg), void *arg);

/* Stop the calling virtual thread until leat__sim_wake(on) or `deadline`. `what` is a constant, for
 * reports: "waits for a futex". Between the caller's last look and this call nothing can happen.
 * Returns 0, which may be a spurious wake if `spurious`, or -ETIMEDOUT. */
int leat__sim_block(const void *on, leat_time deadline, const char *what, bool spurious);

/* Make runnable up to `count` of those blocked on `on`, in an order drawn by the seed. */
void leat__sim_wake(const void *on, int count);

/* Let others go first: in loops that wait for another thread. */
void leat__sim_yield(void);

/* Something was found: the simulation ends here, with this sentence and the trace as its outcome.
 * Outside of a simulation it prints the sentence and aborts. */
_Noreturn void leat__sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2), cold));

/* Put a word of the room's own into the trace: `what` is a constant. (Faults: faults.h.) */
void leat__sim_note(const char *what, uint64_t number);

/* ---- virtual threads, for this room ---- */

/* Returns 0 or -EAGAIN, -ENOMEM. */
int  leat__sim_thread_start(struct leat__vthread **ret, const char *name, void (*fn)(void *arg),
                            void *arg);
void leat__sim_thread_join(struct leat__vthread *vthread);
void leat__sim_thread_detach(struct leat__vthread *vthread);

/* Of the virtual thread that runs; NULL in an event. */
struct leat__worker **leat__sim_worker_slot(void);
void                 *leat__sim_thread_memory(void);

#endif
