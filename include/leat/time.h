/* SPDX-License-Identifier: MIT */
/* Time: points and lengths of monotonic time in nanoseconds.
 *
 *     leat_time deadline = leat_after(200 * LEAT_MSEC);
 *     while (leat_now() < deadline)
 *         step();
 *
 * A point in time counts from an arbitrary start (the machine's boot) and never goes back. Sums
 * saturate: a deadline too far away to be told is LEAT_NEVER, it does not wrap into the past. */
#ifndef LEAT_TIME_H
#define LEAT_TIME_H

#include <leat/api.h>
#include <stdint.h>

LEAT_BEGIN

typedef int64_t leat_time;

#define LEAT_NSEC ((leat_time)1)
#define LEAT_USEC ((leat_time)1000)
#define LEAT_MSEC ((leat_time)1000000)
#define LEAT_SEC ((leat_time)1000000000)
#define LEAT_MINUTE (60 * LEAT_SEC)
#define LEAT_HOUR (60 * LEAT_MINUTE)

/* The deadline that does not come. */
#define LEAT_NEVER INT64_MAX

/* The present time. Never blocks, never fails. */
LEAT_API leat_time leat_now(void);

/* The point in time `delay` from now; LEAT_NEVER when that is too far away, or delay is
 * LEAT_NEVER. A negative delay gives a point in the past, never before 1: so a deadline that has
 * passed, which the 0 of "no deadline" and a negative number, which is refused, are not. */
LEAT_API leat_time leat_after(leat_time delay);

LEAT_END

#endif
