/* SPDX-License-Identifier: MIT */
/* Sorts. */
#include "harness/test.h"

#include <leat/leat.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 500000 / TEST_SLOWDOWN };

static uint64_t step(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct record {
    unsigned key, at;
    char     rest[13];
};

static int compare_records(const void *a, const void *b, void *data)
{
    const struct record *x = a, *y = b;

    if (data)
        abort();
    return (x->key > y->key) - (x->key < y->key);
}

static const size_t counts[] = { 0, 1, 2, 3, 16, 17, 100, 4096, 4097, 20000, LARGE };
#define COUNTS (sizeof counts / sizeof counts[0])

/* Kinds of input: random, few keys, all alike, sorted, backwards, organ pipe. */
static unsigned make_key(int kind, size_t i, size_t count, uint64_t *seed)
{
    switch (kind) {
    case 0: return (unsigned)step(seed);
    case 1: return (unsigned)step(seed) % 5;
    case 2: return 7;
    case 3: return (unsigned)i;
    case 4: return (unsigned)(count - i);
    default: return (unsigned)(i < count / 2 ? i : count - i);
    }
}

LEAT_TEST_TASK(sort, records_are_sorted_and_alike_ones_keep_their_order)
{
    struct record *all = malloc(LARGE * sizeof *all);
    uint64_t seed = test_seed() | 1;

    for (int kind = 0; kind < 6; kind++) {
        for (size_t c = 0; c < COUNTS; c++) {
            for (int stable = 0; stable < 2; stable++) {
                size_t n = counts[c];
                uint64_t sum = 0;

                for (size_t i = 0; i < n; i++) {
                    all[i] = (struct record){ make_key(kind, i, n, &seed), (unsigned)i, "rest" };
                    sum += all[i].key;
                }
                if (stable)
                    expect_ok(leat_parallel_sort(all, n, sizeof *all, compare_records, NULL));
                else
                    expect_ok(leat_parallel_sort_unstable(all, n, sizeof *all, compare_records,
                                                          NULL));
                for (size_t i = 0; i < n; i++) {
                    assert_str_eq(all[i].rest, "rest");
                    sum -= all[i].key;
                    if (i > 0)
                        assert_true(all[i - 1].key < all[i].key ||
                                    (all[i - 1].key == all[i].key &&
                                     (!stable || all[i - 1].at < all[i].at)));
                }
                assert_eq(sum, 0u);
            }
        }
    }
    free(all);
}

/* Items of any size. Of four bytes and more, the first is the key, and three say where it was. */
static size_t item_bytes;

static int order_bytes(const void *a, const void *b)
{
    return memcmp(a, b, item_bytes);
}

static int compare_bytes(const void *a, const void *b, void *data)
{
    return memcmp(a, b, *(size_t *)data);
}

static void check_items(size_t bytes, size_t count, uint64_t *seed)
{
    unsigned char *stable = malloc(bytes * count + 1), *wanted = malloc(bytes * count + 1);
    unsigned char *unstable = malloc(bytes * count + 1);
    size_t key = bytes >= 4 ? 1 : bytes;

    for (size_t i = 0; i < bytes * count; i++)
        wanted[i] = (unsigned char)step(seed);
    for (size_t i = 0; i < count && bytes >= 4; i++)
        for (unsigned j = 1; j < 4; j++)
            wanted[i * bytes + j] = (unsigned char)(i >> (24 - 8 * j));
    wanted[bytes * count] = 0xa5; /* behind the last: nobody's */
    memcpy(stable, wanted, bytes * count + 1);
    memcpy(unstable, wanted, bytes * count + 1);
    item_bytes = bytes;
    qsort(wanted, count, bytes, order_bytes);
    expect_ok(leat_parallel_sort(stable, count, bytes, compare_bytes, &key));
    expect_ok(leat_parallel_sort_unstable(unstable, count, bytes, compare_bytes, &bytes));
    assert_true(memcmp(stable, wanted, bytes * count + 1) == 0);
    assert_true(memcmp(unstable, wanted, bytes * count + 1) == 0);
    free(stable);
    free(unstable);
    free(wanted);
}

LEAT_TEST_TASK(sort, items_of_any_size_are_sorted_as_qsort_sorts_them)
{
    static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 31, 33, 64, 129, 4097 };
    uint64_t seed = test_seed() | 1;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t count = 1; count < 20000 && count * sizes[i] < LARGE; count = count * 5 + 2)
            check_items(sizes[i], count, &seed);
    }
    expect_err(leat_parallel_sort(&seed, 1, 0, compare_bytes, NULL), -EINVAL);
    expect_err(leat_parallel_sort_unstable(&seed, 1, 0, compare_bytes, NULL), -EINVAL);
}

