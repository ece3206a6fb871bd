/* SPDX-License-Identifier: MIT */
/* The same work by plain calls on one thread. */
#include "work.h"

static __attribute__((noinline)) long fib(int n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t run_fib(void)
{
    return (uint64_t)fib(FIB);
}

static uint64_t queens(int row, const work_board *board)
{
    uint64_t sum = 0;

    if (row == QUEENS)
        return 1;
    for (int column = 0; column < QUEENS; column++) {
        work_board next = *board;

        if (!work_safe(board, row, column))
            continue;
        next.at[row] = (signed char)column;
        sum += queens(row + 1, &next);
    }
    return sum;
}

static uint64_t run_queens(void)
{
    work_board empty = { { 0 } };

    return queens(0, &empty);
}

static uint64_t search(const work_node *node)
{
    int children = work_uts_children(node);
    uint64_t sum = 1;

    for (int i = 0; i < children; i++) {
        work_node child;

        work_uts_child(node, (uint32_t)i, &child);
        sum += search(&child);
    }
    return sum;
}

static uint64_t run_uts(void)
{
    work_node root;

    work_uts_root(&root);
    return search(&root);
}

static void multiply(const double *a, const double *b, double *c, long n)
{
    long h = n / 2;

    if (n == MATRIX_LEAF) {
        work_matrix_leaf(a, b, c, MATRIX);
        return;
    }
    for (long k = 0; k < 2; k++)
        for (long q = 0; q < 4; q++)
            multiply(a + (q / 2) * h * MATRIX + k * h, b + k * h * MATRIX + (q % 2) * h,
                     c + (q / 2) * h * MATRIX + (q % 2) * h, h);
}

static uint64_t run_matrix(void)
{
    multiply(work_a, work_b, work_c, MATRIX);
    return 0;
}

static uint64_t run_merge(void)
{
    work_sort(work_keys, INTS);
    return 0;
}

static uint64_t run_loop(void)
{
    return work_hash_sum(0, LOOP);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *question;
        uint64_t  (*run)(void);
    } all[] = { { "fork_fib", run_fib },       { "fork_queens", run_queens },
                { "fork_uts", run_uts },       { "fork_matrix", run_matrix },
                { "fork_merge", run_merge },   { "loop", run_loop } };
    struct perf_args args = perf_args_parse(argc, argv);

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(args.question, all[i].question) == 0) {
            work_measure(&args, work_per(args.question), all[i].run);
            return 0;
        }
    perf_skip("there is no floor for this question");
}
