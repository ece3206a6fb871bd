/* SPDX-License-Identifier: MIT */
/* Loops, reductions, scans and sorts over all cores.
 *
 *     static int shade(void *image, size_t begin, size_t end);       // rows begin to end - 1
 *
 *     int err = leat_parallel_for(0, image->rows, shade, image);
 *
 * Where they run, and what a cancel does, is as leat/compute.h says: any task, job or plain thread
 * calls them, and they nest. Options are named behind the arguments: `.grain = 64`, `.runtime =
 * runtime`. Each returns 0; the error of a function of the caller's, a negative number (a positive
 * one is a checked bug), after which no further piece is begun; -ECANCELED or -ETIMEDOUT; -EAGAIN
 * (no thread at all), -EINVAL (bad options), -ESHUTDOWN. An empty range is done at once. */
#ifndef LEAT_PARALLEL_H
#define LEAT_PARALLEL_H

#include <leat/api.h>
#include <leat/runtime.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

struct leat_parallel_options {
    size_t               size;    /* sizeof(struct leat_parallel_options); the macros set it */
    struct leat_runtime *runtime; /* whose pool helps a plain thread; NULL: the caller's */
    /* How many items a piece has at most. 0: as many as take 10 us or so, found out on the way. In
     * a deterministic reduction: a part of the range that depends on its length only. */
    size_t               grain;
    size_t               grain_across; /* the same for the second range of leat_parallel_for_2d */
    bool                 deterministic; /* reductions: pieces do not depend on threads and time */
    uint64_t             reserved[4];
};

/* The items from begin to end - 1. Returns 0 or an error, which ends the loop. */
typedef int leat_range_fn(void *data, size_t begin, size_t end);

/* leat_parallel_for(begin, end, body, data, options...): call body on pieces of a range that
 * together are the range, in no particular order. A piece is split while another thread has nothing
 * to do (lazy binary splitting: Tzannes and others, 2010). */
