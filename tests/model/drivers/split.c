/* SPDX-License-Identifier: MIT */
/* model: sources compute/fork.c
 * model: flags -DLEAT__SPLIT_SLOTS=2u -DLEAT__JOIN_SPIN_NS=0 -DLEAT__LOOKS=1
 *
 * The split deque, and what fork and join make of it: owner against thieves, on lanes without a
 * pool. Each job runs once, its results are seen by the join, and a join runs nothing else than
 * what the awaited job forked. */
#include "lockfree/atomic.h"
#define LEAT__JOB_PEEK(p) load_relaxed(p)
#include "compute/lane.h"
#include "model.h"
#include "platform/clock.h"

#include <string.h>

enum { LANES = 3, JOBS = 4 };

static struct leat__lane lanes[LANES];
static struct leat_job *slots[LANES][LEAT__SPLIT_SLOTS];
static struct leat__root root;
static uint32_t lanes_used;
static int awaiting; /* the thread that joins a job, and must not run strangers; 0: none */

static struct work {
    struct leat_job job;
    int             runs, by;
    struct work    *child;
    bool            strange; /* not forked by what is awaited */
} works[JOBS];

/* What the pool, the roots and the clock would do. */
leat_time leat__clock_now(void) { return 0; }
struct leat__lane *leat__compute_lane(struct leat__compute *pool, uint32_t i)
{
    (void)pool;
    return &lanes[i];
}
uint32_t leat__compute_lanes(struct leat__compute *pool)
{
    (void)pool;
    return lanes_used;
}
void leat__compute_published(struct leat__compute *pool, struct leat__lane *lane)
{
    (void)pool, (void)lane;
}
bool leat__compute_sought(struct leat__compute *pool)
{
    (void)pool;
    return false;
}
void leat__compute_vacate(struct leat__lane *lane) { (void)lane; }
void leat__compute_occupy(struct leat__lane *lane) { (void)lane; }
void leat__root_borrow(struct leat__borrowed *borrowed, struct leat__lane *lane,
                       const struct leat__root *of)
{
    borrowed->root = *of;
    borrowed->root.base = lane->split.ctx.leat__head;
    borrowed->root.outer = lane->root;
    lane->root = &borrowed->root;
}
void leat__root_return(struct leat__borrowed *borrowed, struct leat__lane *lane)
{
    lane->root = borrowed->root.outer;
}

static void run(struct leat_ctx *ctx, struct leat_job *job)
{
    struct work *work = (struct work *)(void *)job;

    model_check(!(work->strange && awaiting == model_self()));
    model_plain_write(work);
    model_check(++work->runs == 1);
    work->by = model_self();
    if (work->child) {
        leat_fork(ctx, &work->child->job, run);
        leat_join(ctx, &work->child->job, run);
        model_plain_read(work->child);
    }
}

static void fork_one(struct leat__lane *lane, int i)
{
    model_plain_write(&works[i]);
    leat_fork(&lane->split.ctx, &works[i].job, run);
}

static void join_one(struct leat__lane *lane, int i)
{
    leat_join(&lane->split.ctx, &works[i].job, run);
    model_plain_write(&works[i]);
    model_check(works[i].runs == 1);
}

static void reset(uint32_t used)
{
    memset(lanes, 0, sizeof lanes);
    memset(works, 0, sizeof works);
    root = (struct leat__root){ 0 };
    lanes_used = used;
    awaiting = 0;
    for (uint32_t i = 0; i < used; i++) {
        leat__split_init(&lanes[i].split, slots[i]);
        lanes[i].pool = (struct leat__compute *)(void *)lanes; /* any but NULL */
        lanes[i].root = &root;
        lanes[i].dice = 1 + i;
        lanes[i].index = i;
        leat__split_demand(&lanes[i].split);
    }
}

