/* SPDX-License-Identifier: MIT */
/* R18 for the pools: cancels and the end of the runtime at random instants, with forks, loops,
 * sorts, blocking calls, owned ones and process jobs under way, from tasks, scopes in scopes and a
 * plain thread. Each call is accounted for once, and nothing is left. */
#include "base/random.h"
#include "harness/test.h"

#include <leat/leat.h>
#include <leat/procs.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A round takes some milliseconds; ten times what was seen on a loaded machine. */
#define DEADLINE (10 * LEAT_SEC)

struct plant {
    uint64_t             seed;
    leat_time            life;
    struct leat_procs   *procs; /* NULL: none in this round */
    struct leat_runtime *runtime;
    pthread_t            outside; /* sees the end of the runtime */
    atomic_long          spawned, ended;
    atomic_long          entered, left;  /* of functions on pools' threads */
    atomic_long          owned, dropped; /* values given away; and freed */
    atomic_long          answers, refusals; /* of process jobs */
    atomic_long          posted, ran;
    atomic_int           wrong;
};

static int end(struct plant *plant, int result)
{
    atomic_fetch_add(&plant->ended, 1);
    if (result != 0 && result != -ECANCELED && result != -ETIMEDOUT)
        atomic_fetch_add(&plant->wrong, 1);
    return 0;
}

/* ---- forks ---- */

struct tree {
    struct leat_job job;
    struct plant   *plant;
    int             depth;
    long            leaves;
};

static void climb(struct leat_ctx *ctx, struct leat_job *job)
{
    struct tree *tree = leat_container(job, struct tree, job);
    struct tree left = { .plant = tree->plant, .depth = tree->depth - 1 }, right = left;

    tree->leaves = 1;
    if (tree->depth == 0 || leat_cancelled())
        return;
    atomic_fetch_add(&tree->plant->entered, 1);
    leat_fork(ctx, &left.job, climb);
    climb(ctx, &right.job);
    leat_join(ctx, &left.job, climb);
    tree->leaves = left.leaves + right.leaves;
    atomic_fetch_add(&tree->plant->left, 1);
}

static int fork_trees(void *arg)
{
    int err = 0;

    for (int i = 0; i < 20 && !err; i++) {
        struct tree tree = { .plant = arg, .depth = 11 };

        err = leat_compute_job(&tree.job, climb);
        if ((err == 0) != (tree.leaves > 0))
            err = -EBADMSG;
    }
    return end(arg, err);
}

/* ---- loops and sorts ---- */

static int visit(void *data, size_t begin, size_t end)
{
    _Atomic unsigned char *marks = data;

    for (size_t i = begin; i < end; i++)
        marks[i]++;
    return 0;
}

static int loop_around(void *arg)
{
    enum { ITEMS = 40000 };
    unsigned char *marks = calloc(ITEMS, 1);
    int err = 0, want = 0;

    for (; marks && want < 50 && !err; want++) {
        err = leat_parallel_for(0, ITEMS, visit, marks);
        for (int i = 0; i < ITEMS; i++)
            if (marks[i] > want + 1 || (!err && marks[i] != want + 1)) {
                err = -EBADMSG;
                break;
            }
    }
    free(marks);
    return end(arg, err);
}

static int sort_again(void *arg)
{
    enum { KEYS = 20000 };
    uint32_t *keys = malloc(KEYS * sizeof *keys);
    int err = 0;

    for (int round = 0; keys && round < 50 && !err; round++) {
        for (uint32_t i = 0; i < KEYS; i++)
            keys[i] = i * UINT32_C(2654435761);
        err = leat_parallel_sort_uint32(keys, KEYS);
        for (uint32_t i = 1; i < KEYS; i++)
            if (err ? keys[i] != i * UINT32_C(2654435761) : keys[i - 1] > keys[i]) {
                err = -EBADMSG; /* half a sort */
                break;
            }
    }
    free(keys);
    return end(arg, err);
}

/* ---- blocking calls ---- */

