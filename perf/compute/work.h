/* SPDX-License-Identifier: MIT */
/* The work that the subjects in C and C++ share, so that only what spreads it differs. */
#ifndef LEAT_PERF_WORK_H
#define LEAT_PERF_WORK_H

#include <stdint.h>
#include <string.h>

#include "helper.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIB = 34,
    QUEENS = 12,
    UTS_CHILDREN_MAX = 100,
    UTS_NODES = 4130071, /* as its authors say; work_measure looks */
    MATRIX = 1024,
    MATRIX_LEAF = 64,
    INTS = 10000000,
    INTS_LEAF = 4096,
    LOOP = 100000000,
    LOOP_PIECE = 4096,
    MANY = 1000000,
    TRIPS = 20000,
    COLD_TRIPS = 200,
};

/* The fork and joins of fib(FIB): as many as its inner nodes. */
double work_fib_forks(void);

typedef struct {
    signed char at[16];
} work_board;
static inline int work_safe(const work_board *board, int row, int column)
{
    for (int i = 0; i < row; i++) {
        int d = board->at[i] - column;

        if (d == 0 || d == row - i || d == i - row)
            return 0;
    }
    return 1;
}

/* Unbalanced tree search: Olivier and others, "UTS: an unbalanced tree search benchmark" (2006). T1
 * is geometric with a fixed shape, b0 = 4, depth 10, seed 19. */
typedef struct {
    uint8_t state[20];
    int32_t height;
} work_node;
void work_uts_root(work_node *root);
int  work_uts_children(const work_node *node);
void work_uts_child(const work_node *node, uint32_t i, work_node *child);

/* c += a b, of MATRIX_LEAF rows and columns each. */
void work_matrix_leaf(const double *a, const double *b, double *c, long stride);

void work_sort(int *keys, long count);
void work_merge(const int *a, long a_count, const int *b, long b_count, int *out);
long work_rank(const int *run, long count, int key); /* how many are less */

uint64_t work_hash_sum(uint64_t begin, uint64_t end);

/* Data of the questions that have some; set up anew for each sample. */
extern int    *work_keys, *work_buffer;
extern double *work_a, *work_b, *work_c;

/* Measure: run, which returns what is checked, once for warmth and once a sample, each time with
 * fresh data; the time is divided by `per`. Adds the check. */
void work_measure(const struct perf_args *args, double per, uint64_t (*run)(void));

/* What the question's samples are divided by. */
double work_per(const char *question);

#ifdef __cplusplus
}
#endif

#endif
