/* SPDX-License-Identifier: MIT */
/* Loops, reductions, scans. */
#include "harness/test.h"
#include "lockfree/atomic.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { N = 100000 };

struct marks {
    LEAT_ATOMIC(unsigned char) seen[N];
    LEAT_ATOMIC(size_t) longest;
};

static int mark(void *data, size_t begin, size_t end)
{
    struct marks *marks = data;

    if (end - begin > load_relaxed(&marks->longest))
        store_relaxed(&marks->longest, end - begin);
    for (; begin < end; begin++)
        fetch_add_relaxed(&marks->seen[begin], 1);
    return 0;
}

static void check_marks(struct marks *marks, size_t begin, size_t end)
{
    for (size_t i = 0; i < N; i++)
        assert_eq(load_relaxed(&marks->seen[i]), i >= begin && i < end ? 1 : 0);
}

LEAT_TEST_TASK(parallel, loop_calls_each_item_once)
{
    static const size_t ends[] = { 0, 1, 2, 3, 17, 1000, N };
    struct marks *marks = malloc(sizeof *marks);

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        for (size_t grain = 0; grain < 200; grain = grain * 10 + 1) {
            memset(marks, 0, sizeof *marks);
            expect_ok(leat_parallel_for(0, ends[i], mark, marks, .grain = grain));
            check_marks(marks, 0, ends[i]);
            if (grain)
                expect_le(load_relaxed(&marks->longest), grain);
        }
    }
    memset(marks, 0, sizeof *marks);
    expect_ok(leat_parallel_for(7, 5, mark, marks));
    expect_ok(leat_parallel_for(500, 900, mark, marks));
    check_marks(marks, 500, 900);
    free(marks);
}

LEAT_TEST(parallel, loop_on_a_plain_thread_runs_there)
{
    struct marks *marks = calloc(1, sizeof *marks);

    expect_ok(leat_parallel_for(0, N, mark, marks));
    check_marks(marks, 0, N);
    free(marks);
}

static int fail_at_5000(void *data, size_t begin, size_t end)
{
    fetch_add_relaxed((LEAT_ATOMIC(int) *)data, 1);
    return begin <= 5000 && end > 5000 ? -EDOM : 0;
}

LEAT_TEST_TASK(parallel, loop_ends_with_the_error_of_a_piece)
{
    LEAT_ATOMIC(int) pieces = 0;

    expect_err(leat_parallel_for(0, 1000000, fail_at_5000, &pieces, .grain = 10), -EDOM);
    expect_lt(load_relaxed(&pieces), 100000);
}

static int return_one(void *data, size_t begin, size_t end)
{
    (void)data;
    return end > begin;
}

static int return_one_of_a_tile(void *data, struct leat_tile tile)
{
    return return_one(data, tile.row, tile.row_end);
}

static int return_one_of_an_item(void *data, void *out, const void *in)
{
    (void)data;
    return out != in;
}

static int return_one_of_a_sum(void *data, size_t begin, size_t end, void *sum)
{
    (void)sum;
    return return_one(data, begin, end);
}

static void combine_nothing(void *data, void *left, const void *right)
{
    (void)data, (void)left, (void)right;
}

static void run_loop_of_one(void)
{
    (void)!leat_parallel_for(0, 1, return_one, NULL);
}

static void run_tiles_of_one(void)
{
    (void)!leat_parallel_for_2d(1, 1, return_one_of_a_tile, NULL);
}

static void run_map_of_one(void)
{
    char in[1] = "", out[1];

    (void)!leat_parallel_map(out, 1, in, 1, 1, return_one_of_an_item, NULL);
}

static void run_sum_of_one(void)
{
    int sum = 0;

    (void)!leat_parallel_reduce(0, 1, return_one_of_a_sum, combine_nothing, NULL, &sum,
                                sizeof sum);
}

LEAT_TEST(parallel, a_positive_result_of_a_piece_stops_the_program)
{
    expect_dies(run_loop_of_one, SIGABRT, "returns 0, or a negative error number");
    expect_dies(run_tiles_of_one, SIGABRT, "returns 0, or a negative error number");
    expect_dies(run_map_of_one, SIGABRT, "returns 0, or a negative error number");
    expect_dies(run_sum_of_one, SIGABRT, "returns 0, or a negative error number");
}

static int huge(void *data, size_t begin, size_t end)
{
    fetch_add_relaxed((LEAT_ATOMIC(size_t) *)data, end - begin);
    return 0;
}