static int block(void *arg)
{
    struct plant *plant = arg;

    atomic_fetch_add(&plant->entered, 1);
    usleep(300);
    atomic_fetch_add(&plant->left, 1);
    return 0;
}

static int block_again(void *arg)
{
    int err = 0;

    for (int i = 0; i < 1000 && !err; i++)
        err = leat_blocking(block, arg);
    return end(arg, err);
}

struct gift {
    struct plant *plant;
    void         *memory;
};

static int use_gift(void *value)
{
    usleep(300);
    memset(((struct gift *)value)->memory, 1, 100);
    return 0;
}

static void drop_gift(void *value)
{
    struct gift *gift = value;

    free(gift->memory);
    atomic_fetch_add(&gift->plant->dropped, 1);
}

static int give_away(void *arg)
{
    int err = 0;

    for (int i = 0; i < 1000 && !err; i++) {
        struct gift gift = { arg, malloc(100) };

        atomic_fetch_add(&gift.plant->owned, 1);
        err = leat_blocking_owned(use_gift, &gift, sizeof gift, drop_gift);
        if (!err)
            drop_gift(&gift);
    }
    return end(arg, err);
}

/* ---- process jobs ---- */

LEAT_REMOTE(rest_or_die)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    uint32_t number;

    if (in_bytes < sizeof number)
        return -EINVAL;
    memcpy(&number, in, sizeof number);
    usleep(number % 700);
    if (number % 16 == 0)
        _exit(3);
    return leat_reply_write(reply, in, in_bytes);
}

static int call_processes(void *arg)
{
    struct plant *plant = arg;
    struct leat_reply reply = { 0 };
    static unsigned char zeros[50000];
    int err = 0;

    for (uint32_t i = 1; i < 1000 && (!err || err == -ECHILD); i++) {
        uint32_t number = (uint32_t)plant->seed + i;
        bool large = number % 8 == 1;

        err = leat_procs_call(plant->procs, rest_or_die, large ? (const void *)zeros : &number,
                              large ? sizeof zeros : sizeof number, &reply);
        if (err == 0 && reply.bytes != (large ? sizeof zeros : sizeof number))
            err = -EBADMSG;
        atomic_fetch_add(err ? &plant->refusals : &plant->answers, 1);
    }
    leat_reply_fini(&reply);
    return end(plant, err == -ECHILD ? 0 : err);
}

/* ---- from outside ---- */

struct post {
    struct leat_posted posted;
    struct plant      *plant;
};

static void run_post(struct leat_ctx *ctx, struct leat_job *job)
{
    (void)ctx;
    atomic_fetch_add(&leat_container(job, struct post, posted.job)->plant->ran, 1);
}

static void *post_until_the_end(void *arg)
{
    struct plant *plant = arg;
    bool over = false;

    while (!over) {
        struct post post[8];
        int count = 0;

        for (; count < 8 && !over; count += !over) {
            post[count].plant = plant;
            over = leat_post(plant->runtime, &post[count].posted, run_post) != 0;
        }
        atomic_fetch_add(&plant->posted, count);
        while (count-- > 0)
            leat_posted_wait(&post[count].posted);
    }
    leat_runtime_release(plant->runtime);
    return NULL;
}

/* ---- a round ---- */

static leat_task_fn *const kinds[] = { fork_trees,  loop_around, sort_again,
                                       block_again, give_away,   call_processes };
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void start(struct plant *plant, struct leat_scope *scope, leat_task_fn *fn)
{
    if (fn == call_processes && !plant->procs)
        fn = give_away;
    if (leat_spawn(scope, fn, plant) == 0)
        atomic_fetch_add(&plant->spawned, 1);
}

/* Cancelled by its own hand, in the middle. */
static int cancel_inside(void *arg)
{
    struct plant *plant = arg;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    for (int i = 0; i < KINDS; i++)
        start(plant, &scope, kinds[i]);
    (void)leat_sleep(plant->life / 3);
    leat_scope_cancel(&scope);
    (void)leat_scope_join(&scope);
    return end(plant, 0);
}