#define SORTED(name, type)                                                                         \
    static int name(const void *a, const void *b)                                                  \
    {                                                                                              \
        type x = *(const type *)a, y = *(const type *)b;                                           \
                                                                                                   \
        return (x > y) - (x < y);                                                                  \
    }
SORTED(order_int32, int32_t)
SORTED(order_uint32, uint32_t)
SORTED(order_int64, int64_t)
SORTED(order_uint64, uint64_t)

/* A sort of the library, and what qsort needs to do the same. */
struct kind {
    size_t bytes;
    int  (*sort)(void *keys, size_t count);
    int  (*order)(const void *a, const void *b);
};
#define KIND(name, type, order)                                                                    \
    static int sort_##name(void *keys, size_t count)                                               \
    {                                                                                              \
        return leat_parallel_sort_##name(keys, count);                                             \
    }                                                                                              \
    static const struct kind kind_of_##name = { sizeof(type), sort_##name, order };
KIND(int32, int32_t, order_int32)
KIND(uint32, uint32_t, order_uint32)
KIND(int64, int64_t, order_int64)
KIND(uint64, uint64_t, order_uint64)

/* Sorted as qsort sorts them; then once more, sorted as they are. */
static void check_sorted(const struct kind *kind, char *keys, size_t count)
{
    char *wanted = malloc(count * kind->bytes + 1);

    memcpy(wanted, keys, count * kind->bytes);
    qsort(wanted, count, kind->bytes, kind->order);
    for (int again = 0; again < 2; again++) {
        expect_ok(kind->sort(keys, count));
        assert_true(memcmp(keys, wanted, count * kind->bytes) == 0);
    }
    free(wanted);
}

/* Keys of which the lowest `bits` vary, and one in a thousand does not obey. */
static void check_keys(const struct kind *kind, uint64_t *seed)
{
    char *keys = malloc(LARGE * kind->bytes);

    for (unsigned bits = 1; bits <= 8 * kind->bytes; bits += bits < 6 ? 1 : 13) {
        for (size_t c = 0; c < COUNTS; c++) {
            for (size_t i = 0; i < counts[c]; i++) {
                uint64_t key = step(seed) >> (i % 1000 == 999 ? 0 : 64 - bits);
                uint32_t low = (uint32_t)key;

                memcpy(keys + i * kind->bytes,
                       kind->bytes == sizeof low ? (const void *)&low : &key, kind->bytes);
            }
            check_sorted(kind, keys, counts[c]);
        }
    }
    free(keys);
}

LEAT_TEST(sort, integer_keys_are_sorted_as_qsort_sorts_them)
{
    uint64_t seed = test_seed() | 1;

    check_keys(&kind_of_int32, &seed);
    check_keys(&kind_of_int64, &seed);
}

LEAT_TEST_TASK(sort, integer_keys_are_sorted_by_several_threads)
{
    uint64_t seed = test_seed() | 1;

    check_keys(&kind_of_uint32, &seed);
    check_keys(&kind_of_uint64, &seed);
}

