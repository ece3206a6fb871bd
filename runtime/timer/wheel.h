/* SPDX-License-Identifier: MIT */
/* Timers: a hierarchical wheel per worker (Varghese and Lauck, "Hashed and hierarchical timing
 * wheels", 1987), intrusive, so that arming allocates nothing.
 *
 *     timer->fire = fire; timer->arg = waiter; timer->value = generation;
 *     leat__timer_arm(wheel, timer, deadline);
 *     ...
 *     leat__timer_disarm(timer);          // any thread; nothing of the timer is used afterwards
 *
 * A timer fires never early and at most LEAT__TICK_NS late plus the time its worker takes to look
 * (the documented slack: timers of one tick fire together). A heap was rejected: 25 ns a level of
 * cache misses among a million timers, against one list operation here.
 *
 *   level 0: 64 slots of one tick each (65.5 us)         [ | | | |x| | ... ]
 *   level 1: 64 slots of 64 ticks each                   [ |x| | | | | ... ]
 *   ...                                                   a slot is spread over the level below
 *   level 7: the rest of time                              when its time begins
 *
 * INVARIANTS
 *   I1  A timer in slot s of level l has the same digits (base 64) as `current` above digit l, and
 *       digit l of its tick is s, greater than current's. So the first occupied slot of the lowest
 *       occupied level holds the earliest timer.
 *   I2  Every timer of tick `current` or earlier has fired.
 *   I3  timer->wheel is not NULL exactly while it is linked. Links change under the wheel's lock.
 *   I4  fire is called with copies, after the timer was let go (O1): when a disarm has returned,
 *       the timer's memory is not touched again, but fire may still run with (arg, value): arg must
 *       outlive that, and value lets fire recognise what is over (a wait's generation). */
#ifndef LEAT_TIMER_WHEEL_H
#define LEAT_TIMER_WHEEL_H

#include "lockfree/lock.h"
#include "sched/poller.h"

#include <leat/time.h>

#include <stdint.h>

#define LEAT__TICK_SHIFT    16
#define LEAT__TICK_NS       ((leat_time)1 << LEAT__TICK_SHIFT)
#define LEAT__WHEEL_LEVELS  8
#define LEAT__WHEEL_SLOTS   64

struct leat__wheel;

struct leat__timer {
    struct leat__timer *next, **prev;
    LEAT_ATOMIC(struct leat__wheel *) wheel;
    uint64_t tick;
    void (*fire)(void *arg, uint64_t value);
    void    *arg;
    uint64_t value;
};

struct leat__wheel {
    struct leat__ticker ticker;
    struct leat__lock   lock;
    uint64_t            current;
    uint64_t            occupied[LEAT__WHEEL_LEVELS]; /* a bit per slot */
    struct leat__timer *slots[LEAT__WHEEL_LEVELS][LEAT__WHEEL_SLOTS];
};

void leat__wheel_init(struct leat__wheel *wheel, leat_time now);

/* Owner: the worker whose ticker it is, so that no sleeper needs to be told. The timer is not
 * armed. A time in the past fires at the next tick. */
void leat__timer_arm(struct leat__wheel *wheel, struct leat__timer *timer, leat_time when);

/* Any thread. Fine on a timer that fired or was never armed (all-zero). */
void leat__timer_disarm(struct leat__timer *timer);

/* For the ticker: fire what is due. Returns when the next timer is due, or somewhat earlier. */
leat_time leat__wheel_fire(struct leat__wheel *wheel, leat_time now);

#endif
