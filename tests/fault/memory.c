/* SPDX-License-Identifier: MIT */
/* R5: memory runs out at the n-th allocation, for every n, while a pool is started and used. What
 * then comes back is an error that the headers name or the right result; nothing hangs, crashes,
 * leaks, or is lost. Each scenario is swept again and again: what leaks at one n grows by a block a
 * sweep. */
#include "fault/failing.h"
#include "harness/test.h"

#include <leat/leat.h>
#include <leat/procs.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 60000, TASKS = 4 };

static int run(int (*fn)(void *arg), void *arg)
{
    return leat_run(fn, arg,
                    LEAT_OPTIONS(.workers = 1, .compute_threads = 2, .blocking_max = 4,
                                 .log_level = LEAT_LOG_ERROR));
}

/* ---- calls of the compute and the blocking pool, by several tasks ---- */

static atomic_int calls, ended;

static int note_call(void *arg)
{
    (void)arg;
    atomic_fetch_add(&calls, 1);
    usleep(50);
    return 0;
}

/* A call that returned 0 was made, and one that returned an error was not. */
static int call_of(int (*pool)(int (*fn)(void *arg), void *arg))
{
    int made = 0, err = 0;

    for (int i = 0; i < 3 && !err; i++) {
        err = pool(note_call, NULL);
        made += !err;
    }
    atomic_fetch_add(&ended, made);
    return err;
}

static int compute_some(void *arg)
{
    (void)arg;
    return call_of(leat_compute);
}

static int block_some(void *arg)
{
    (void)arg;
    return call_of(leat_blocking);
}

static int from_tasks(void *arg)
{
    int (*const *fn)(void *) = arg;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    for (int i = 0; i < TASKS; i++)
        leat_spawn(&scope, *fn, NULL);
    return leat_scope_join(&scope);
}

static int call_from_tasks(int (*fn)(void *))
{
    int err;

    atomic_store(&calls, 0);
    atomic_store(&ended, 0);
    err = run(from_tasks, &fn);
    expect_eq(atomic_load(&calls), atomic_load(&ended));
    return err;
}

static int compute_calls(void)
{
    return call_from_tasks(compute_some);
}

LEAT_TEST(R5, compute_calls_fail_or_are_made)
{
    failing_sweep("compute_calls", compute_calls, 4, 40);
}

static int blocking_calls(void)
{
    return call_from_tasks(block_some);
}

LEAT_TEST(R5, blocking_calls_fail_or_are_made)
{
    failing_sweep("blocking_calls", blocking_calls, 4, 40);
}

/* ---- calls that own what they were given ---- */

static atomic_int dropped;

static int note_owned(void *value)
{
    return note_call(value);
}

static void drop(void *value)
{
    atomic_fetch_add(&dropped, 1);
    free(*(void **)value);
}

static int own_some(void *arg)
{
    int err = 0;

    (void)arg;
    for (int i = 0; i < 3 && !err; i++) {
        void *value = malloc(10);

        if (!value)
            return -ENOMEM;
        atomic_fetch_add(&ended, 1);
        err = leat_blocking_owned(note_owned, &value, sizeof value, drop);
        if (!err)
            drop(&value);
    }
    return err;
}

static int owned_calls(void)
{
    int (*fn)(void *) = own_some;
    int err;

    atomic_store(&dropped, 0);
    atomic_store(&ended, 0);
    err = run(from_tasks, &fn);
    expect_eq(atomic_load(&dropped), atomic_load(&ended));
    return err;
}

LEAT_TEST(R5, owned_values_are_dropped_once)
{
    failing_sweep("owned_calls", owned_calls, 4, 40);
}

/* ---- fork and join, loops, reductions, scans, sorts ---- */

struct count {
    struct leat_job job;
    int             depth;
    long            leaves;
};

static void count_leaves(struct leat_ctx *ctx, struct leat_job *job)
{
    struct count *count = leat_container(job, struct count, job);
    struct count left = { .depth = count->depth - 1 }, right = left;

    if (count->depth == 0) {
        count->leaves = 1;
        return;
    }
    leat_fork(ctx, &left.job, count_leaves);
    count_leaves(ctx, &right.job);
    leat_join(ctx, &left.job, count_leaves);
    count->leaves = left.leaves + right.leaves;
}

static int fork_task(void *arg)
{
    struct count count = { .depth = 12 };
    int err = leat_compute_job(&count.job, count_leaves);

    (void)arg;
    expect_eq(count.leaves, err ? 0L : 4096L);
    return err;
}

static int forks(void)
{
    return run(fork_task, NULL);
}

LEAT_TEST(R5, forks_fail_as_a_whole_or_are_done)
{
    failing_sweep("forks", forks, 4, 40);
}

static int mark(void *data, size_t begin, size_t end)
{
    unsigned char *marks = data;

    for (size_t i = begin; i < end; i++)
        marks[i]++;
    return 0;
}

struct sum {
    uint64_t lane[20]; /* more than fits into what needs no memory */
};

static int add(void *data, size_t begin, size_t end, void *sum)
{
    (void)data;
    for (size_t i = begin; i < end; i++)
        ((struct sum *)sum)->lane[i % 20] += i;
    return 0;
}

static void combine(void *data, void *left, const void *right)
{
    (void)data;
    for (int i = 0; i < 20; i++)
        ((struct sum *)left)->lane[i] += ((const struct sum *)right)->lane[i];
}

