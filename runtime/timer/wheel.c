/* SPDX-License-Identifier: MIT */
/* The wheel: see wheel.h for the picture and the invariants.
 *
 * ORDERING
 *   O1  letting go of a timer stores NULL to its wheel with release; disarm loads it with acquire:
 *       who sees NULL may reuse the memory, since the links were last written before. */
#include "timer/wheel.h"
#include "base/clamp.h"
#include "base/container.h"

#include <string.h>

#define SLOT_BITS 6
#define SLOT_MASK (LEAT__WHEEL_SLOTS - 1)

/* Looked through for the exact next deadline, rather than waking up to spread a slot. */
#define EXACT_MAX 16

/* The tick at or after `when`: rounding up is what makes timers never early. */
static uint64_t tick_at(leat_time when)
{
    uint64_t ns = when > 0 ? (uint64_t)when : 0;

    return (ns >> LEAT__TICK_SHIFT) + ((ns & (uint64_t)(LEAT__TICK_NS - 1)) != 0);
}

static leat_time time_of(uint64_t tick)
{
    return tick > (uint64_t)INT64_MAX >> LEAT__TICK_SHIFT ? LEAT_NEVER
                                                          : (leat_time)(tick << LEAT__TICK_SHIFT);
}

static void link_timer(struct leat__wheel *wheel, struct leat__timer *timer)
{
    uint64_t differ = timer->tick ^ wheel->current; /* not 0: I2 */
    unsigned level = (unsigned)(63 - __builtin_clzll(differ)) / SLOT_BITS;
    unsigned slot = (unsigned)(timer->tick >> (level * SLOT_BITS)) & SLOT_MASK;
    struct leat__timer **head = &wheel->slots[level][slot];

    timer->next = *head;
    timer->prev = head;
    if (*head)
        (*head)->prev = &timer->next;
    *head = timer;
    wheel->occupied[level] |= UINT64_C(1) << slot;
}

static void unlink_timer(struct leat__wheel *wheel, struct leat__timer *timer)
{
    struct leat__timer **first = &wheel->slots[0][0];

    *timer->prev = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    else if (timer->prev >= first && timer->prev < first + LEAT__WHEEL_LEVELS * LEAT__WHEEL_SLOTS) {
        size_t index = (size_t)(timer->prev - first); /* it was alone in its slot */

        wheel->occupied[index / LEAT__WHEEL_SLOTS] &=
            ~(UINT64_C(1) << (index % LEAT__WHEEL_SLOTS));
    }
}

void leat__timer_arm(struct leat__wheel *wheel, struct leat__timer *timer, leat_time when)
{
    leat__lock(&wheel->lock);
    timer->tick = tick_at(when);
    if (timer->tick <= wheel->current)
        timer->tick = wheel->current + 1;
    /* relaxed: only the owner and, after it has the lock, a disarm look at it */
    store_relaxed(&timer->wheel, wheel);
    link_timer(wheel, timer);
    leat__unlock(&wheel->lock);
}

void leat__timer_disarm(struct leat__timer *timer)
{
    struct leat__wheel *wheel = load_acquire(&timer->wheel); /* O1 */

    if (!wheel)
        return;
    leat__lock(&wheel->lock);
    if (load_relaxed(&timer->wheel)) { /* relaxed: the lock orders it */
        unlink_timer(wheel, timer);
        store_relaxed(&timer->wheel, NULL); /* relaxed: our own thread goes on to reuse it */
    }
    leat__unlock(&wheel->lock);
}

/* The lowest occupied level and the tick at which its first slot begins (I1). */
static bool first_slot(const struct leat__wheel *wheel, unsigned *ret_level, unsigned *ret_slot,
                       uint64_t *ret_tick)
{
    for (unsigned level = 0; level < LEAT__WHEEL_LEVELS; level++) {
        unsigned shift = level * SLOT_BITS;
        uint64_t above;

        if (!wheel->occupied[level])
            continue;
        *ret_level = level;
        *ret_slot = (unsigned)__builtin_ctzll(wheel->occupied[level]);
        above = wheel->current >> shift >> SLOT_BITS;
        *ret_tick = (above << SLOT_BITS | *ret_slot) << shift;
        return true;
    }
    return false;
}

static leat_time next_due(const struct leat__wheel *wheel)
{
    unsigned level, slot, seen = 0;
    uint64_t tick, exact = UINT64_MAX;

    if (!first_slot(wheel, &level, &slot, &tick))
        return LEAT_NEVER;
    if (level == 0)
        return time_of(tick);
    for (struct leat__timer *timer = wheel->slots[level][slot]; timer; timer = timer->next) {
        if (++seen > EXACT_MAX)
            return time_of(tick);
        if (timer->tick < exact)
            exact = timer->tick;
    }
    return time_of(exact);
}

/* The slot's time has begun: fire what is due and spread the rest over the levels below. */
static void open_slot(struct leat__wheel *wheel, unsigned level, unsigned slot)
{
    struct leat__timer *timer = wheel->slots[level][slot];
    struct leat__timer *next;

    wheel->slots[level][slot] = NULL;
    wheel->occupied[level] &= ~(UINT64_C(1) << slot);
    for (; timer; timer = next) {
        void (*fire)(void *, uint64_t) = timer->fire;
        void *arg = timer->arg;
        uint64_t value = timer->value;

        next = timer->next;
        if (timer->tick > wheel->current) {
            link_timer(wheel, timer);
            continue;
        }
        store_release(&timer->wheel, NULL); /* O1; I4 */
        fire(arg, value);
    }
}

leat_time leat__wheel_fire(struct leat__wheel *wheel, leat_time now)
{
    uint64_t target = now > 0 ? (uint64_t)now >> LEAT__TICK_SHIFT : 0;
    unsigned level, slot;
    uint64_t tick;
    leat_time due;

    leat__lock(&wheel->lock);
    while (first_slot(wheel, &level, &slot, &tick) && tick <= target) {
        wheel->current = tick;
        open_slot(wheel, level, slot);
    }
    if (target > wheel->current)
        wheel->current = target;
    due = next_due(wheel);
    leat__unlock(&wheel->lock);
    return due;
}

static leat_time fire(struct leat__ticker *ticker, leat_time now)
{
    return leat__wheel_fire(leat__container_of(ticker, struct leat__wheel, ticker), now);
}

void leat__wheel_init(struct leat__wheel *wheel, leat_time now)
{
    memset(wheel, 0, sizeof *wheel);
    wheel->ticker.fire = fire;
    wheel->current = now > 0 ? (uint64_t)now >> LEAT__TICK_SHIFT : 0;
}
