/* SPDX-License-Identifier: MIT */
/* A lane: one thread that computes, its deque of jobs, and in whose name it computes.
 *
 * The pool's threads have one each; a plain thread that computes has a guest's for as long; without
 * a pool there is a serial one, on the caller's stack, where every fork runs its job at once. */
#ifndef LEAT_COMPUTE_LANE_H
#define LEAT_COMPUTE_LANE_H

#include "lockfree/split.h"

#include <stdbool.h>
#include <stdint.h>

struct leat__compute;
struct leat__self;
struct leat__scope;
struct leat__grace;
struct leat__local_node;

/* In whose name jobs run: what leat_cancelled() answers for in them. It lives in the frame of who
 * entered it, who joins every job that was forked under it before it leaves. */
struct leat__root {
    struct leat__scope      *scope;
    unsigned                 shield;
    struct leat__grace      *guard;
    struct leat__local_node *locals;
    struct leat_job        **base;  /* where the jobs forked under it begin in the lane's slots */
    struct leat__root       *outer; /* of the same lane; NULL: none */
};

/* Put aside while a thread runs a job in another's name. */
struct leat__borrowed {
    struct leat__root root;
    struct leat__root was;
};

struct leat__lane {
    struct leat__split    split; /* first: a context is a lane */
    struct leat__compute *pool;  /* NULL: serial */
    struct leat__root    *root;
    uint64_t              dice; /* whom to visit next */
    uint32_t              index;
    bool                  guest; /* its thread is not the pool's */
    struct leat_job      *none[2]; /* the slots of a serial lane, none of which is used */
};

static inline struct leat__lane *leat__lane_of(struct leat_ctx *ctx)
{
    return (struct leat__lane *)(void *)ctx;
}

/* A job's state: 0 from when it is public, then these. The thief's lane stands above them. */
enum {
    LEAT__JOB_DONE = 1,
    LEAT__JOB_AWAITED = 2, /* its owner sleeps on the state */
    LEAT__JOB_TAKEN = 4,   /* and the number of the thief's lane is there */
    LEAT__JOB_LANE_SHIFT = 3,
};

#define leat__job_state(job) ((LEAT_ATOMIC(uint32_t) *)&(job)->leat__state)

/* A lane that runs everything at once. */
void leat__lane_init_serial(struct leat__lane *lane);

/* ---- fork.c ---- */

/* Look at every other lane once, from a random one on: take a job, or ask for some. Returns one
 * that was taken, NULL without. */
struct leat_job *leat__lane_steal(struct leat__lane *lane);

/* Has a job ended that was forked, or posted? Then what it did is seen. */
static inline bool leat__job_ended(struct leat_job *job)
{
    return load_acquire(leat__job_state(job)) & LEAT__JOB_DONE; /* fork.c, O1: pairs with end's */
}

/* Wait, on a thread that does not help, for the end of a job. */
void leat__job_await(struct leat_job *job);

/* Run a job that was taken, in its root's name, and end it. The job is gone when this returns. */
void leat__lane_run(struct leat__lane *lane, struct leat_job *job);

/* Around a function of the user's, which joins all that it forks. */
struct leat__mark {
    struct leat_job **head;
    uint32_t          over;
};
static inline struct leat__mark leat__lane_mark(const struct leat__lane *lane)
{
    return (struct leat__mark){ lane->split.ctx.leat__head, lane->split.over };
}
void leat__lane_check(const struct leat__lane *lane, struct leat__mark mark);

/* ---- root.c ---- */

/* Let the calling thread, which has this lane, compute in root's name; and end that. */
void leat__root_borrow(struct leat__borrowed *borrowed, struct leat__lane *lane,
                       const struct leat__root *root);
void leat__root_return(struct leat__borrowed *borrowed, struct leat__lane *lane);

/* The calling thread goes on in its own name: jobs that it forks from here on run in that one. */
void leat__root_enter(struct leat__root *root, struct leat__lane *lane);
void leat__root_leave(struct leat__root *root, struct leat__lane *lane);

/* ---- pool.c ---- */

/* The lanes that were ever used, from 0 on: all-zero ones are among them for a moment. */
struct leat__lane *leat__compute_lane(struct leat__compute *pool, uint32_t index);
uint32_t leat__compute_lanes(struct leat__compute *pool);

/* After the owner of a lane has published and settled: wake a thread if one was asked for. */
void leat__compute_published(struct leat__compute *pool, struct leat__lane *lane);

/* Does a thread look for jobs, or will it soon? A hint. */
bool leat__compute_sought(struct leat__compute *pool);

/* The caller is about to sleep over a join, and has woken: another may take its place meanwhile. */
void leat__compute_vacate(struct leat__lane *lane);
void leat__compute_occupy(struct leat__lane *lane);

#endif