static int loop_task(void *arg)
{
    static unsigned char marks[KEYS];
    static struct sum items[300];
    struct sum sum = { { 0 } }, before;
    uint64_t all = 0;
    int err;

    (void)arg;
    memset(marks, 0, sizeof marks);
    err = leat_parallel_for(0, KEYS, mark, marks);
    if (!err)
        expect_null(memchr(marks, 0, sizeof marks));
    expect_null(memchr(marks, 2, sizeof marks));
    if (!err)
        err = leat_parallel_reduce(0, KEYS, add, combine, NULL, &sum, sizeof sum);
    for (int i = 0; i < 20; i++)
        all += sum.lane[i];
    if (!err)
        expect_eq(all, (uint64_t)KEYS * (KEYS - 1) / 2);
    for (int i = 0; i < 300; i++)
        items[i] = (struct sum){ { 1 } };
    if (!err)
        err = leat_parallel_scan(items, 300, sizeof items[0], combine, NULL);
    if (!err)
        expect_eq(items[299].lane[0], 300u);
    before = (struct sum){ { 5 } };
    if (!err) {
        err = leat_parallel_scan_exclusive(items, 300, sizeof items[0], combine, NULL, &before);
        expect_eq(before.lane[0], err ? 5u : 5u + 300u * 301 / 2);
    }
    return err;
}

static int loops(void)
{
    return run(loop_task, NULL);
}

LEAT_TEST(R5, loops_reductions_and_scans_fail_or_are_right)
{
    failing_sweep("loops", loops, 4, 40);
}

static int compare(const void *a, const void *b, void *data)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    (void)data;
    return (x > y) - (x < y);
}

static void fill(uint32_t *keys)
{
    for (uint32_t i = 0; i < KEYS; i++)
        keys[i] = i * UINT32_C(2654435761);
}

static bool sorted(const uint32_t *keys)
{
    for (size_t i = 1; i < KEYS; i++)
        if (keys[i - 1] > keys[i])
            return false;
    return true;
}

static bool untouched(const uint32_t *keys)
{
    for (uint32_t i = 0; i < KEYS; i++)
        if (keys[i] != i * UINT32_C(2654435761))
            return false;
    return true;
}

static int sort_task(void *arg)
{
    static uint32_t keys[KEYS];
    int err, first = 0;

    (void)arg;
    for (int kind = 0; kind < 3; kind++) {
        fill(keys);
        err = kind == 0   ? leat_parallel_sort(keys, KEYS, sizeof keys[0], compare, NULL)
              : kind == 1 ? leat_parallel_sort_unstable(keys, KEYS, sizeof keys[0], compare, NULL)
                          : leat_parallel_sort_uint32(keys, KEYS);
        expect(err ? untouched(keys) : sorted(keys));
        if (kind > 0)
            expect_ne(err, -ENOMEM); /* these need none */
        first = first ? first : err;
    }
    return first;
}

static int sorts(void)
{
    return run(sort_task, NULL);
}

LEAT_TEST(R5, sorts_leave_the_array_alone_or_sort_it)
{
    failing_sweep("sorts", sorts, 4, 40);
}

/* ---- a plain thread outside ---- */

static void note_job(struct leat_ctx *ctx, struct leat_job *job)
{
    (void)ctx;
    (void)job;
    atomic_fetch_add(&calls, 1);
}

static void *post_some(void *arg)
{
    struct leat_posted posted[4];

    for (int i = 0; i < 4; i++) {
        if (leat_post(arg, &posted[i], note_job) != 0)
            abort();
        atomic_fetch_add(&ended, 1);
    }
    for (int i = 0; i < 4; i++)
        leat_posted_wait(&posted[i]);
    return NULL;
}

static int host_a_thread(void *arg)
{
    pthread_t thread;
    int err = -pthread_create(&thread, NULL, post_some, leat_runtime_current());

    (void)arg;
    while (!err && atomic_load(&calls) < 4)
        (void)leat_sleep(LEAT_MSEC / 10);
    if (!err)
        pthread_join(thread, NULL);
    return err;
}

static int posts(void)
{
    int err;

    atomic_store(&calls, 0);
    atomic_store(&ended, 0);
    err = run(host_a_thread, NULL);
    expect_eq(atomic_load(&calls), atomic_load(&ended));
    return err;
}

LEAT_TEST(R5, posted_jobs_run_though_no_thread_can_be_started)
{
    failing_sweep("posts", posts, 4, 40);
}

/* ---- the process pool ---- */

LEAT_REMOTE(mirror, .idempotent = true)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    return leat_reply_write(reply, in, in_bytes);
}

static int mirror_once(struct leat_procs *procs, const char *text, size_t bytes)
{
    struct leat_reply reply = { 0 };
    int err = leat_procs_call(procs, mirror, text, bytes, &reply);

    if (!err) {
        expect_eq(reply.bytes, bytes);
        expect_mem_eq(reply.data, text, bytes);
    }
    leat_reply_fini(&reply);
    return err;
}

static int procs_task(void *arg)
{
    static char large[100000];
    struct leat_procs *procs;
    struct leat_shared shared;
    struct leat_reply reply = { 0 };
    int err = leat_procs_open(&procs, LEAT_PROCS_OPTIONS(.workers = 1));

    (void)arg;
    if (err)
        return err;
    memset(large, 7, sizeof large);
    err = mirror_once(procs, "small", 5);
    if (!err)
        err = mirror_once(procs, large, sizeof large);
    if (!err)
        err = leat_shared_create(&shared, 4096);
    if (!err) {
        err = leat_procs_call_shared(procs, mirror, &shared, 4096, &reply);
        leat_reply_fini(&reply);
        leat_shared_destroy(&shared);
    }
    leat_procs_close(procs);
    return err;
}

static int procs_calls(void)
{
    return run(procs_task, NULL);
}

LEAT_TEST(R5, a_process_pool_fails_to_open_or_works)
{
    failing_sweep("procs", procs_calls, 4, 20);
}