static void grow(struct plant *plant, struct leat__random *random)
{
    int many = 4 + (int)leat__random_below(random, 12);
    LEAT_SCOPE(scope, .deadline = leat_after(plant->life));

    for (int i = 0; i < many; i++) {
        uint64_t kind = leat__random_below(random, KINDS + 1);

        start(plant, &scope, kind < KINDS ? kinds[kind] : cancel_inside);
    }
    if (leat__random_below(random, 3) == 0)
        (void)leat_sleep(plant->life / 2); /* and the block's end cancels */
    else
        (void)leat_scope_join(&scope);
}

static int live(void *arg)
{
    struct plant *plant = arg;
    struct leat_procs_stats stats;
    struct leat__random random;
    bool with_procs = plant->seed % 4 == 0;

    leat__random_init(&random, plant->seed);
    plant->life = (leat_time)leat__random_below(&random, 6 * LEAT_MSEC);
    if (with_procs)
        expect_ok(leat_procs_open(&plant->procs, LEAT_PROCS_OPTIONS(.workers = 2)));
    plant->runtime = leat_runtime_current();
    leat_runtime_hold(plant->runtime);
    expect_eq(pthread_create(&plant->outside, NULL, post_until_the_end, plant), 0);
    grow(plant, &random);
    if (with_procs) {
        leat_procs_stats_read(plant->procs, &stats);
        /* What is refused at once is no call; each call has one end. */
        expect_le(stats.calls, (uint64_t)(atomic_load(&plant->answers) +
                                          atomic_load(&plant->refusals)));
        expect_eq(stats.returned + stats.failed, stats.calls);
        expect_eq(stats.returned, (uint64_t)atomic_load(&plant->answers));
        leat_procs_close(plant->procs);
    }
    return 0;
}

static bool shut_down(uint64_t seed)
{
    struct leat__random random;
    struct plant plant = { .seed = seed };
    struct leat_options options = { .size = sizeof options, .log_level = LEAT_LOG_ERROR };
    leat_time begin = leat_now();
    int fds = test_count_fds();
    siginfo_t info;

    leat__random_init(&random, ~seed);
    options.workers = 1 + (unsigned)leat__random_below(&random, 2);
    options.reactor = leat__random_below(&random, 2) ? LEAT_REACTOR_EPOLL : LEAT_REACTOR_AUTO;
    options.compute_threads = 1 + (unsigned)leat__random_below(&random, 3);
    options.blocking_max = 1 + (unsigned)leat__random_below(&random, 6);
    expect_ok(leat_run(live, &plant, &options));
    expect_eq(pthread_join(plant.outside, NULL), 0);
    expect_lt(leat_now() - begin, DEADLINE * TEST_SLOWDOWN);
    expect_eq(atomic_load(&plant.ended), atomic_load(&plant.spawned));
    expect_eq(atomic_load(&plant.left), atomic_load(&plant.entered));
    expect_eq(atomic_load(&plant.dropped), atomic_load(&plant.owned));
    expect_eq(atomic_load(&plant.ran), atomic_load(&plant.posted));
    expect_eq(atomic_load(&plant.wrong), 0);
    expect_eq(test_count_fds(), fds);
    expect_eq(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1); /* no zombie */
    if (test_failed())
        printf("seed %llu\n", (unsigned long long)seed);
    return !test_failed();
}

LEAT_TEST(R18, pools_at_any_instant_end_every_call_once)
{
    size_t rounds = test_rounds(200, 5000), done = 0;
    int threads = test_count_threads();
    uint64_t seed = test_seed();

    for (; done < rounds && shut_down(seed + done); done++)
        ;
    if (TEST_SLOWDOWN == 1) /* sanitizers keep threads of their own */
        expect_eq(test_count_threads(), threads);
    printf("R18 pools shutdowns=%zu fail=%d\n", done, test_failed());
}
