/* SPDX-License-Identifier: MIT */
/* model: sources compute/pool.c compute/thread.c compute/fork.c lockfree/lock.c
 * model: flags -DLEAT__SPLIT_SLOTS=4u -DLEAT__LOOKS=1 -DLEAT__NAPS=0u -DLEAT__LOCK_SPINS=0
 *
 * Parking of the compute pool: what is forked or posted finds a thread, however the threads go to
 * sleep. The jobs here wait for each other, so that one that nobody comes for is a deadlock. The
 * pool's own threads are model threads that wait until they are started. */
#include "lockfree/atomic.h"
#define LEAT__JOB_PEEK(p) load_relaxed(p)
#include "compute/inside.h"
#include "model.h"
#include "platform/clock.h"
#include "platform/futex.h"
#include "task/runtime.h"
#include "task/self.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 2, JOBS = 3 };

static struct leat__compute *pool;
static struct leat__lane *lanes;
static struct leat_job **slots;

static struct member {
    int   thread; /* of the model */
    void (*fn)(void *arg);
    void *arg;
    bool  over;
    int   joiner;
} members[THREADS];
static int started;

/* ---- what other rooms would do ---- */

static struct leat__root root;
static leat_time now;
leat_time leat__clock_now(void) { return now += LEAT_SEC; }
void leat__runtime_adopt(struct leat__runtime *runtime) { (void)runtime; }
void leat__ctx_adopt(struct leat_ctx *ctx) { (void)ctx; }
void leat__offload_run(struct leat__offload *call) { (void)call; }
void leat__offload_refuse(struct leat__offload *call, int err) { (void)call, (void)err; }
int leat__offload_call(struct leat__offload_pool *port, int (*fn)(void *arg), void *arg)
{
    (void)port;
    return fn(arg);
}
void leat__root_borrow(struct leat__borrowed *borrowed, struct leat__lane *lane,
                       const struct leat__root *of)
{
    (void)borrowed, (void)of;
    lane->root = &root;
}
void leat__root_return(struct leat__borrowed *borrowed, struct leat__lane *lane)
{
    (void)borrowed, (void)lane;
}

/* A thread whose number is its handle: it waits to be started. */
static void member_main(void *arg)
{
    struct member *member = arg;

    while (!member->fn && !member->over)
        model_sleep();
    if (member->fn)
        member->fn(member->arg);
    member->over = true;
    if (member->joiner)
        model_wake(member->joiner);
}

int leat__thread_start(struct leat__thread *thread, const struct leat__thread_options *options,
                       void (*fn)(void *arg), void *arg)
{
    struct member *member = &members[started];

    (void)options;
    if (started == THREADS)
        return -EAGAIN;
    memcpy(&thread->handle, &started, sizeof started);
    started++;
    member->arg = arg;
    member->fn = fn;
    model_wake(member->thread);
    return 0;
}

void leat__thread_join(struct leat__thread *thread)
{
    int index = 0;

    memcpy(&index, &thread->handle, sizeof index);
    members[index].joiner = model_self();
    while (!members[index].over)
        model_sleep();
}

/* The program is over: stop the pool, and let those go that were never started. */
static void go_home(void)
{
    leat__compute_stop(pool);
    for (int i = 0; i < THREADS; i++) {
        members[i].over = true;
        if (members[i].thread)
            model_wake(members[i].thread);
    }
}

/* ---- jobs that meet ---- */

static LEAT_ATOMIC(uint32_t) arrived;

static void meet(uint32_t count)
{
    uint32_t seen = fetch_add_acq_rel(&arrived, 1) + 1;

    if (seen >= count)
        leat__futex_wake(&arrived, 10);
    for (; seen < count; seen = load_acquire(&arrived))
        leat__futex_wait(&arrived, seen, LEAT_NEVER);
}

static struct work {
    struct leat_job   job;
    struct leat__post post;
    uint32_t          count; /* meets so many */
    int               runs;
    struct work      *child;
} works[JOBS];

static void run(struct leat_ctx *ctx, struct leat_job *job)
{
    struct work *work = (struct work *)(void *)job;

    model_plain_write(work);
    work->runs++;
    if (work->child) {
        leat_fork(ctx, &work->child->job, run);
        meet(work->count);
        leat_join(ctx, &work->child->job, run);
    } else if (work->count) {
        meet(work->count);
    }
}

static struct leat__lane *enter(void)
{
    struct leat__lane *lane = leat__compute_enter(pool);

    lane->root = &root;
    return lane;
}

