/* SPDX-License-Identifier: MIT */
/* The scheduler's two verbs and what a runtime needs to start and stop it. Which task runs where,
 * and when a worker sleeps, is decided in this room and nowhere else. */
#ifndef LEAT_SCHED_SCHED_H
#define LEAT_SCHED_SCHED_H

#include "base/probe.h"
#include "platform/exceptions.h"
#include "sched/current.h"
#include "sched/fiber.h"
#include "sched/poller.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct leat__sched;
struct leat__worker;

/* Runs in the next context, when `fiber` is saved: publish it and return true, or return false to
 * have it made ready at once. After publishing it must not touch the fiber's stack. */
typedef bool leat__commit_fn(struct leat__fiber *fiber, void *arg);

/* Runs a fiber's whole life, on this stack: sets its self and sched, then its state to RUNNING, and
 * in the end to ENDED. */
typedef void leat__body_fn(struct leat__fiber *fiber, struct leat__stack *stack);

/* Suspend the running fiber until somebody readies it. Fiber only. */
void leat__park(leat__commit_fn *commit, void *arg);

/* Make a parked fiber runnable; exactly one call per park. Any thread. */
void leat__ready(struct leat__fiber *fiber);

/* The same two for who has the current worker at hand. */
void leat__park_on(struct leat__worker *worker, leat__commit_fn *commit, void *arg);
void leat__ready_on(struct leat__worker *worker, struct leat__fiber *fiber);

/* Queue a fiber that never ran. Any thread of the process. */
void leat__start(struct leat__sched *sched, struct leat__fiber *fiber);

/* The running fiber is about to park for what somebody else is to do: look on for that for some
 * 2 us instead, where nothing else is to run here, and others hand this worker its fibers (then
 * that is how long they take). A turn; spares both sides a park, a claim and a wake. Returns
 * whether there(arg) said yes. Any thread. */
bool leat__watch_for(bool (*there)(void *arg), void *arg);

/* Let other runnable fibers go first; outside of a fiber, other threads. */
void leat__give_way(void);

/* Take the newest fiber that was started by this worker, if nobody runs it yet and it is of this
 * group, counting a turn; NULL when there is none, or when it is time for the worker to look
 * around. The caller runs it in place, on its own stack, or hands it back with leat__start. Fiber
 * only. */
struct leat__fiber *leat__take_fresh(const void *group);

/* A stack for the caller to run a coroutine on, NULL when there is none to be had; and back, from
 * any thread. Borrowing: fiber only. */
struct leat__stack *leat__sched_borrow_stack(void);
void leat__sched_return_stack(struct leat__sched *sched, struct leat__stack *stack);

/* Has the worker run its turns, so that the next leat__give_way lets it look around? Fiber only. */
bool leat__look_due(void);

/* A place where a worker says which object it is inside of, alone (chan/bias.h); NULL for most of
 * the time. It is never freed, only given to another worker when this one has ended: who still
 * knows the address may look at it. */
struct leat__inside {
    alignas(64) LEAT_ATOMIC(const void *) object;
    struct leat__inside *next; /* of those that no worker has */
};

/* For a worker that begins, NULL without memory; and back when it has ended. */
struct leat__inside *leat__inside_get(void);
void                 leat__inside_put(struct leat__inside *inside);

/* What the rooms above may see of a worker: its first fields. Touched at each operation, so reading
 * them is no call. */
struct leat__worker_face {
    struct leat__fiber *running; /* NULL: the loop on the thread's own stack */
    void               *runtime;
    void               *slot;   /* where the task room hangs its memory */
    leat_time           looked; /* a recent "now" */
    struct leat__exceptions *exceptions_at; /* where this thread has C++'s; NULL: no C++ */
    struct leat__inside *inside;
    unsigned            index;
    unsigned            talks; /* budgets spent since the worker last looked around */
    struct leat__probe  probe;
};

/* Memory of the calling thread, all-zero at its start, for what the task room keeps of a plain
 * thread. On a worker it is nobody's: a fiber would find another on the next one. */
#define LEAT__THREAD_BYTES 512
void *leat__thread_memory(void);

static inline struct leat__worker_face *leat__worker_face(const struct leat__worker *worker)
{
    return (struct leat__worker_face *)(uintptr_t)worker;
}

/* NULL for no worker. */
static inline struct leat__inside *leat__worker_inside(const struct leat__worker *worker)
{
    return worker ? leat__worker_face(worker)->inside : NULL;
}

/* The fiber that runs now, NULL outside of one. */
static inline struct leat__fiber *leat__fiber_current(void)
{
    struct leat__worker *worker = leat__worker_current();

    return worker ? leat__worker_face(worker)->running : NULL;
}

static inline unsigned leat__worker_index(const struct leat__worker *worker)
{
    return leat__worker_face(worker)->index;
}

