/* SPDX-License-Identifier: MIT */
/* Fork and join. */
#include "compute/lane.h"
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct fib {
    struct leat_job job;
    int             n;
    long            value;
};

static void fib(struct leat_ctx *ctx, struct leat_job *job)
{
    struct fib *f = leat_container(job, struct fib, job);

    if (f->n < 2) {
        f->value = f->n;
        return;
    }
    {
        struct fib left = { .n = f->n - 1 }, right = { .n = f->n - 2 };

        leat_fork(ctx, &left.job, fib);
        fib(ctx, &right.job);
        leat_join(ctx, &left.job, fib);
        f->value = left.value + right.value;
    }
}

LEAT_TEST_TASK(fork, a_tree_of_jobs_gives_the_sum_of_its_leaves)
{
    struct fib f = { .n = TEST_SLOWDOWN > 1 ? 20 : 27 };

    expect_ok(leat_compute_job(&f.job, fib));
    expect_eq(f.value, TEST_SLOWDOWN > 1 ? 6765L : 196418L);
}

LEAT_TEST(fork, a_plain_thread_without_a_runtime_computes_alone)
{
    struct fib f = { .n = 15 };

    expect_ok(leat_compute_job(&f.job, fib));
    expect_eq(f.value, 610L);
    expect_null(leat_compute_ctx());
}

enum { MANY = 20000 };

struct flat {
    struct leat_job job;
    int             count;
};

static void touch(struct leat_ctx *ctx, struct leat_job *job)
{
    (void)ctx;
    leat_container(job, struct flat, job)->count++;
}

/* More than the deque has room for: the rest runs in the fork. */
static int fork_many(void *arg)
{
    struct leat_ctx *ctx = leat_compute_ctx();
    struct flat *all = arg;

    for (int i = 0; i < MANY; i++)
        leat_fork(ctx, &all[i].job, touch);
    for (int i = MANY; i-- > 0;)
        leat_join(ctx, &all[i].job, touch);
    return 0;
}

LEAT_TEST_TASK(fork, more_jobs_than_fit_each_run_once)
{
    struct flat *all = calloc(MANY, sizeof *all);

    assert_true(all != NULL);
    for (int round = 1; round <= 20 / TEST_SLOWDOWN; round++) {
        expect_ok(leat_compute(fork_many, all));
        for (int i = 0; i < MANY; i++)
            assert_eq(all[i].count, round);
    }
    free(all);
}

/* A tree whose jobs take random time, so that thieves come and go, and which is nested in loops of
 * forks, so that joins find every state. */
struct bush {
    struct leat_job job;
    uint64_t        seed;
    int             depth;
    long            nodes;
};

