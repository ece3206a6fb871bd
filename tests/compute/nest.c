/* SPDX-License-Identifier: MIT */
/* Computations inside of computations: they share the pool's threads, however deep they nest and
 * whatever is called in between. */
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/leat.h>

#include <dirent.h>
#include <errno.h>

struct crowd {
    LEAT_ATOMIC(long) done;
    LEAT_ATOMIC(int) threads_most;
};

static int threads_alive(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = -2; /* . and .. */

    if (!dir)
        return 0;
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static int work(void *data, size_t begin, size_t end)
{
    struct crowd *crowd = data;

    for (size_t i = begin; i < end; i++)
        for (int spin = 0; spin < 20; spin++)
            cpu_relax();
    fetch_add_relaxed(&crowd->done, (long)(end - begin));
    return 0;
}

static int middle(void *data, size_t begin, size_t end)
{
    int err = 0;

    for (; begin < end && !err; begin++)
        err = leat_parallel_for(0, 40, work, data);
    return err;
}

static int outer(void *data, size_t begin, size_t end)
{
    struct crowd *crowd = data;
    int err = 0, alive = threads_alive();
    int most = load_relaxed(&crowd->threads_most); /* relaxed: looked at after the join */

    for (; begin < end && !err; begin++)
        err = leat_parallel_for(0, 10, middle, data);
    while (alive > most && !cas_relaxed(&crowd->threads_most, &most, alive))
        ;
    return err;
}

static int loops(void *arg)
{
    return leat_parallel_for(0, 5, outer, arg);
}

static int compute_loops(void *arg)
{
    return leat_compute(loops, arg);
}

static int block_and_compute_loops(void *arg)
{
    return leat_blocking(compute_loops, arg);
}

static int nest_all(void *arg)
{
    return leat_compute(block_and_compute_loops, arg);
}

enum { CALLERS = 32 };

static int nest_from_tasks(void *arg)
{
    struct crowd *crowd = arg;
    int before = threads_alive(), most;

    LEAT_SCOPE(scope);
    for (int i = 0; i < CALLERS / 2; i++) {
        expect_ok(leat_spawn(&scope, nest_all, crowd));
        expect_ok(leat_spawn(&scope, loops, crowd));
    }
    expect_ok(leat_scope_join(&scope));
    expect_eq(load_relaxed(&crowd->done), CALLERS * 5L * 10 * 40);
    most = load_relaxed(&crowd->threads_most);
    return most > before ? most - before : 0;
}

/* One that sleeps over a join lends its place to another, and there may be one that observes: a
 * few for each place, however many callers there are and however deep they nest. */
LEAT_TEST(compute_nest, calls_and_loops_in_each_other_share_the_threads_of_the_pool)
{
    for (int threads = 1; threads <= 3; threads++) {
        struct crowd crowd = { .done = 0 };
        int more = leat_run(nest_from_tasks, &crowd,
                            LEAT_OPTIONS(.workers = 2, .compute_threads = (unsigned)threads));

        expect_ge(more, 0);
        expect_le(more, 2 * threads + 5);
    }
}

/* ---- in whose name ---- */

static int ask(void *arg)
{
    int err;

    store_release((LEAT_ATOMIC(int) *)arg, 1); /* to the canceller's look */
    while (!(err = leat_cancelled()))
        cpu_relax();
    return err;
}

static int compute_ask(void *arg)
{
    return leat_compute(ask, arg);
}

static int block_and_compute_ask(void *arg)
{
    return leat_blocking(compute_ask, arg);
}

static int nest_ask(void *arg)
{
    return leat_compute(block_and_compute_ask, arg);
}

LEAT_TEST_TASK(compute_nest, cancel_and_deadline_reach_the_innermost)
{
    LEAT_ATOMIC(int) begun = 0;

    {
        LEAT_SCOPE(scope);
        expect_ok(leat_spawn(&scope, nest_ask, &begun));
        while (!load_acquire(&begun))
            expect_ok(leat_sleep(LEAT_MSEC));
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
    }
    {
        LEAT_LIMIT(5 * LEAT_MSEC);
        expect_err(nest_ask(&begun), -ETIMEDOUT);
    }
    {
        LEAT_LIMIT(5 * LEAT_MSEC);
        expect_err(block_and_compute_ask(&begun), -ETIMEDOUT);
    }
}