#define leat_parallel_for(...)                                                                     \
    LEAT__PARALLEL_FOR(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_FOR(begin, end, body, data, ...)                                            \
    leat_parallel_for_with(begin, end, body, data,                                                 \
                           &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_for_with(size_t begin, size_t end, leat_range_fn *body, void *data,
                                    const struct leat_parallel_options *options);

/* A tile: rows by columns, ends excluded. */
struct leat_tile {
    size_t row, row_end, column, column_end;
};
typedef int leat_tile_fn(void *data, struct leat_tile tile);

/* leat_parallel_for_2d(rows, columns, body, data, options...): call body on tiles that together are
 * the rectangle; of at most .grain rows and .grain_across columns. */
#define leat_parallel_for_2d(...)                                                                  \
    LEAT__PARALLEL_FOR_2D(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_FOR_2D(rows, columns, body, data, ...)                                      \
    leat_parallel_for_2d_with(rows, columns, body, data,                                           \
                              &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_for_2d_with(size_t rows, size_t columns, leat_tile_fn *body, void *data,
                                       const struct leat_parallel_options *options);

/* leat_parallel_map(out, out_bytes, in, in_bytes, count, fn, data, options...): call fn for each
 * item of an array, with the place for its result. */
typedef int leat_item_fn(void *data, void *out, const void *in);
#define leat_parallel_map(...)                                                                     \
    LEAT__PARALLEL_MAP(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_MAP(out, out_bytes, in, in_bytes, count, fn, data, ...)                     \
    leat_parallel_map_with(out, out_bytes, in, in_bytes, count, fn, data,                          \
                           &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_map_with(void *out, size_t out_bytes, const void *in, size_t in_bytes,
                                    size_t count, leat_item_fn *fn, void *data,
                                    const struct leat_parallel_options *options);

/* Add the items from begin to end - 1 to the sum. Returns 0 or an error, which ends it all. */
typedef int leat_reduce_fn(void *data, size_t begin, size_t end, void *sum);

/* left becomes left and right together. It need not be commutative: left is of earlier items. */
typedef void leat_combine_fn(void *data, void *left, const void *right);

/* leat_parallel_reduce(begin, end, body, combine, data, sum, bytes, options...): each thread adds
 * pieces of the range to a sum of its own, which begins as a copy of *sum: the identity. They are
 * combined in the order of the range. With .deterministic the same pieces are combined in the same
 * tree whatever the threads do, so that floating point gives the same bits each time.
 * *sum is the result on success. Returns also -ENOMEM, for sums over 128 bytes. */
#define leat_parallel_reduce(...)                                                                  \
    LEAT__PARALLEL_REDUCE(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_REDUCE(begin, end, body, combine, data, sum, bytes, ...)                    \
    leat_parallel_reduce_with(begin, end, body, combine, data, sum, bytes,                         \
                              &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_reduce_with(size_t begin, size_t end, leat_reduce_fn *body,
                                       leat_combine_fn *combine, void *data, void *sum,
                                       size_t bytes, const struct leat_parallel_options *options);

/* leat_parallel_scan(base, count, bytes, combine, data, options...): item i of the array becomes
 * items 0 to i combined. combine must be associative. Blocks depend on the number of threads.
 * Returns also -ENOMEM, with the array untouched, and stops in between on a cancel: the array is
 * then partly scanned. */
#define leat_parallel_scan(...)                                                                    \
    LEAT__PARALLEL_SCAN(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_SCAN(base, count, bytes, combine, data, ...)                                \
    leat_parallel_scan_with(base, count, bytes, combine, data,                                     \
                            &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_scan_with(void *base, size_t count, size_t bytes,
                                     leat_combine_fn *combine, void *data,
                                     const struct leat_parallel_options *options);

/* leat_parallel_scan_exclusive(base, count, bytes, combine, data, sum, options...): item i becomes
 * *sum and items 0 to i - 1 combined, and *sum all of them: as sizes become offsets, and their
 * total. *sum, an item, is what comes before the first; it is untouched on failure. */
#define leat_parallel_scan_exclusive(...)                                                          \
    LEAT__PARALLEL_SCAN_EXCLUSIVE(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_SCAN_EXCLUSIVE(base, count, bytes, combine, data, sum, ...)                 \
    leat_parallel_scan_exclusive_with(base, count, bytes, combine, data, sum,                      \
                                      &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_scan_exclusive_with(void *base, size_t count, size_t bytes,
                                               leat_combine_fn *combine, void *data, void *sum,
                                               const struct leat_parallel_options *options);

/* ---- sorting ---- */

/* Less than, equal to, greater than 0: as a is before, like, behind b. */
typedef int leat_compare_fn(const void *a, const void *b, void *data);

/* leat_parallel_sort(base, count, bytes, compare, data, options...): a merge sort; stable. Needs
 * memory for a copy of the array.
 * Returns also -ENOMEM, and -EINVAL for items of no bytes. On any error the array was not touched:
 * once begun, a sort ends. */
#define leat_parallel_sort(...)                                                                    \
    LEAT__PARALLEL_SORT(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_SORT(base, count, bytes, compare, data, ...)                                \
    leat_parallel_sort_with(base, count, bytes, compare, data,                                     \
                            &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_sort_with(void *base, size_t count, size_t bytes,
                                     leat_compare_fn *compare, void *data,
                                     const struct leat_parallel_options *options);

/* The same in place and not stable: a quicksort that turns into a heap sort where it would become
 * slow. Needs no memory. */
#define leat_parallel_sort_unstable(...)                                                           \
    LEAT__PARALLEL_SORT_UNSTABLE(__VA_ARGS__, .size = sizeof(struct leat_parallel_options))
#define LEAT__PARALLEL_SORT_UNSTABLE(base, count, bytes, compare, data, ...)                       \
    leat_parallel_sort_unstable_with(base, count, bytes, compare, data,                            \
                                     &(const struct leat_parallel_options){ __VA_ARGS__ })
LEAT_API int leat_parallel_sort_unstable_with(void *base, size_t count, size_t bytes,
                                              leat_compare_fn *compare, void *data,
                                              const struct leat_parallel_options *options);

/* Numbers in rising order; floating point in IEEE 754's total order: -NaN, -inf .. -0, 0 .. inf,
 * NaN. A radix sort with memory for a copy of the array; without that memory, a quicksort in place.
 * Returns 0, -ECANCELED, -ETIMEDOUT or -EAGAIN: then the array was not touched. */
LEAT_API int leat_parallel_sort_int32(int32_t *keys, size_t count);
LEAT_API int leat_parallel_sort_uint32(uint32_t *keys, size_t count);
LEAT_API int leat_parallel_sort_float(float *keys, size_t count);
LEAT_API int leat_parallel_sort_int64(int64_t *keys, size_t count);
LEAT_API int leat_parallel_sort_uint64(uint64_t *keys, size_t count);
LEAT_API int leat_parallel_sort_double(double *keys, size_t count);

LEAT_END

#endif
