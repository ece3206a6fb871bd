/* SPDX-License-Identifier: MIT */
/* Sorts of numbers, by their bits: keys.h, for keys of 32 and of 64 bits.
 *
 * Signed and floating-point values first become unsigned ones of the same order (the sign flipped;
 * all bits of negative floats). Blocks of the array count and scatter into 256 buckets by the
 * highest 8 bits that differ (stable, each block with places of its own); then each bucket, which
 * fits into a core's cache, is sorted by its other digits from the lowest on. So the array passes
 * through memory three times, however long the keys are. Sorting all of it from the lowest digit on
 * (four passes for 32 bits, eight for 64) and a quicksort (23 levels for 1e7) were rejected. */
#include "compute/for.h"
#include "task/self.h"

#include <stdlib.h>
#include <string.h>

#define BITS 8u
#define DIGITS (1u << BITS)
#define BUCKET_ITEMS ((size_t)1 << 17)

#define KEY uint32_t
#define KEY_NAME(x) x##_32
#include "compute/keys.h"
#undef KEY
#undef KEY_NAME

#define KEY uint64_t
#define KEY_NAME(x) x##_64
#include "compute/keys.h"
#undef KEY
#undef KEY_NAME

#define SIGN_32 ((uint32_t)1 << 31)
#define SIGN_64 ((uint64_t)1 << 63)

_Static_assert(sizeof(float) == 4 && sizeof(double) == 8 && sizeof(size_t) == 8, "by their bits");

int leat_parallel_sort_int32(int32_t *keys, size_t count)
{
    return sort_32((uint32_t *)keys, count, SIGN_32, false);
}

int leat_parallel_sort_uint32(uint32_t *keys, size_t count)
{
    return sort_32(keys, count, 0, false);
}

int leat_parallel_sort_float(float *keys, size_t count)
{
    return sort_32((uint32_t *)(void *)keys, count, SIGN_32, true);
}

int leat_parallel_sort_int64(int64_t *keys, size_t count)
{
    return sort_64((uint64_t *)keys, count, SIGN_64, false);
}

int leat_parallel_sort_uint64(uint64_t *keys, size_t count)
{
    return sort_64(keys, count, 0, false);
}

int leat_parallel_sort_double(double *keys, size_t count)
{
    return sort_64((uint64_t *)(void *)keys, count, SIGN_64, true);
}
