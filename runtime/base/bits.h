/* SPDX-License-Identifier: MIT */
/* Powers of two, rounding, and bit counts. */
#ifndef LEAT_BASE_BITS_H
#define LEAT_BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Number of elements of an array (not of a pointer). */
#define LEAT__COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline bool leat__is_pow2(uint64_t x)
{
    return x && !(x & (x - 1));
}

/* Index of the lowest, the highest set bit; x is not 0. */
static inline unsigned leat__bit_low(uint64_t x)
{
    return (unsigned)__builtin_ctzll(x);
}

static inline unsigned leat__bit_high(uint64_t x)
{
    return 63u - (unsigned)__builtin_clzll(x);
}

static inline unsigned leat__bit_count(uint64_t x)
{
    return (unsigned)__builtin_popcountll(x);
}

/* The smallest power of two that is at least x; 1 for 0; 0 when there is none in 64 bits. */
static inline uint64_t leat__pow2_up(uint64_t x)
{
    if (x <= 1)
        return 1;
    if (x > UINT64_C(1) << 63)
        return 0;
    return UINT64_C(1) << (leat__bit_high(x - 1) + 1);
}

/* Up, down to a multiple of `unit`, a power of two. */
static inline size_t leat__round_up(size_t x, size_t unit)
{
    return (x + unit - 1) & ~(unit - 1);
}

static inline size_t leat__round_down(size_t x, size_t unit)
{
    return x & ~(unit - 1);
}

#endif