/* Pieces grow, so that even the longest range there can be is done. */
LEAT_TEST_TASK(parallel, loop_takes_the_longest_range)
{
    LEAT_ATOMIC(size_t) sum = 0;

    expect_ok(leat_parallel_for(0, SIZE_MAX, huge, &sum));
    expect_eq(load_relaxed(&sum), SIZE_MAX);
}

static int spin_a_while(void *data, size_t begin, size_t end)
{
    (void)data;
    for (size_t i = begin; i < end; i++)
        for (int j = 0; j < 100; j++)
            cpu_relax();
    return 0;
}

LEAT_TEST_TASK(parallel, loop_ends_at_the_deadline)
{
    LEAT_LIMIT(10 * LEAT_MSEC);
    expect_err(leat_parallel_for(0, SIZE_MAX, spin_a_while, NULL), -ETIMEDOUT);
}

struct nest {
    LEAT_ATOMIC(long) sum;
};

static int add_up(void *data, size_t begin, size_t end)
{
    fetch_add_relaxed(&((struct nest *)data)->sum, (long)(end - begin));
    return 0;
}

static int nest_another(void *data, size_t begin, size_t end)
{
    int err = 0;

    for (; begin < end && !err; begin++)
        err = leat_parallel_for(0, 300, add_up, data);
    return err;
}

static int loop_in_task(void *arg)
{
    return leat_parallel_for(0, 100, nest_another, arg);
}

LEAT_TEST_TASK(parallel, loops_nest_and_several_tasks_run_them_at_once)
{
    struct nest nest = { .sum = 0 };

    LEAT_SCOPE(scope);
    for (int i = 0; i < 6; i++)
        expect_ok(leat_spawn(&scope, loop_in_task, &nest));
    expect_ok(leat_scope_join(&scope));
    expect_eq(load_relaxed(&nest.sum), 6L * 100 * 300);
}

static int limit_inside(void *arg)
{
    LEAT_LIMIT(5 * LEAT_MSEC);
    (void)arg;
    return leat_parallel_for(0, SIZE_MAX, spin_a_while, NULL);
}

LEAT_TEST_TASK(parallel, a_scope_inside_a_computation_bounds_its_loops)
{
    expect_err(leat_compute(limit_inside, NULL), -ETIMEDOUT);
    expect_ok(leat_cancelled());
}

enum { ROWS = 37, COLUMNS = 91 };

struct tiles {
    LEAT_ATOMIC(unsigned char) seen[ROWS][COLUMNS];
    size_t rows_max, columns_max;
};

static int mark_tile(void *data, struct leat_tile tile)
{
    struct tiles *tiles = data;

    expect_le(tile.row_end - tile.row, tiles->rows_max);
    expect_le(tile.column_end - tile.column, tiles->columns_max);
    for (size_t row = tile.row; row < tile.row_end; row++)
        for (size_t column = tile.column; column < tile.column_end; column++)
            fetch_add_relaxed(&tiles->seen[row][column], 1);
    return 0;
}

LEAT_TEST_TASK(parallel, tiles_cover_a_rectangle_once)
{
    static struct tiles tiles;

    for (size_t grain = 0; grain < 200; grain = grain * 4 + 3) {
        memset(&tiles, 0, sizeof tiles);
        tiles.rows_max = grain ? grain : SIZE_MAX;
        tiles.columns_max = grain ? grain / 2 : SIZE_MAX;
        expect_ok(leat_parallel_for_2d(ROWS, COLUMNS, mark_tile, &tiles, .grain = grain,
                                       .grain_across = grain / 2));
        for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
            assert_eq(load_relaxed(&tiles.seen[0][0] + i), 1);
    }
    expect_ok(leat_parallel_for_2d(0, 5, mark_tile, &tiles));
    expect_ok(leat_parallel_for_2d(SIZE_MAX, 0, mark_tile, &tiles));
}

static int square(void *data, void *out, const void *in)
{
    int x = *(const int *)in;

    *(long *)out = (long)x * x;
    return x == *(int *)data ? -ERANGE : 0;
}

LEAT_TEST_TASK(parallel, map_fills_an_array)
{
    static int in[N];
    static long out[N];

    for (int i = 0; i < N; i++)
        in[i] = i;
    expect_ok(leat_parallel_map(out, sizeof out[0], in, sizeof in[0], N, square, &(int){ -1 }));
    for (long i = 0; i < N; i++)
        assert_eq(out[i], i * i);
    expect_err(leat_parallel_map(out, sizeof out[0], in, sizeof in[0], N, square, &(int){ 77 }),
               -ERANGE);
}

