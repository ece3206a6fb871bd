/* SPDX-License-Identifier: MIT */
/* The same work done in five ways, and how long each takes: for every item wait for a remote
 * answer (here: a sleep of 3 ms) and then compute on it for about a millisecond.
 *
 *     approaches [ITEMS]
 *
 * What computes is one registered function; where it runs is one argument. */
#include <leat/leat.h>
#include <leat/procs.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER (3 * LEAT_MSEC)

/* A million steps of a small generator stand for parsing, rendering, compressing .. */
LEAT_REMOTE(digest, .idempotent = true)
(const void *in, size_t in_bytes, struct leat_reply *reply)
{
    uint64_t state;

    if (in_bytes != sizeof state)
        return -EINVAL;
    memcpy(&state, in, sizeof state);
    for (int i = 0; i < 1000000; i++)
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return leat_reply_write(reply, &state, sizeof state);
}

struct item {
    uint64_t              number; /* in */
    struct leat_executor *executor;
    uint64_t              digest; /* out */
};

static int compute(struct item *item)
{
    struct leat_reply reply = { 0 };
    int err = leat_remote_call(item->executor, digest, &item->number, sizeof item->number, &reply);

    if (!err)
        memcpy(&item->digest, reply.data, sizeof item->digest);
    leat_reply_fini(&reply);
    return err;
}

static int wait_and_compute(void *arg)
{
    int err = leat_sleep(ANSWER);

    return err ? err : compute(arg);
}

/* On a thread that may block: plain calls, as in any C program. */
static int block_and_compute(void *arg)
{
    const struct timespec answer = { .tv_nsec = ANSWER };

    nanosleep(&answer, NULL);
    return compute(arg);
}

static int on_a_thread(void *arg)
{
    return leat_blocking(block_and_compute, arg);
}

static int in_sequence(struct item *items, size_t count)
{
    int err = 0;

    for (size_t i = 0; i < count && !err; i++)
        err = wait_and_compute(&items[i]);
    return err;
}

static int at_once(struct item *items, size_t count, leat_task_fn *fn)
{
    LEAT_SCOPE(scope);

    for (size_t i = 0; i < count; i++)
        leat_spawn(&scope, fn, &items[i]);
    return leat_scope_join(&scope);
}

struct approach {
    const char           *name;
    struct leat_executor *executor;
    leat_task_fn         *fn; /* NULL: one after the other */
};

static int compare(struct item *items, size_t count, struct leat_procs *procs)
{
    const struct approach approaches[] = {
        { "one after the other", leat_executor_inline(), NULL },
        { "tasks", leat_executor_inline(), wait_and_compute },
        { "tasks, computing pool", leat_executor_compute(), wait_and_compute },
        { "threads", leat_executor_inline(), on_a_thread },
        { "tasks, processes", leat_procs_executor(procs), wait_and_compute },
    };
    uint64_t sum = 0, first_sum = 0;

    printf("%-22s %10s %10s\n", "approach", "ms", "items/s");
    for (size_t i = 0; i < sizeof approaches / sizeof approaches[0]; i++) {
        const struct approach *approach = &approaches[i];
        leat_time begin = leat_now();
        double seconds;
        int err;

        for (size_t j = 0; j < count; j++)
            items[j] = (struct item){ .number = j, .executor = approach->executor };
        err = approach->fn ? at_once(items, count, approach->fn) : in_sequence(items, count);
        if (err)
            return err;
        seconds = (double)(leat_now() - begin) / LEAT_SEC;
        sum = 0;
        for (size_t j = 0; j < count; j++)
            sum += items[j].digest;
        if (i == 0)
            first_sum = sum;
        printf("%-22s %10.1f %10.0f%s\n", approach->name, seconds * 1e3,
               (double)count / seconds, sum == first_sum ? "" : "  WRONG");
    }
    return sum == first_sum ? 0 : 1;
}

static int app(void *arg)
{
    size_t count = *(size_t *)arg;
    struct leat_procs *procs;
    struct item *items;
    int err = leat_procs_open(&procs, NULL);

    if (err)
        return err;
    items = calloc(count, sizeof *items);
    err = items ? compare(items, count, procs) : -ENOMEM;
    free(items);
    leat_procs_close(procs);
    return err;
}

int main(int argc, char **argv)
{
    size_t count = 200;

    leat_procs_main(argc, argv);
    if (argc > 1)
        count = strtoul(argv[1], NULL, 10);
    if (count == 0 || count > 1000000) {
        fprintf(stderr, "usage: approaches [ITEMS], from 1 to 1000000\n");
        return 2;
    }
    return leat_main(app, &count, NULL);
}
