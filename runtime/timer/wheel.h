/* SPDX-License-Identifier: MIT */
/* Timers: a hierarchical wheel per worker (Varghese and Lauck, "Hashed and hierarchical timing
 * wheels", 1987), intrusive, so that arming allocates nothing.
 *
 *     timer->arg = waiter; timer->value = generation;
 *     leat__timer_arm(wheel, timer, deadline);
 *     ...
 *     leat__timer_disarm(timer, wheel);   // nothing of the timer is used afterwards
 *
 * A timer fires never early and at most LEAT__TICK_NS late plus the time its worker takes to look
 * (the documented slack: timers of one tick fire together). A heap was rejected: 25 ns a level of
 * cache misses among a million timers, against one list operation here.
 *
 *   level 0: a slot is one tick (65.5 us)     [ | | | |x| | ... ]
 *   level 1: a slot is 64 ticks               [ |x| | | | | ... ]
 *   ...   each level has 128 slots: those of the current slot of the level above and of its next
 *
 * A slot is spread over the level below while the slot before it is current, a few timers at each
 * look, so that nobody waits until a hundred thousand have been moved. For the same reason a look
 * fires a limited number; those that are run then find the lines in the cache that firing touched.
 * Each slot has some lists, its lanes, which are walked side by side: to walk one list of cold
 * timers is to wait 200 ns for each (measured: 740 ns of a million sleeper's wake went into that).
 * Each lane gets 256 timers in turn: those that are armed one after the other mostly lie side by
 * side, so they shall be neighbours in their lists as well (a lane for each in turn had an arm and
 * a disarm among a million meet neighbours some 20 KiB away, of which no prefetcher knows). And
 * some are let go together before the first of them is fired, so that those who are woken come
 * into the cache side by side too.
 *
 * Nearly all timers are disarmed by the worker that armed them, so a wheel is its owner's by a
 * token (lockfree/token.h): plain stores and a load. A worker that disarms another's timer, of a
 * task that has moved, pays for a barrier on all threads; a lock cost each arm and disarm two
 * locked instructions (45 ns a pair; 15 without it and with less to do besides). Whatever is rare
 * lies behind a jump, and no two words of a pair of arm and disarm depend on each other by more
 * than one load and store (hence two counters; and next and prev apart: stored as one, they came
 * back late).
 *
 * INVARIANTS (a timer's unit at level l is tick >> 6 * l, the wheel's is current >> 6 * l)
 *   I1  A timer lies at the lowest level above which its unit is the wheel's or the next, or at a
 *       higher one from which it is yet to be spread. Its unit is not below the wheel's; so 128
 *       slots hold no two units.
 *   I2  Every timer of tick `current` or earlier has fired, or is in `due`, or in a slot of the
 *       wheel's own unit that is being spread: those come first.
 *   I3  timer->wheel is not NULL exactly while it is linked. Links change under the wheel's token.
 *   I4  The wheel's fire is called with copies, after the timer was let go (O1): when a disarm has
 *       returned, the timer's memory is not touched again, but fire may still run with (arg,
 *       value): arg must outlive that, and value lets fire recognise what is over (a wait's
 *       generation).
 *   I5  A slot with timers has its bit in `occupied`. One without may have it still, since a disarm
 *       does not look whether it leaves a slot empty: a look that comes to such a bit clears it. */
#ifndef LEAT_TIMER_WHEEL_H
#define LEAT_TIMER_WHEEL_H

#include "lockfree/token.h"
#include "sched/poller.h"

#include <leat/time.h>

#include <stdint.h>

#define LEAT__TICK_SHIFT    16
#define LEAT__TICK_NS       ((leat_time)1 << LEAT__TICK_SHIFT)
#define LEAT__WHEEL_LEVELS  8
#define LEAT__WHEEL_SLOTS   128
#define LEAT__WHEEL_LANES   8 /* a slot is a cache line */

/* Timers that one look fires, at most; twice as many are moved. */
#ifndef LEAT__WHEEL_FIRES /* a model driver builds with one */
#define LEAT__WHEEL_FIRES   128
#endif

struct leat__wheel;

struct leat__timer {
    struct leat__timer *next;
    LEAT_ATOMIC(struct leat__wheel *) wheel;
    struct leat__timer **prev;
    uint64_t tick;
    void    *arg;
    uint64_t value;
};

struct leat__wheel_slot {
    struct leat__timer *lane[LEAT__WHEEL_LANES];
};

struct leat__wheel {
    struct leat__ticker    ticker;
    struct leat__token     token; /* guards all below */
    bool                   shared; /* leat__wheel_share */
    void (*fire)(void *arg, uint64_t value); /* what its timers do */
    uint64_t               current;
    uint64_t               armed, ended; /* timers, ever */
    uint64_t               occupied[LEAT__WHEEL_LEVELS * LEAT__WHEEL_SLOTS / 64]; /* a bit a slot */
    struct leat__wheel_slot slots[LEAT__WHEEL_LEVELS * LEAT__WHEEL_SLOTS + 1]; /* the last: due */
};

/* The caller has seen to leat__barrier_prepare where other threads than the owner's will come by;
 * or shares the wheel. */
void leat__wheel_init(struct leat__wheel *wheel, leat_time now,
                      void (*fire)(void *arg, uint64_t value));

/* Before its first use: there is no barrier to be had, so the owner takes the token's lock too. */
void leat__wheel_share(struct leat__wheel *wheel);

/* Owner: the worker whose ticker it is, so that no sleeper needs to be told. The timer is not
 * armed. A time in the past fires at the next tick. */
void leat__timer_arm(struct leat__wheel *wheel, struct leat__timer *timer, leat_time when);

/* Any thread; `mine`: the wheel whose owner it is, NULL for none. Fine on a timer that fired or was
 * never armed (all-zero). */
void leat__timer_disarm(struct leat__timer *timer, struct leat__wheel *mine);

/* For the ticker: fire what is due, up to a limit. Returns when to call again: a time that has
 * passed when there is more to do, else when the next timer is due, or somewhat earlier. */
leat_time leat__wheel_fire(struct leat__wheel *wheel, leat_time now);

/* Anybody but the owner. The former does nothing when the owner is at it itself. */
void     leat__wheel_relieve(struct leat__wheel *wheel, leat_time now);
uint64_t leat__wheel_armed(struct leat__wheel *wheel); /* how many timers are */

#endif
