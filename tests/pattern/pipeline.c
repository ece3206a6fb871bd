/* SPDX-License-Identifier: MIT */
/* A pipeline takes every element through every stage once, in order where that is asked, and ends
 * whole. */
#include "harness/test.h"

#include <leat/leat.h>

#include <stdatomic.h>

struct run {
    int         count;    /* in: numbers to make */
    int         fail_at;  /* in: the stage's function fails at this number; -1: never */
    leat_time   nap;      /* in: of the middle stage, in turns long and short */
    int         made, last;
    bool        unordered;
    atomic_int  seen;
    atomic_long sum;
};

static int make(void *out, void *arg)
{
    struct run *run = arg;

    if (run->made == run->count)
        return -ENODATA;
    *(int *)out = run->made++;
    return 0;
}

static int square(const void *in, void *out, void *arg)
{
    struct run *run = arg;
    int n = *(const int *)in, err = 0;

    if (run->nap)
        err = leat_sleep(n % 3 ? 1 : run->nap);
    else if (n % 7 == 0)
        leat_yield();
    *(long *)out = (long)n * n;
    return err ? err : n == run->fail_at ? -EIO : 0;
}

static int odd_only(const void *in, void *out, void *arg)
{
    (void)arg;
    *(long *)out = *(const long *)in;
    return *(const long *)in % 2 ? 0 : LEAT_DROP;
}

static int add(const void *in, void *out, void *arg)
{
    struct run *run = arg;
    long n = *(const long *)in;

    (void)out;
    if (n < run->last)
        run->unordered = true;
    run->last = (int)n;
    atomic_fetch_add(&run->seen, 1);
    atomic_fetch_add(&run->sum, n);
    return 0;
}

static int run_pipeline(struct run *run, unsigned width, bool ordered, struct leat_stage stages[3])
{
    struct leat_source source = { make, run, sizeof(int) };

    stages[0] = (struct leat_stage){ .fn = square, .arg = run, .out_bytes = sizeof(long),
                                     .width = width, .ordered = ordered, .capacity = 5 };
    stages[1] = (struct leat_stage){ .fn = odd_only, .out_bytes = sizeof(long) };
    stages[2] = (struct leat_stage){ .fn = add, .arg = run };
    return leat_pipeline(&source, stages, 3);
}

static void expect_conserved(unsigned width, bool ordered, int count)
{
    struct run run = { .count = count, .fail_at = -1 };
    struct leat_stage stages[3];
    long sum = 0;

    expect_ok(run_pipeline(&run, width, ordered, stages));
    for (long i = 1; i < count; i += 2)
        sum += i * i;
    expect_eq(atomic_load(&run.sum), sum);
    expect_eq(atomic_load(&run.seen), count / 2);
    expect_eq(stages[0].taken, count);
    expect_eq(stages[0].passed, count);
    expect_eq(stages[1].taken, count);
    expect_eq(stages[1].passed, count / 2);
    expect_eq(stages[2].taken, count / 2);
    if (ordered || width == 1)
        expect(!run.unordered);
}

LEAT_TEST_TASK(pipeline, takes_each_element_through_each_stage_once)
{
    for (unsigned width = 1; width <= 9; width += 4)
        for (int ordered = 0; ordered < 2; ordered++)
            expect_conserved(width, ordered, 3000);
}

LEAT_TEST_TASK(pipeline, of_nothing_ends)
{
    expect_conserved(1, false, 0);
    expect_conserved(4, true, 0);
    expect_conserved(4, true, 1);
}

LEAT_TEST_TASK(pipeline, an_ordered_stage_puts_back_in_order_what_ended_out_of_it)
{
    struct run run = { .count = 60, .fail_at = -1, .nap = 300 * LEAT_USEC };
    struct leat_stage stages[3];

    expect_ok(run_pipeline(&run, 6, true, stages));
    expect(!run.unordered);
    expect_eq(atomic_load(&run.seen), 30);
}

LEAT_TEST_TASK(pipeline, the_first_error_ends_it)
{
    for (int ordered = 0; ordered < 2; ordered++) {
        struct run run = { .count = 1000000, .fail_at = 500 };
        struct leat_stage stages[3];

        expect_err(run_pipeline(&run, 4, ordered, stages), -EIO);
        expect_lt(run.made, 2000);
        expect_ge(stages[0].taken, 500);
        expect_ge(stages[0].passed, stages[1].taken);
        expect_ge(stages[1].passed, stages[2].taken);
        expect_ok(leat_cancelled());
    }
}

static int make_and_fail(void *out, void *arg)
{
    *(int *)out = 1;
    return --*(int *)arg ? 0 : -ENOENT;
}

LEAT_TEST_TASK(pipeline, an_error_of_the_source_ends_it)
{
    int left = 20;
    struct run run = { .fail_at = -1 };
    struct leat_source source = { make_and_fail, &left, sizeof(int) };
    struct leat_stage stages[] = { { .fn = square, .arg = &run, .out_bytes = sizeof(long) } };

    expect_err(leat_pipeline(&source, stages, 1), -ENOENT);
}

static int run_for_long(void *arg)
{
    struct leat_stage *stages = arg;
    struct run run = { .count = 1000000, .fail_at = -1, .nap = 20 * LEAT_USEC };

    return run_pipeline(&run, 3, true, stages);
}

LEAT_TEST_TASK(pipeline, cancelled_at_any_moment_ends_and_counts_no_element_twice)
{
    for (int moment = 0; moment < 20; moment++) {
        struct leat_stage stages[3] = { 0 };
        LEAT_SCOPE(scope);

        leat_spawn(&scope, run_for_long, stages);
        (void)leat_sleep(moment * 50 * LEAT_USEC);
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
        expect_ge(stages[0].taken, stages[0].passed);
        expect_ge(stages[0].passed, stages[1].taken);
        expect_le(stages[0].passed, stages[1].taken + 64 + 1);
    }
}

LEAT_TEST_TASK(pipeline, its_deadline_ends_it)
{
    struct run run = { .count = 1000000, .fail_at = -1, .nap = LEAT_HOUR };
    struct leat_source source = { make, &run, sizeof(int) };
    struct leat_stage stages[] = { { .fn = square, .arg = &run, .out_bytes = sizeof(long) } };

    expect_err(leat_pipeline(&source, stages, 1, .deadline = leat_after(3 * LEAT_MSEC)),
               -ETIMEDOUT);
}

LEAT_TEST_TASK(pipeline, bad_shapes_are_refused)
{
    struct run run = { .count = 3, .fail_at = -1 };
    struct leat_source source = { make, &run, 0 };
    struct leat_stage stages[] = { { .fn = square, .arg = &run }, { .fn = add, .arg = &run } };

    expect_err(leat_pipeline(&source, stages, 1), -EINVAL); /* elements of no size */
    source.bytes = sizeof(int);
    expect_err(leat_pipeline(&source, stages, 2), -EINVAL); /* in the middle */
    expect_err(leat_pipeline(&source, stages, 0), -EINVAL);
    expect_eq(run.made, 0);
}

LEAT_TEST(pipeline, on_a_plain_thread_takes_one_element_after_another)
{
    struct run run = { .count = 1000, .fail_at = 500 };
    struct leat_stage stages[3];

    expect_conserved(4, true, 1000);
    expect_conserved(1, false, 0);
    expect_err(run_pipeline(&run, 4, true, stages), -EIO);
    expect_eq(stages[0].taken, 501);
    expect_eq(stages[1].taken, 500);
}
