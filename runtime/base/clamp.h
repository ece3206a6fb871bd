/* SPDX-License-Identifier: MIT */
/* Time arithmetic that saturates. Wrapped sums are the classic way for a timeout of "for ever" to
 * become a deadline long past, so nothing else in leat adds times.
 *
 * INVARIANTS
 * I1  A sum or difference that doesn't fit is INT64_MIN or LEAT_NEVER, whichever is nearer.
 * I2  LEAT_NEVER absorbs: nothing added to or taken from it makes it come sooner.
 * I3  A deadline is 1 or more: 0 stands for none of its own, and a negative one is refused. */
#ifndef LEAT_BASE_CLAMP_H
#define LEAT_BASE_CLAMP_H

#include <leat/time.h>
#include <stdint.h>

static inline leat_time leat__time_add(leat_time a, leat_time b)
{
    leat_time sum;

    if (a == LEAT_NEVER || b == LEAT_NEVER)
        return LEAT_NEVER;
    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : LEAT_NEVER;
    return sum;
}

/* The deadline `delay` after now. One before the clock's start has passed just the same at 1. */
static inline leat_time leat__time_after(leat_time now, leat_time delay)
{
    leat_time when = leat__time_add(now, delay);

    return when < 1 ? 1 : when;
}

/* a - b, for example the time left until deadline a at time b. */
static inline leat_time leat__time_sub(leat_time a, leat_time b)
{
    leat_time difference;

    if (a == LEAT_NEVER)
        return LEAT_NEVER;
    if (__builtin_sub_overflow(a, b, &difference))
        return b < 0 ? LEAT_NEVER : INT64_MIN;
    return difference;
}

/* count units, for example leat__time_mul(LEAT_MSEC, ms). */
static inline leat_time leat__time_mul(leat_time unit, int64_t count)
{
    leat_time product;

    if (__builtin_mul_overflow(unit, count, &product))
        return (unit < 0) == (count < 0) ? LEAT_NEVER : INT64_MIN;
    return product;
}

static inline leat_time leat__time_min(leat_time a, leat_time b)
{
    return a < b ? a : b;
}

static inline leat_time leat__time_max(leat_time a, leat_time b)
{
    return a > b ? a : b;
}

#endif