static void fork_and_meet(void *arg)
{
    struct leat__lane *lane = enter();

    (void)arg;
    works[0].count = 2;
    leat_fork(&lane->split.ctx, &works[0].job, run);
    meet(2);
    leat_join(&lane->split.ctx, &works[0].job, run);
    model_check(works[0].runs == 1);
    leat__compute_leave(pool, lane);
    go_home();
}

static void fork_twice(void *arg)
{
    struct leat__lane *lane = enter();

    (void)arg;
    for (uint32_t i = 0; i < 2; i++) {
        works[i].count = 2 * (i + 1);
        leat_fork(&lane->split.ctx, &works[i].job, run);
        meet(works[i].count);
        leat_join(&lane->split.ctx, &works[i].job, run);
        model_check(works[i].runs == 1);
    }
    leat__compute_leave(pool, lane);
    go_home();
}

static void post(int i)
{
    works[i].job.leat__fn = run;
    works[i].post.job = &works[i].job;
    model_plain_write(&works[i]);
    model_check(leat__compute_post(pool, &works[i].post) == 0);
}

/* A thread that is awake gets no wake, and one that computes answers nobody: so wait until the
 * other sleeps deeply. */
static void await_sleep(void)
{
    for (bool deep = false; !deep; cpu_relax()) {
        leat__lock(&pool->lock);
        deep = pool->deep > 0;
        leat__unlock(&pool->lock);
    }
}

/* The first is published for whoever asks, and taken back; who sleeps then must ask again. */
static void fork_small_then_meet(void *arg)
{
    struct leat__lane *lane = enter();

    (void)arg;
    post(2); /* so that there is a thread */
    leat__job_await(&works[2].job);
    leat_fork(&lane->split.ctx, &works[0].job, run);
    leat_join(&lane->split.ctx, &works[0].job, run);
    await_sleep();
    works[1].count = 2;
    leat_fork(&lane->split.ctx, &works[1].job, run);
    meet(2);
    leat_join(&lane->split.ctx, &works[1].job, run);
    leat__compute_leave(pool, lane);
    go_home();
}

static void post_two_and_wait(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++) {
        post(i);
        leat__job_await(&works[i].job);
        model_plain_read(&works[i]);
        model_check(works[i].runs == 1);
    }
    go_home();
}

/* The guest's job forks another and meets it. While the guest sleeps over its join, its place goes
 * to the second thread. */
static void fork_a_family(void *arg)
{
    struct leat__lane *lane = enter();

    (void)arg;
    works[0].child = &works[1];
    works[0].count = works[1].count = 2;
    leat_fork(&lane->split.ctx, &works[0].job, run);
    leat_join(&lane->split.ctx, &works[0].job, run);
    leat__compute_leave(pool, lane);
    go_home();
}

static void reset(unsigned places)
{
    started = 0;
    now = 0;
    memset(members, 0, sizeof members);
    memset(works, 0, sizeof works);
    store_relaxed(&arrived, 0);
    pool = model_alloc(sizeof *pool + THREADS * sizeof pool->threads[0]);
    lanes = model_alloc((THREADS + LEAT__GUESTS) * sizeof *lanes);
    slots = model_alloc((THREADS + LEAT__GUESTS) * LEAT__SPLIT_SLOTS * sizeof *slots);
    leat__compute_init(pool, places, THREADS, lanes, slots);
}

static void start(void (*program)(void *))
{
    model_spawn(program, NULL);
    for (int i = 0; i < THREADS; i++)
        members[i].thread = model_spawn(member_main, &members[i]);
    model_run();
}

MODEL_DRIVER(parking_fork_finds_a_thread, .weak_preemptions = 1, .stale = 1)
{
    reset(2);
    start(fork_and_meet);
}

MODEL_DRIVER(parking_second_fork_finds_the_sleeper, .preemptions = 1, .weak_preemptions = 1,
             .stale = 1)
{
    reset(2);
    start(fork_twice);
}

MODEL_DRIVER(parking_posts_are_run, .weak_preemptions = 1, .stale = 1)
{
    reset(1);
    start(post_two_and_wait);
}

MODEL_DRIVER(parking_fork_after_one_that_nobody_took, .preemptions = 1,
             .weak_preemptions = 1, .stale = 1)
{
    reset(2);
    start(fork_small_then_meet);
}

MODEL_DRIVER(parking_join_that_sleeps_gives_its_place_away, .preemptions = 1,
             .weak_preemptions = 1, .stale = 1)
{
    reset(2);
    start(fork_a_family);
}