static uint64_t step(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void grow(struct leat_ctx *ctx, struct leat_job *job)
{
    struct bush *bush = leat_container(job, struct bush, job);
    struct bush child[8];
    uint64_t seed = bush->seed;
    int children = bush->depth == 0 ? 0 : (int)(step(&seed) % 8);

    bush->nodes = 1;
    for (int i = 0; i < children; i++) {
        child[i].seed = step(&seed) | 1;
        child[i].depth = bush->depth - 1;
        leat_fork(ctx, &child[i].job, grow);
    }
    for (uint64_t spin = step(&seed) % (seed % 16 ? 64 : 4096); spin > 0; spin--)
        cpu_relax();
    for (int i = children; i-- > 0;) {
        leat_join(ctx, &child[i].job, grow);
        bush->nodes += child[i].nodes;
    }
}

static long count(uint64_t seed, int depth)
{
    int children = depth == 0 ? 0 : (int)(step(&seed) % 8);
    long nodes = 1;

    for (int i = 0; i < children; i++)
        nodes += count(step(&seed) | 1, depth - 1);
    return nodes;
}

static int grow_one(void *arg)
{
    struct bush bush = { .seed = *(uint64_t *)arg, .depth = 6 };
    int err = leat_compute_job(&bush.job, grow);

    return err ? err : bush.nodes == count(*(uint64_t *)arg, 6) ? 0 : -EDOM;
}

static int grow_bushes(void *arg)
{
    uint64_t seeds[8];

    for (int round = 0; round < 20 / TEST_SLOWDOWN; round++) {
        LEAT_SCOPE(scope);
        for (int i = 0; i < 8; i++) {
            seeds[i] = step(arg) | 1;
            expect_ok(leat_spawn(&scope, grow_one, &seeds[i]));
        }
        expect_ok(leat_scope_join(&scope));
    }
    return 0;
}

LEAT_TEST(fork, unbalanced_trees_from_several_tasks_are_counted_right)
{
    uint64_t seed = test_seed() | 1;

    for (unsigned threads = 1; threads <= 4; threads++)
        expect_ok(leat_run(grow_bushes, &seed,
                           LEAT_OPTIONS(.workers = 2, .compute_threads = threads)));
}

/* ---- in whose name ---- */

struct asker {
    struct leat_job job;
    LEAT_ATOMIC(int) *open;
    int              err;
};

static void ask_until_cancelled(struct leat_ctx *ctx, struct leat_job *job)
{
    struct asker *asker = leat_container(job, struct asker, job);

    (void)ctx;
    fetch_add_relaxed(asker->open, 1);
    while ((asker->err = leat_cancelled()) == 0)
        cpu_relax();
}

static int ask_on_two_threads(void *arg)
{
    struct leat_ctx *ctx = leat_compute_ctx();
    struct asker other = { .open = arg }, own = { .open = arg };

    leat_fork(ctx, &other.job, ask_until_cancelled);
    ask_until_cancelled(ctx, &own.job);
    leat_join(ctx, &other.job, ask_until_cancelled);
    expect_eq(own.err, other.err);
    return own.err;
}

static int call_ask(void *arg)
{
    return leat_compute(ask_on_two_threads, arg);
}

static int cancel_both(void *arg)
{
    LEAT_ATOMIC(int) open = 0;

    (void)arg;
    LEAT_SCOPE(scope);
    expect_ok(leat_spawn(&scope, call_ask, &open));
    while (load_relaxed(&open) < 2)
        expect_ok(leat_sleep(LEAT_MSEC));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    {
        LEAT_LIMIT(5 * LEAT_MSEC);
        expect_err(leat_compute(ask_on_two_threads, &open), -ETIMEDOUT);
    }
    return 0;
}

LEAT_TEST(fork, cancelled_answers_for_the_callers_scope_in_stolen_jobs_too)
{
    expect_ok(leat_run(cancel_both, NULL, LEAT_OPTIONS(.workers = 1, .compute_threads = 2)));
}

/* ---- errors ---- */

static int fail_at_the_leaf(struct leat_ctx *ctx, void *arg)
{
    int depth = *(int *)arg;
    struct leat_call_job left, right;
    int err, second, next = depth - 1;

    if (depth == 0)
        return -EDOM;
    leat_fork_call(ctx, &left, fail_at_the_leaf, &next);
    leat_fork_call(ctx, &right, fail_at_the_leaf, &next);
    err = leat_join_call(ctx, &right);
    second = leat_join_call(ctx, &left);
    expect_eq(err, second);
    return err;
}

static int call_failing(void *arg)
{
    (void)arg;
    return fail_at_the_leaf(leat_compute_ctx(), &(int){ 6 });
}

LEAT_TEST_TASK(fork, a_join_returns_the_jobs_error)
{
    expect_err(leat_compute(call_failing, NULL), -EDOM);
}

/* ---- plain threads ---- */

struct guest {
    struct leat_runtime *runtime;
    pthread_t            thread;
    int                  n;
    long                 value;
};

static int compute_as_guest(void *arg)
{
    struct guest *guest = arg;
    struct fib f = { .n = guest->n };

    fib(leat_compute_ctx(), &f.job);
    guest->value = f.value;
    return 3;
}

static void *run_guest(void *arg)
{
    struct guest *guest = arg;

    for (int i = 0; i < 20; i++)
        expect_eq(leat_compute_in(guest->runtime, compute_as_guest, guest), 3);
    return NULL;
}

/* More of them than there are lanes for guests. */
LEAT_TEST_TASK(fork, many_plain_threads_compute_with_the_pool_at_once)
{
    enum { GUESTS = 20 };
    struct guest guest[GUESTS];

    for (int i = 0; i < GUESTS; i++) {
        guest[i] = (struct guest){ .runtime = leat_runtime_current(), .n = 18 };
        assert_eq(pthread_create(&guest[i].thread, NULL, run_guest, &guest[i]), 0);
    }
    for (int i = 0; i < GUESTS; i++) {
        assert_eq(pthread_join(guest[i].thread, NULL), 0);
        expect_eq(guest[i].value, 2584L);
    }
}

struct posted {
    struct leat_posted posted;
    int                runs;
};

static void run_posted(struct leat_ctx *ctx, struct leat_job *job)
{
    struct fib f = { .n = 8 };

    fib(ctx, &f.job);
    leat_container(job, struct posted, posted.job)->runs += f.value == 21;
}

static void *post_many(void *arg)
{
    struct posted *all = calloc(1000, sizeof *all);

    for (int round = 0; round < 20 / TEST_SLOWDOWN; round++) {
        for (int i = 0; i < 1000; i++)
            expect_ok(leat_post(arg, &all[i].posted, run_posted));
        for (int i = 0; i < 1000; i++)
            leat_posted_wait(&all[i].posted);
        for (int i = 0; i < 1000; i++)
            expect_eq(all[i].runs, round + 1);
        if (test_failed())
            break;
    }
    free(all);
    return NULL;
}

LEAT_TEST_TASK(fork, posted_jobs_run_once_each)
{
    pthread_t thread[2];

    for (int i = 0; i < 2; i++)
        assert_eq(pthread_create(&thread[i], NULL, post_many, leat_runtime_current()), 0);
    for (int i = 0; i < 2; i++)
        assert_eq(pthread_join(thread[i], NULL), 0);
}

/* ---- bugs of the caller ---- */

static void nothing(struct leat_ctx *ctx, struct leat_job *job)
{
    (void)ctx;
    (void)job;
}

static int forget_a_join(void *arg)
{
    struct leat_job *job = arg;

    leat_fork(leat_compute_ctx(), job, nothing);
    return 0;
}

static int call_forget(void *arg)
{
    struct leat_job job;

    (void)arg;
    return leat_compute(forget_a_join, &job);
}

static void run_forget(void)
{
    (void)!leat_run(call_forget, NULL, LEAT_OPTIONS(.workers = 1, .compute_threads = 1));
}

LEAT_TEST(fork, a_job_that_is_never_joined_stops_the_program)
{
    expect_dies(run_forget, SIGABRT, "before it joined a job that it forked");
}