static void finish(uint32_t used)
{
    for (uint32_t i = 0; i < used; i++) {
        uint64_t word = load_relaxed(&lanes[i].split.word);

        model_check(!leat__split_has_public(word));
        model_check(lanes[i].split.ctx.leat__head == slots[i]);
        model_check(leat__split_split_of(word) == lanes[i].split.owner_split);
    }
}

static void steal_once(void *arg)
{
    struct leat__lane *lane = arg;
    struct leat_job *job = leat__lane_steal(lane);

    if (job)
        leat__lane_run(lane, job);
}

static void steal_twice(void *arg)
{
    steal_once(arg);
    steal_once(arg);
}

static void fork_two_join_two(void *arg)
{
    fork_one(arg, 0);
    fork_one(arg, 1);
    join_one(arg, 1);
    join_one(arg, 0);
}

MODEL_DRIVER(split_owner_and_thief_run_each_job_once, .preemptions = 3)
{
    reset(2);
    model_spawn(fork_two_join_two, &lanes[0]);
    model_spawn(steal_twice, &lanes[1]);
    model_run();
    finish(2);
}

MODEL_DRIVER(split_owner_and_two_thieves_run_each_job_once, .weak_preemptions = 1, .stale = 1)
{
    reset(3);
    model_spawn(fork_two_join_two, &lanes[0]);
    model_spawn(steal_once, &lanes[1]);
    model_spawn(steal_once, &lanes[2]);
    model_run();
    finish(3);
}

/* A slot is used again after what was stolen from it is joined. */
static void fork_again_and_again(void *arg)
{
    for (int i = 0; i < 3; i++) {
        fork_one(arg, i);
        join_one(arg, i);
    }
}

MODEL_DRIVER(split_slots_are_used_again_against_a_thief, .weak_preemptions = 2, .stale = 1)
{
    reset(2);
    model_spawn(fork_again_and_again, &lanes[0]);
    model_spawn(steal_twice, &lanes[1]);
    model_run();
    finish(2);
}

/* Three jobs and two slots: one runs in its fork. */
static void fork_three_join_three(void *arg)
{
    for (int i = 0; i < 3; i++)
        fork_one(arg, i);
    for (int i = 3; i-- > 0;)
        join_one(arg, i);
}

MODEL_DRIVER(split_full_deque_runs_the_job_in_its_fork)
{
    reset(2);
    model_spawn(fork_three_join_three, &lanes[0]);
    model_spawn(steal_twice, &lanes[1]);
    model_run();
    finish(2);
}

static void fork_parent(void *arg)
{
    fork_one(arg, 0);
    join_one(arg, 0);
}

MODEL_DRIVER(split_join_helps_its_thief_with_what_the_job_forked, .weak_preemptions = 2, .stale = 1)
{
    reset(2);
    works[0].child = &works[1];
    model_spawn(fork_parent, &lanes[0]);
    model_spawn(steal_once, &lanes[1]);
    model_run();
    model_check(works[1].runs == works[0].runs);
    finish(2);
}

/* The thief goes on to another's job, which forks; who waited for the first must not take that. */
static void fork_and_await(void *arg)
{
    fork_one(arg, 0);
    awaiting = model_self();
    leat_join(&((struct leat__lane *)arg)->split.ctx, &works[0].job, run);
    awaiting = 0;
}

static void steal_then_run_a_stranger(void *arg)
{
    struct leat__lane *lane = arg;
    struct leat_job *job = leat__lane_steal(lane);

    if (!job)
        return;
    leat__lane_run(lane, job);
    leat__split_demand(&lane->split);
    fork_one(lane, 2);
    join_one(lane, 2);
}

MODEL_DRIVER(split_join_runs_no_stranger, .preemptions = 4, .weak_preemptions = 3)
{
    reset(2);
    works[0].child = &works[1];
    works[2].strange = true;
    model_spawn(fork_and_await, &lanes[0]);
    model_spawn(steal_then_run_a_stranger, &lanes[1]);
    model_run();
}
