/* SPDX-License-Identifier: MIT */
/* See work.h. */
#include "work.h"

#include <math.h>
#include <stdlib.h>

int    *work_keys, *work_buffer;
double *work_a, *work_b, *work_c;

double work_fib_forks(void)
{
    double a = 0, b = 1;

    for (int i = 0; i <= FIB; i++) {
        double c = a + b;

        a = b;
        b = c;
    }
    return a - 1;
}

/* ---- unbalanced tree search ---- */

static uint32_t rotate(uint32_t x, int n)
{
    return x << n | x >> (32 - n);
}

/* SHA-1 (FIPS 180) of one message of up to 55 bytes. */
static void sha1(const uint8_t *message, size_t bytes, uint8_t digest[20])
{
    uint32_t h[5] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0 };
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    uint8_t block[64] = { 0 };

    memcpy(block, message, bytes);
    block[bytes] = 0x80;
    block[63] = (uint8_t)(bytes * 8);
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? (b & c) | (~b & d)
                     : i < 40 ? b ^ c ^ d
                     : i < 60 ? (b & c) | (b & d) | (c & d)
                              : b ^ c ^ d;
        uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
        uint32_t t = rotate(a, 5) + f + e + k + w[i];

        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = t;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 4; j++)
            digest[4 * i + j] = (uint8_t)(h[i] >> (24 - 8 * j));
}

void work_uts_root(work_node *root)
{
    uint8_t message[20] = { 0 };

    message[19] = 19;
    sha1(message, sizeof message, root->state);
    root->height = 0;
}

int work_uts_children(const work_node *node)
{
    const uint8_t *s = node->state + 16;
    uint32_t random = ((uint32_t)s[0] << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 | s[3]) &
                      0x7fffffff;
    int children;

    if (node->height >= 10)
        return 0;
    children = (int)floor(log(1 - random / 2147483648.0) / log(1 - 1.0 / 5));
    return children > UTS_CHILDREN_MAX ? UTS_CHILDREN_MAX : children;
}

void work_uts_child(const work_node *node, uint32_t i, work_node *child)
{
    uint8_t message[24];

    memcpy(message, node->state, 20);
    for (int j = 0; j < 4; j++)
        message[20 + j] = (uint8_t)(i >> (24 - 8 * j));
    sha1(message, sizeof message, child->state);
    child->height = node->height + 1;
}

/* ---- matrices ---- */

void work_matrix_leaf(const double *restrict a, const double *restrict b, double *restrict c,
                      long stride)
{
    for (long i = 0; i < MATRIX_LEAF; i++) {
        double row[MATRIX_LEAF];

        memcpy(row, c + i * stride, sizeof row);
        for (long k = 0; k < MATRIX_LEAF; k++)
            for (long j = 0; j < MATRIX_LEAF; j++)
                row[j] += a[i * stride + k] * b[k * stride + j];
        memcpy(c + i * stride, row, sizeof row);
    }
}

/* ---- sorting ---- */

static int order(const int *a, long m, long last)
{
    int x = a[0], y = a[m], z = a[last];

    return x < y ? (y < z ? y : x < z ? z : x) : x < z ? x : y < z ? z : y;
}

void work_sort(int *a, long n)
{
    while (n > 24) {
        int pivot = order(a, n / 2, n - 1);
        long i = -1, j = n, left;

        for (;;) {
            int t;

            do
                i++;
            while (a[i] < pivot);
            do
                j--;
            while (a[j] > pivot);
            if (i >= j)
                break;
            t = a[i];
            a[i] = a[j];
            a[j] = t;
        }
        left = j + 1;
        if (left < n - left) {
            work_sort(a, left);
            a += left;
            n -= left;
        } else {
            work_sort(a + left, n - left);
            n = left;
        }
    }
    for (long i = 1; i < n; i++) {
        int key = a[i];
        long j = i;

        for (; j > 0 && a[j - 1] > key; j--)
            a[j] = a[j - 1];
        a[j] = key;
    }
}

void work_merge(const int *a, long a_count, const int *b, long b_count, int *out)
{
    while (a_count && b_count) {
        int second = *b < *a;

        *out++ = second ? *b : *a;
        b += second;
        b_count -= second;
        a += !second;
        a_count -= !second;
    }
    memcpy(out, a, (size_t)a_count * sizeof *out);
    memcpy(out + a_count, b, (size_t)b_count * sizeof *out);
}

long work_rank(const int *run, long count, int key)
{
    long low = 0;

    while (count > 0) {
        long half = count / 2;

        if (run[low + half] < key) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

/* ---- loops ---- */

uint64_t work_hash_sum(uint64_t begin, uint64_t end)
{
    uint64_t sum = 0;

    for (; begin < end; begin++) {
        uint32_t x = (uint32_t)begin;

        x ^= x >> 16;
        x *= 0x7feb352du;
        x ^= x >> 15;
        x *= 0x846ca68bu;
        x ^= x >> 16;
        sum += x & 0xff;
    }
    return sum;
}

/* ---- measuring ---- */

static void *data_alloc(size_t bytes)
{
    void *data = aligned_alloc(64, bytes);

    if (!data)
        perf_die("no memory for the data", 0);
    memset(data, 0, bytes);
    return data;
}

static void set_up(const char *question)
{
    uint64_t random = 88172645463325252u;
    size_t bytes = sizeof(double) * MATRIX * MATRIX;

    if (strcmp(question, "fork_matrix") == 0) {
        if (!work_a) {
            work_a = data_alloc(bytes);
            work_b = data_alloc(bytes);
            work_c = data_alloc(bytes);
        }
        for (long i = 0; i < (long)MATRIX * MATRIX; i++) {
            work_a[i] = (double)(i % 7) - 3;
            work_b[i] = (double)(i % 5) - 2;
            work_c[i] = 0;
        }
    } else if (strcmp(question, "fork_merge") == 0 || strcmp(question, "sort_ints") == 0) {
        if (!work_keys) {
            work_keys = data_alloc(sizeof(int) * INTS);
            work_buffer = data_alloc(sizeof(int) * INTS);
        }
        for (long i = 0; i < INTS; i++)
            work_keys[i] = (int)(perf_random(&random) >> 33);
    }
}

/* A sum that depends on order, over what the question leaves behind. */
static uint64_t digest(const char *question, uint64_t result)
{
    if (strcmp(question, "fork_matrix") == 0)
        for (long i = 0; i < (long)MATRIX * MATRIX; i++)
            result = result * 31 + (uint64_t)(int64_t)work_c[i];
    else if (work_keys)
        for (long i = 0; i < INTS; i++)
            result = result * 31 + (uint64_t)work_keys[i];
    return result;
}

void work_measure(const struct perf_args *args, double per, uint64_t (*run)(void))
{
    uint64_t result = 0;

    for (int i = -1; i < args->samples; i++) {
        int64_t start;

        set_up(args->question);
        start = perf_now_ns();
        result = run();
        if (i >= 0)
            perf_sample((double)(perf_now_ns() - start) / per);
    }
    if (strcmp(args->question, "fork_uts") == 0 && result != UTS_NODES)
        perf_die("the tree has another number of nodes", 0);
    perf_check_value(digest(args->question, result));
}

double work_per(const char *question)
{
    if (strcmp(question, "fork_fib") == 0)
        return work_fib_forks();
    if (strcmp(question, "outside_warm") == 0)
        return 1e3 * TRIPS;
    return 1e6;
}
