/* SPDX-License-Identifier: MIT */
/* The worker and the runtime's set of workers: the data model of this room on one page. Private to
 * runtime/sched.
 *
 * INVARIANTS
 *   I1  Only the worker's own thread touches its plain fields. What others touch: runq, fresh and
 *       lifo (thieves), inbox (producers), the shared fields of struct leat__sched.
 *   I2  After each switch the context that runs next calls leat__arrive before anything else: it
 *       commits the fiber that just parked and takes the stack of the one that just ended. So
 *       nobody can resume a fiber whose registers are not saved, or reuse a stack in use.
 *   I3  A fiber is in exactly one place: running, parked with whoever will ready it, or in one of
 *       lifo, runq, fresh, pinned, starved, next, an inbox, the injector, a class's queue.
 *   I4  What `upcoming` names is the ring's first, unless a thief has it, and the next to run when
 *       the running fiber gives way: that one is not special, nothing is in lifo, fresh, pinned or
 *       a class's queue, and turns are too short to be offered to others. Who changes any of this,
 *       or meets thieves at the ring, forgets it; each look around does.
 *   I5  A switch leaves the thread's C++ exceptions empty: a fiber that parks in a catch block
 *       takes them along, and none ends in one. So a new fiber needs no setting up. */
#ifndef LEAT_SCHED_WORKER_H
#define LEAT_SCHED_WORKER_H

#include "base/container.h"
#include "base/random.h"
#include "lockfree/deque.h"
#include "lockfree/idle.h"
#include "lockfree/inbox.h"
#include "lockfree/injector.h"
#include "lockfree/runq.h"
#include "lockfree/slot.h"
#include "platform/cpu.h"
#include "platform/thread.h"
#include "sched/sched.h"

#include <stdalign.h>

/* Readied tasks that run one after the other from the LIFO slot before the queue gets a turn. Two
 * tasks that ready each other would otherwise starve the rest. As Tokio's. */
#define LEAT__LIFO_RUN_MAX 3

/* A worker looks around (inbox, injector, timers, reactor) about this often, and when it has
 * nothing to run. */
#define LEAT__LOOK_NS 50000

/* Turns shorter than this are not worth another core: moving a task costs several cache misses and
 * its end a contended count, some 300 ns. And so little work in all is not worth a wake. */
#define LEAT__TURN_SHORT_NS 1000
#define LEAT__WAKE_NS       20000

/* A task that has spent its budget of operations (128) was talking to others all the while: if it
 * is moved, each of those costs a cache miss or two. So it counts as so many turns. */
#define LEAT__TALK_TURNS 16

/* How long a worker without work keeps looking before it sleeps, at most: as long as that has been
 * of use. In vain it is halved each time, down to nothing, since it would only burn CPU (and keep
 * the worker from its own reactor). Work that it found, or that would have come in that time while
 * it slept, brings it back. */
#define LEAT__SPIN_NS     (10 * LEAT_USEC)
#define LEAT__SPIN_NS_MIN (1 * LEAT_USEC)

/* For how long a worker looks at its inbox alone, when that was of use the last time: some 2 us,
 * in which another worker can answer. */
#ifndef LEAT__WATCH_PAUSES /* the model checker builds with less */
#define LEAT__WATCH_PAUSES 128
#endif

/* How often the sentinel looks whether somebody computes in front of a queue. */
#define LEAT__SENTINEL_NS 1000000

/* A worker that has not looked around for so long computes: relieved; looked for so often. */
#define LEAT__HOG_NS    (4 * LEAT_MSEC)
#define LEAT__RELIEF_NS (900 * LEAT_USEC) /* less than a sentinel's tick */

/* Fresh fibers moved by one raid, at most. */
#define LEAT__STEAL_MAX 128

/* Stacks a worker keeps hot; above, half of them go back to the source in one batch. */
#define LEAT__STACKS_HOT 64

/* Stacks whose pages are taken at once, 10 to 60 us: by a worker that would sleep, again and again;
 * by one that is never idle when it should have slept for so long. */