LEAT_TEST_TASK(sort, floats_are_sorted_in_total_order)
{
    static float f[LARGE];
    static double d[LARGE];
    uint64_t seed = test_seed() | 1;

    for (int i = 0; i < LARGE; i++) {
        d[i] = ((double)(int64_t)step(&seed)) * (i % 2 ? 1e-300 : 1e-18);
        f[i] = (float)d[i];
    }
    f[0] = NAN;
    f[1] = -f[0];
    d[0] = (double)f[0];
    d[1] = -d[0];
    for (int i = 0; i < 4; i++) {
        f[2 + i] = (float[]){ -INFINITY, INFINITY, 0.0f, -0.0f }[i];
        d[2 + i] = (double)f[2 + i];
    }
    expect_ok(leat_parallel_sort_float(f, LARGE));
    expect_ok(leat_parallel_sort_double(d, LARGE));
    expect(isnan(f[0]) && isnan(f[LARGE - 1]) && isinf(f[1]) && isinf(f[LARGE - 2]));
    expect(isnan(d[0]) && isnan(d[LARGE - 1]) && isinf(d[1]) && isinf(d[LARGE - 2]));
    for (int i = 2; i < LARGE - 1; i++)
        assert_true(f[i - 1] <= f[i] && d[i - 1] <= d[i] &&
                    (d[i - 1] < d[i] || signbit(d[i - 1]) >= signbit(d[i])));
}

/* The total order by the bits: of negative numbers all are turned, of others the sign. */
#define ORDERED_BITS(name, type, bits_type)                                                        \
    static int name(const void *a, const void *b)                                                  \
    {                                                                                              \
        const bits_type sign = (bits_type)1 << (8 * sizeof(type) - 1);                             \
        bits_type x, y;                                                                            \
                                                                                                   \
        memcpy(&x, a, sizeof x);                                                                   \
        memcpy(&y, b, sizeof y);                                                                   \
        x = x & sign ? (bits_type)~x : x | sign;                                                   \
        y = y & sign ? (bits_type)~y : y | sign;                                                   \
        return (x > y) - (x < y);                                                                  \
    }
ORDERED_BITS(order_float, float, uint32_t)
ORDERED_BITS(order_double, double, uint64_t)

KIND(float, float, order_float)
KIND(double, double, order_double)

/* Any bits, so NaNs of many kinds and denormals, and every other one of a few that repeat. */
static void check_floats(const struct kind *kind, const void *few, size_t few_count,
                         uint64_t *seed)
{
    char *keys = malloc(LARGE * kind->bytes);

    for (size_t c = 0; c < COUNTS; c++) {
        for (size_t i = 0; i < counts[c]; i++) {
            uint64_t bits = step(seed);
            const char *repeated = (const char *)few + bits / 2 % few_count * kind->bytes;

            memcpy(keys + i * kind->bytes, bits % 2 ? repeated : (const char *)&bits,
                   kind->bytes);
        }
        check_sorted(kind, keys, counts[c]);
    }
    free(keys);
}

LEAT_TEST_TASK(sort, floats_of_any_bits_are_sorted_by_them)
{
    static const float f[] = { 0, -0.0f, 1, -1, INFINITY, -INFINITY };
    static const double d[] = { 0, -0.0, 1, -1, (double)INFINITY, -(double)INFINITY };
    uint64_t seed = test_seed() | 1;

    check_floats(&kind_of_float, f, sizeof f / sizeof f[0], &seed);
    check_floats(&kind_of_double, d, sizeof d / sizeof d[0], &seed);
}

static int sort_cancelled(void *arg)
{
    int keys[3] = { 3, 1, 2 };

    (void)arg;
    expect_err(leat_parallel_sort_int32(keys, 3), -ECANCELED);
    expect(keys[0] == 3 && keys[1] == 1 && keys[2] == 2);
    return 0;
}

LEAT_TEST_TASK(sort, a_sort_that_was_cancelled_before_touches_nothing)
{
    LEAT_SCOPE(scope);
    leat_scope_cancel(&scope);
    expect_ok(leat_spawn(&scope, sort_cancelled, NULL));
    (void)leat_scope_join(&scope);
}