/* ---- reductions ---- */

/* Joins text, so that order matters and the identity is told from the rest. */
struct run {
    size_t begin, end; /* begin > end: empty */
    bool   broken;
    char   padding[200];
};

static void join_runs(void *data, void *left, const void *right)
{
    struct run *a = left;
    const struct run *b = right;

    (void)data;
    if (b->begin > b->end)
        return;
    if (a->begin > a->end) {
        *a = *b;
        return;
    }
    a->broken |= b->broken | (a->end != b->begin);
    a->end = b->end;
}

static int add_run(void *data, size_t begin, size_t end, void *sum)
{
    struct run run = { .begin = begin, .end = end };

    join_runs(data, sum, &run);
    return 0;
}

LEAT_TEST_TASK(parallel, reduction_keeps_the_order_of_the_range)
{
    for (int deterministic = 0; deterministic < 2; deterministic++) {
        for (size_t grain = 0; grain < 2000; grain = grain * 7 + 5) {
            struct run run = { .begin = 1, .end = 0 };

            expect_ok(leat_parallel_reduce(10, N, add_run, join_runs, NULL, &run, sizeof run,
                                           .grain = grain, .deterministic = deterministic != 0));
            expect(!run.broken);
            expect_eq(run.begin, 10u);
            expect_eq(run.end, (size_t)N);
        }
    }
}

static int add_floats(void *data, size_t begin, size_t end, void *sum)
{
    const float *x = data;

    for (; begin < end; begin++)
        *(float *)sum += x[begin];
    return 0;
}

static void join_floats(void *data, void *left, const void *right)
{
    (void)data;
    *(float *)left += *(const float *)right;
}

static int sum_floats(void *arg)
{
    static float x[N];
    float *sum = arg;

    for (int i = 0; i < N; i++)
        x[i] = 1.0f / (float)(i + 1) * (i % 3 ? 1.0f : -1e3f);
    for (int i = 0; i < 20; i++) {
        float again = 0;

        expect_ok(leat_parallel_reduce(0, N, add_floats, join_floats, x, &again, sizeof again,
                                       .deterministic = true));
        if (i > 0)
            expect_mem_eq(&again, sum, sizeof again);
        *sum = again;
    }
    return 0;
}

LEAT_TEST(parallel, deterministic_reduction_gives_the_same_bits_on_any_number_of_threads)
{
    float first = 0, other;

    expect_ok(sum_floats(&first)); /* serially */
    for (unsigned threads = 1; threads <= 4; threads++) {
        expect_ok(leat_run(sum_floats, &other, LEAT_OPTIONS(.compute_threads = threads)));
        expect_mem_eq(&other, &first, sizeof first);
    }
}

static int fail_sum(void *data, size_t begin, size_t end, void *sum)
{
    (void)begin;
    *(long *)sum += (long)(end - begin);
    return *(long *)data ? -EDOM : 0;
}

static void join_longs(void *data, void *left, const void *right)
{
    (void)data;
    *(long *)left += *(const long *)right;
}

LEAT_TEST_TASK(parallel, reduction_that_fails_leaves_the_sum_alone)
{
    long sum = 0;

    expect_err(leat_parallel_reduce(0, N, fail_sum, join_longs, &(long){ 1 }, &sum, sizeof sum),
               -EDOM);
    expect_eq(sum, 0L);
    expect_ok(leat_parallel_reduce(0, N, fail_sum, join_longs, &(long){ 0 }, &sum, sizeof sum));
    expect_eq(sum, (long)N);
    expect_ok(leat_parallel_reduce(5, 5, fail_sum, join_longs, &(long){ 1 }, &sum, sizeof sum));
    expect_eq(sum, (long)N);
}

/* ---- scans ---- */

/* Intervals that follow each other: an operation that is associative and not commutative. */
struct interval {
    int  begin, end;
    bool broken;
};

static void join_intervals(void *data, void *left, const void *right)
{
    struct interval *a = left;
    const struct interval *b = right;

    (void)data;
    a->broken |= b->broken | (a->end != b->begin);
    a->end = b->end;
}

