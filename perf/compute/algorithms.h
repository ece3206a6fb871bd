/* SPDX-License-Identifier: MIT */
/* For the peers in C++: what is spread, written once over how, a class with
 *     two(f, g)      run both, perhaps at once, and join them
 *     many(n, f)     f(0) .. f(n - 1) likewise */
#ifndef LEAT_PERF_ALGORITHMS_H
#define LEAT_PERF_ALGORITHMS_H

#include <stdlib.h>
#include <unistd.h>

#include "work.h"

template <class S> uint64_t queens(int row, const work_board &board)
{
    work_board next[QUEENS];
    uint64_t count[QUEENS], sum = 0;
    int children = 0;

    if (row == QUEENS)
        return 1;
    for (int column = 0; column < QUEENS; column++) {
        if (!work_safe(&board, row, column))
            continue;
        next[children] = board;
        next[children++].at[row] = static_cast<signed char>(column);
    }
    if (children == 0)
        return 0;
    S::many(children, [&](int i) { count[i] = queens<S>(row + 1, next[i]); });
    for (int i = 0; i < children; i++)
        sum += count[i];
    return sum;
}

template <class S> uint64_t search(const work_node &node)
{
    int children = work_uts_children(&node);
    uint64_t count[UTS_CHILDREN_MAX], sum = 1;

    if (children == 0)
        return 1;
    S::many(children, [&](int i) {
        work_node child;

        work_uts_child(&node, static_cast<uint32_t>(i), &child);
        count[i] = search<S>(child);
    });
    for (int i = 0; i < children; i++)
        sum += count[i];
    return sum;
}

template <class S> uint64_t search_all()
{
    work_node root;

    work_uts_root(&root);
    return search<S>(root);
}

template <class S> void multiply(const double *a, const double *b, double *c, long n)
{
    long h = n / 2;

    if (n == MATRIX_LEAF) {
        work_matrix_leaf(a, b, c, MATRIX);
        return;
    }
    for (long k = 0; k < 2; k++)
        S::many(4, [=](int q) {
            multiply<S>(a + (q / 2) * h * MATRIX + k * h, b + k * h * MATRIX + (q % 2) * h,
                        c + (q / 2) * h * MATRIX + (q % 2) * h, h);
        });
}

template <class S> void merge(const int *a, long a_count, const int *b, long b_count, int *out)
{
    if (a_count < b_count) {
        merge<S>(b, b_count, a, a_count, out);
        return;
    }
    if (a_count + b_count <= INTS_LEAF) {
        work_merge(a, a_count, b, b_count, out);
        return;
    }
    long m = a_count / 2, k = work_rank(b, b_count, a[m]);
    S::two([=] { merge<S>(a, m, b, k, out); },
           [=] { merge<S>(a + m, a_count - m, b + k, b_count - k, out + m + k); });
}

template <class S> void sort(int *keys, int *buffer, long count, bool into_buffer)
{
    long h = count / 2;

    if (count <= INTS_LEAF) {
        work_sort(keys, count);
        if (into_buffer)
            memcpy(buffer, keys, static_cast<size_t>(count) * sizeof *keys);
        return;
    }
    S::two([=] { sort<S>(keys, buffer, h, !into_buffer); },
           [=] { sort<S>(keys + h, buffer + h, count - h, !into_buffer); });
    if (into_buffer)
        merge<S>(keys, h, keys + h, count - h, buffer);
    else
        merge<S>(buffer, h, buffer + h, count - h, keys);
}

struct question {
    const char *name;
    uint64_t  (*run)();
};

/* Ends the program. `trip`: a round trip from outside, NULL where there is none. */
template <size_t N>
[[noreturn]] void answer(const perf_args &args, const question (&all)[N], void (*trip)(),
                         uint64_t (*warm_up)())
{
    for (size_t i = 0; i < N; i++)
        if (strcmp(args.question, all[i].name) == 0) {
            work_measure(&args, work_per(args.question), all[i].run);
            exit(0);
        }
    for (int i = 0; i < args.samples; i++) {
        if (strcmp(args.question, "idle") == 0) {
            warm_up();
            usleep(100000);
            int64_t start = perf_cpu_ns();
            usleep(1000000);
            perf_sample(static_cast<double>(perf_cpu_ns() - start) / 1e6);
        } else if (trip) {
            double took[COLD_TRIPS];

            for (double &one : took) {
                usleep(1000);
                int64_t start = perf_now_ns();
                trip();
                one = static_cast<double>(perf_now_ns() - start) / 1e3;
            }
            perf_sample(perf_median(took, COLD_TRIPS));
        } else {
            perf_skip("this peer has no such thing");
        }
    }
    exit(0);
}

#endif