static inline void *leat__worker_runtime(const struct leat__worker *worker)
{
    return leat__worker_face(worker)->runtime;
}

static inline leat_time leat__worker_looked(const struct leat__worker *worker)
{
    return leat__worker_face(worker)->looked;
}

/* Is the running fiber in a C++ catch block, or in a destructor that an exception runs? */
static inline bool leat__worker_in_catch(const struct leat__worker *worker)
{
    return leat__exceptions_open(leat__worker_face(worker)->exceptions_at);
}

static inline struct leat__probe *leat__worker_probe(struct leat__worker *worker)
{
    return &leat__worker_face(worker)->probe;
}

/* A number that is another one after each turn of the worker. Any thread. */
static inline uint64_t leat__worker_turns(const struct leat__worker *worker)
{
    const struct leat__probe *probe = &leat__worker_face(worker)->probe;

    return leat__probe_read(&probe->switches) + leat__probe_read(&probe->yields) +
           leat__probe_read(&probe->rotations) + leat__probe_read(&probe->finishes) +
           leat__probe_read(&probe->turns) + leat__probe_read(&probe->sleeps);
}

static inline void **leat__worker_slot(struct leat__worker *worker)
{
    return &leat__worker_face(worker)->slot;
}

struct leat__sched  *leat__worker_sched(const struct leat__worker *worker);
struct leat__poller *leat__worker_poller(const struct leat__worker *worker);
struct leat__ticker *leat__worker_ticker(const struct leat__worker *worker);
struct leat__random *leat__worker_random(struct leat__worker *worker);
void                *leat__sched_runtime(const struct leat__sched *sched);
unsigned             leat__sched_workers(const struct leat__sched *sched);
struct leat__worker *leat__sched_worker(const struct leat__sched *sched, unsigned index);

/* Starting and stopping, for the run room. */
struct leat__sched_options {
    unsigned workers;
    bool     bind; /* worker i to the i-th CPU of the process's mask */
    bool     signals; /* may be sent to the workers' threads */
    size_t   stack_bytes;
    uint64_t seed;
    void    *runtime;
    leat__body_fn *body;
    struct leat__poller **pollers; /* one per worker */
    struct leat__ticker **tickers;
    bool driven; /* the first worker has no thread: the creator's steps are it */
};

int  leat__sched_create(struct leat__sched **ret, const struct leat__sched_options *options);
int  leat__sched_start(struct leat__sched *sched);  /* starts the threads */
void leat__sched_stop(struct leat__sched *sched);   /* every fiber has ended: end threads, join */
void leat__sched_destroy(struct leat__sched *sched);

/* One step of the driven worker, on the thread that started the scheduler, which must not be a
 * worker at the time: run what is runnable, without sleeping, until `until` or until nothing is. */
struct leat__sched_step {
    leat_time until; /* looked at between turns */
    void (*settle)(void *arg); /* before the last look at the reactor: what comes from here on is
                                  told by the descriptors that the reactor was watched by */
    void *arg;
};

/* Returns false when work is left; or true: there was none, *ret_due is when it must be called
 * again at the latest, and a wake of the poller says that it must be sooner. */
bool leat__sched_step(struct leat__sched *sched, const struct leat__sched_step *step,
                      leat_time *ret_due);

void leat__sched_probe(const struct leat__sched *sched, struct leat__probe *ret); /* sum */

/* For whoever watches from outside of the workers. */
unsigned leat__sched_awake(struct leat__sched *sched); /* workers, at this instant */

/* Do all workers sleep? Then *movement is a number that is another one after any of them did
 * anything, and all that they wrote before they went to sleep is visible to the caller. */
bool     leat__sched_is_still(struct leat__sched *sched, uint64_t *movement);

/* Look who computes, and see to it that others notice (relief.c). Returns whether any does. */
bool leat__sched_notice(struct leat__sched *sched, leat_time now);

/* The workers' threads take one signal. Send it; false: it may not be sent. What its handler calls
 * on the worker's thread, besides what sched itself wants there; async-signal-safe. */
#define LEAT__WATCH_SIGNAL SIGURG
typedef void leat__sampler_fn(struct leat__worker *worker, void *context);
bool leat__sched_signal(struct leat__sched *sched, unsigned index);
void leat__sched_sample_by(leat__sampler_fn *fn);

/* Ask the next worker that awakes to set *bell (an atomic of 32 bits) to 1 and wake the futex
 * there, once. Returns false, and asks nothing, when one is awake. */
bool leat__sched_ring_me(struct leat__sched *sched, void *bell);
bool leat__sched_is_quiet(struct leat__sched *sched); /* asked, and nobody has rung yet */

const char *leat__sched_guard(const struct leat__sched *sched); /* how stacks are guarded */
uint64_t leat__sched_unguarded(struct leat__sched *sched); /* stacks used without */

#endif