LEAT_TEST_TASK(parallel, scan_keeps_the_order)
{
    static struct interval x[N];

    for (int i = 0; i < N; i++)
        x[i] = (struct interval){ i, i + 1, false };
    expect_ok(leat_parallel_scan(x, N, sizeof x[0], join_intervals, NULL));
    for (int i = 0; i < N; i++)
        assert_true(x[i].begin == 0 && x[i].end == i + 1 && !x[i].broken);
}

LEAT_TEST_TASK(parallel, scan_adds_up_in_order)
{
    static long x[N];

    for (int count = 0; count <= N; count = count * 3 + 1) {
        for (int i = 0; i < count; i++)
            x[i] = i;
        expect_ok(leat_parallel_scan(x, (size_t)count, sizeof x[0], join_longs, NULL));
        for (long i = 0; i < count; i++)
            assert_eq(x[i], i * (i + 1) / 2);
    }
}

LEAT_TEST_TASK(parallel, exclusive_scan_turns_sizes_into_offsets_and_their_total)
{
    static long x[N];

    for (int count = 0; count <= N; count = count * 3 + 1) {
        long sum = 1000;

        for (int i = 0; i < count; i++)
            x[i] = i;
        expect_ok(leat_parallel_scan_exclusive(x, (size_t)count, sizeof x[0], join_longs, NULL,
                                               &sum));
        for (long i = 0; i < count; i++)
            assert_eq(x[i], 1000 + i * (i - 1) / 2);
        expect_eq(sum, 1000 + (long)count * (count - 1) / 2);
    }
}

LEAT_TEST_TASK(parallel, exclusive_scan_keeps_the_order)
{
    static struct interval x[N];
    struct interval sum = { -1, 0, false };

    for (int i = 0; i < N; i++)
        x[i] = (struct interval){ i, i + 1, false };
    expect_ok(leat_parallel_scan_exclusive(x, N, sizeof x[0], join_intervals, NULL, &sum));
    for (int i = 0; i < N; i++)
        assert_true(x[i].begin == -1 && x[i].end == i && !x[i].broken);
    expect(sum.begin == -1 && sum.end == N && !sum.broken);
}

/* Large items have their sums on the heap. */
struct large {
    long lane[200];
};

static void join_large(void *data, void *left, const void *right)
{
    (void)data;
    for (int i = 0; i < 200; i++)
        ((struct large *)left)->lane[i] += ((const struct large *)right)->lane[i];
}

LEAT_TEST_TASK(parallel, scans_of_large_items_add_up)
{
    enum { COUNT = 500 };
    struct large *x = calloc(COUNT, sizeof *x), sum = { { 0 } };

    for (int i = 0; i < COUNT; i++)
        x[i].lane[199] = 1;
    expect_ok(leat_parallel_scan(x, COUNT, sizeof x[0], join_large, NULL));
    for (int i = 0; i < COUNT; i++)
        assert_eq(x[i].lane[199], i + 1);
    expect_ok(leat_parallel_scan_exclusive(x, COUNT, sizeof x[0], join_large, NULL, &sum));
    for (int i = 0; i < COUNT; i++)
        assert_eq(x[i].lane[199], i * (i + 1) / 2);
    expect_eq(sum.lane[199], COUNT * (COUNT + 1) / 2);
    free(x);
}

LEAT_TEST_TASK(parallel, cancelled_scan_leaves_the_sum_as_it_was)
{
    static long x[N];
    long sum = 7;
    LEAT_SCOPE(scope, .deadline = leat_now());

    expect_err(leat_parallel_scan_exclusive(x, N, sizeof x[0], join_longs, NULL, &sum),
               -ETIMEDOUT);
    expect_eq(sum, 7);
    (void)leat_scope_join(&scope);
}

LEAT_TEST(parallel, scans_on_a_plain_thread_are_done_there)
{
    long x[] = { 3, 1, 2 }, sum = 10;

    expect_ok(leat_parallel_scan_exclusive(x, 3, sizeof x[0], join_longs, NULL, &sum));
    expect(x[0] == 10 && x[1] == 13 && x[2] == 14 && sum == 16);
    expect_ok(leat_parallel_scan(x, 3, sizeof x[0], join_longs, NULL));
    expect(x[0] == 10 && x[1] == 23 && x[2] == 37);
}

/* ---- bad options ---- */

LEAT_TEST(parallel, options_of_another_size_are_refused)
{
    expect_err(leat_parallel_for_with(0, 1, mark, NULL,
                                      &(struct leat_parallel_options){ .size = 8 }), -EINVAL);
}