#define LEAT__STACKS_TRIM       32
#define LEAT__STACKS_OVERDUE_NS (20 * LEAT_MSEC)

/* Turns after which who was passed over for others gets one: normal fibers beside high ones, low
 * ones beside both. */
#ifndef LEAT__LOW_AGE /* the model checker builds with less */
#define LEAT__NORMAL_AGE 8
#define LEAT__LOW_AGE    64
#endif

/* Timers are not fired into a long queue more often than this. */
#define LEAT__FIRE_DELAY_NS (200 * LEAT_USEC)

struct leat__worker {
    struct leat__worker_face face; /* first: sched.h */

    /* touched at each switch */
    struct leat__slot    lifo;    /* the fiber readied last; also a thief's, where a turn is long */
    struct leat__fiber  *upcoming; /* I4; NULL: not known */
    unsigned             lifo_run;
    int                  turns_left; /* until the next look around */
    leat__commit_fn     *commit; /* NULL: it gave way, and goes last */
    void                *commit_arg;
    struct leat__fiber  *parking; /* I2: to be committed by the next context */
    struct leat__stack  *dead;    /* I2: to be taken by the next context */
    struct leat__stack  *hot;
    unsigned             hot_count;
    struct leat__fiber  *next; /* picked, but it takes the loop to start it */
    int                 *errno_at; /* where this thread's errno lives */
    bool                 alone;    /* no other worker, so no thieves */
    bool                 special; /* something may be in pinned, or in a class's queue */
    struct leat__batch   pinned; /* FIFO of fibers that no thief may have */
    struct leat__context context; /* of the loop */
    struct leat__context birth;   /* of a new fiber, whose own holds its brief: void once entered */
    /* the loop's */
    struct leat__sched  *sched;
    struct leat__poller *poller;
    struct leat__ticker *ticker;
    unsigned             normal_age, low_age; /* turns for which they were passed over */
    bool                 pinned_first; /* who had the last turn that both could have had */
    struct leat__batch   starved; /* new fibers for which no stack could be had */
    int                  turns;     /* between two looks around: adapts to LEAT__LOOK_NS */
    leat_time            spin_ns;   /* how long it looks on before it sleeps */
    bool                 searching; /* counted as such in sched->idle */
    bool                 watches;   /* its inbox, first of all, when it has nothing to run */
    bool                 guarded;   /* it was the sentinel until it awoke, or nearly so (idle.c) */
    bool                 sentinel;  /* it lies down as the sentinel */
    bool                 driven;    /* by leat__sched_step, on the thread of whoever calls that */
    bool                 resting;   /* driven: it counts as asleep until the next step */
    leat_time            due; /* of the next timer, as the ticker last said */
    leat_time            fired; /* when the ticker was last asked */
    leat_time            trim_at; /* when pages of stacks shall be taken; LEAT_NEVER: no need */
    leat_time            relieved; /* when it last looked for others that compute */
    struct leat__worker *raided; /* whom the work came from, until its turns were timed */
    unsigned             neighbour; /* which worker it looks at next: leat__raid_stalled */
    struct leat__random  random;
    struct leat__thread  thread;

    /* shared */
    alignas(64) LEAT_ATOMIC(leat_time) turn_ns; /* how long its turns are, about */
    LEAT_ATOMIC(uint64_t)  watched_looks; /* its looks around when a thief last asked, */
    LEAT_ATOMIC(leat_time) watched_since; /* and since when they are that many */
    LEAT_ATOMIC(uint64_t)  slot_turns; /* likewise: all its turns, */
    LEAT_ATOMIC(void *)    slot_item;  /* what was in its slot, */
    LEAT_ATOMIC(leat_time) slot_since; /* and since when these are the same */
    LEAT_ATOMIC(uint64_t)  looks_seen; /* likewise, for who relieves it */
    LEAT_ATOMIC(leat_time) looks_since;
    LEAT_ATOMIC(bool)      nudged; /* its next signal is to call poller->nudge */
    struct leat__inbox inbox;
    struct leat__runq  runq;  /* runnable, started */
    struct leat__deque fresh; /* spawned here, not started */
};

struct leat__sched {
    struct leat__worker *workers;
    unsigned             count;
    bool                 alone; /* one worker: no thieves */
    bool                 bind;
    bool                 signals; /* may be sent to the workers' threads */
    bool                 relief;  /* the kernel has the barrier that it needs */
    LEAT_ATOMIC(bool)    running; /* the threads' handles may be used */
    void                *runtime;
    leat__body_fn       *body;
    struct leat__cpus    cpus;
    struct leat__stacks  stacks;
    LEAT_ATOMIC(bool)    stopping;
    alignas(64) struct leat__injector injector;
    struct leat__injector classes[LEAT__CLASSES]; /* runnable fibers of others than the normal */
    alignas(64) struct leat__idle idle;
    LEAT_ATOMIC(void *) bell; /* to be rung by a worker that awakes; NULL: none */
    LEAT_ATOMIC(uint32_t) visitors; /* threads of others that are handing a fiber in */
    LEAT_ATOMIC(bool) asks; /* wake somebody for what is put into a slot: leat__offer_slot */
    LEAT_ATOMIC(uint32_t) asks_skip; /* awakenings between two that ask: leat__offer_slot */
    LEAT_ATOMIC(uint32_t) asks_left; /* and until the next one */
    LEAT_ATOMIC(bool) sentinel; /* a sleeper looks after queues every LEAT__SENTINEL_NS */
};

/* Does a fiber of a class wait? */
static inline bool leat__classes_wait(struct leat__sched *sched)
{
    return (leat__injector_len(&sched->classes[LEAT__CLASS_HIGH]) |
            leat__injector_len(&sched->classes[LEAT__CLASS_LOW])) > 0;
}

static inline struct leat__fiber *leat__fiber_of(struct leat__link *link)
{
    return link ? leat__container_of(link, struct leat__fiber, link) : NULL;
}

/* pick.c: where a fiber queues, and which runs next */
struct leat__fiber *leat__pick(struct leat__worker *worker);
void                leat__enqueue(struct leat__worker *worker, struct leat__fiber *fiber);
void                leat__keep_fresh(struct leat__worker *worker, struct leat__fiber *fiber);

/* worker.c: the loop */
void                leat__arrive(struct leat__worker *worker);
bool                leat__bind_stack(struct leat__worker *worker);
struct leat__fiber *leat__handed(struct leat__worker *worker); /* its inbox is not empty */
void                leat__worker_main(void *worker);
bool                leat__worker_step(struct leat__worker *worker,
                                      const struct leat__sched_step *step, leat_time *ret_due);
void                leat__fiber_main(void *stack);

/* idle.c: when a worker sleeps and who is woken */
void                leat__wake_one(struct leat__sched *sched);
void                leat__offer(struct leat__worker *worker);
void                leat__offer_class(struct leat__worker *worker);
void                leat__offer_slot(struct leat__worker *worker);
void                leat__found(struct leat__worker *worker);
void                leat__idle(struct leat__worker *worker);
bool                leat__idle_rest(struct leat__worker *worker, leat_time *ret_due);
void                leat__idle_rise(struct leat__worker *worker);
void                leat__wake_worker(struct leat__sched *sched, unsigned index);

/* search.c: what workers take from each other, and are handed */
struct leat__fiber *leat__search(struct leat__worker *worker);
struct leat__fiber *leat__watch_inbox(struct leat__worker *worker);
void                leat__raid_stalled(struct leat__worker *worker, leat_time now);
bool                leat__queued(struct leat__sched *sched);   /* is anything? */
bool                leat__takeable(struct leat__sched *sched); /* and would a search take it? */

/* relief.c: workers that compute for long */
void                leat__relieve(struct leat__worker *worker, leat_time now);
void                leat__signals_install(void); /* counted over the process */
void                leat__signals_remove(void);

#endif
