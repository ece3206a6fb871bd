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
#define DUE       (LEAT__WHEEL_LEVELS * LEAT__WHEEL_SLOTS)

/* Looked through for the exact next deadline, rather than waking up to spread a slot. */
#define EXACT_MAX 16

/* What a look may do: a timer fired costs two, a timer moved one. */
#define BUDGET (2 * LEAT__WHEEL_FIRES)

/* Timers that are let go together before the first of them is fired. */
#define SALVO 16

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

static uint64_t unit_of(uint64_t tick, unsigned level)
{
    return tick >> (level * SLOT_BITS);
}

static size_t slot_of(unsigned level, uint64_t unit)
{
    return level * LEAT__WHEEL_SLOTS + (unit & SLOT_MASK);
}

static void set_occupied(struct leat__wheel *wheel, size_t slot, bool on)
{
    uint64_t *word = &wheel->occupied[slot / LEAT__WHEEL_SLOTS][slot % LEAT__WHEEL_SLOTS / 64];
    uint64_t bit = UINT64_C(1) << slot % 64;

    *word = on ? *word | bit : *word & ~bit;
}

static bool is_empty(const struct leat__wheel_slot *slot)
{
    bool empty = true;

    for (int i = 0; i < LEAT__WHEEL_LANES; i++)
        empty = empty && !slot->lane[i];
    return empty;
}

/* I1 */
static void link_timer(struct leat__wheel *wheel, struct leat__timer *timer)
{
    uint64_t tick = timer->tick, current = wheel->current;
    struct leat__timer **head;
    size_t slot = DUE;

    if (tick > current) {
        unsigned level = (unsigned)(63 - __builtin_clzll(tick ^ current)) / SLOT_BITS;

        while (level > 0 && unit_of(tick, level) - unit_of(current, level) <= 1)
            level--;
        slot = slot_of(level, unit_of(tick, level));
        set_occupied(wheel, slot, true);
    }
    head = &wheel->slots[slot].lane[wheel->turn++ % LEAT__WHEEL_LANES];
    timer->next = *head;
    timer->prev = head;
    if (*head)
        (*head)->prev = &timer->next;
    *head = timer;
}

static void unlink_timer(struct leat__wheel *wheel, struct leat__timer *timer)
{
    struct leat__timer **first = &wheel->slots[0].lane[0];

    *timer->prev = timer->next;
    if (timer->next)
        timer->next->prev = timer->prev;
    else if (timer->prev >= first && timer->prev < first + DUE * LEAT__WHEEL_LANES) {
        size_t slot = (size_t)(timer->prev - first) / LEAT__WHEEL_LANES; /* alone in its lane */

        if (is_empty(&wheel->slots[slot]))
            set_occupied(wheel, slot, false);
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
    wheel->armed++;
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
        wheel->armed--;
        store_relaxed(&timer->wheel, NULL); /* relaxed: our own thread goes on to reuse it */
    }
    leat__unlock(&wheel->lock);
}

/* The level's first occupied unit: the wheel's own, which is then being spread, or one above. */
static bool first_unit(const struct leat__wheel *wheel, unsigned level, uint64_t *ret)
{
    uint64_t low = wheel->occupied[level][0], high = wheel->occupied[level][1], swap;
    uint64_t own = unit_of(wheel->current, level);
    unsigned turn = own % 64;

    if (!(low | high))
        return false;
    if (own & 64) {
        swap = low;
        low = high;
        high = swap;
    }
    if (turn > 0) { /* the bit of the wheel's own unit comes to the lowest place */
        swap = low >> turn | high << (64 - turn);
        high = high >> turn | low << (64 - turn);
        low = swap;
    }
    *ret = own + (unsigned)(low ? __builtin_ctzll(low) : 64 + __builtin_ctzll(high));
    return true;
}

/* Take the lane's first. The next one is on its way into the cache until it is that lane's turn. */
static struct leat__timer *take(struct leat__timer **lane)
{
    struct leat__timer *timer = *lane;

    if (timer) {
        *lane = timer->next;
        if (*lane) {
            (*lane)->prev = lane;
            __builtin_prefetch(*lane, 1);
        }
    }
    return timer;
}

/* What firing needs of a timer that was let go. */
struct shot {
    void (*fire)(void *arg, uint64_t value);
    void    *arg;
    uint64_t value;
};

/* Let go of up to SALVO due timers, at most `max`. Whoever is fired at is on its way into the cache
 * meanwhile: that one is as cold as the timer. */
static unsigned take_due(struct leat__wheel *wheel, struct shot *shots, int max)
{
    struct leat__wheel_slot *due = &wheel->slots[DUE];
    int count = 0;

    for (unsigned i = 0; count < max && count < SALVO && !is_empty(due); i++) {
        struct leat__timer *timer = take(&due->lane[i % LEAT__WHEEL_LANES]);

        if (!timer)
            continue;
        __builtin_prefetch(timer->arg, 1);
        shots[count++] = (struct shot){ timer->fire, timer->arg, timer->value };
        wheel->armed--;
        store_release(&timer->wheel, NULL); /* O1; I4 */
    }
    return (unsigned)count;
}

/* Fire what is due. Returns what is left of the budget, below 0 when that was not enough. */
static int fire_due(struct leat__wheel *wheel, int budget)
{
    struct shot shots[SALVO];

    while (!is_empty(&wheel->slots[DUE])) {
        unsigned count;

        if (budget <= 0)
            return -1;
        count = take_due(wheel, shots, (budget + 1) / 2);
        for (unsigned i = 0; i < count; i++)
            shots[i].fire(shots[i].arg, shots[i].value);
        budget -= 2 * (int)count;
    }
    return budget;
}

/* Move the slot's timers to where they belong by now. Returns as fire_due. */
static int spread(struct leat__wheel *wheel, size_t slot, int budget)
{
    struct leat__wheel_slot *from = &wheel->slots[slot];

    for (unsigned i = 0; !is_empty(from); i++) {
        struct leat__timer *timer;

        if (budget <= 0)
            return -1;
        timer = take(&from->lane[i % LEAT__WHEEL_LANES]);
        if (timer) {
            link_timer(wheel, timer);
            budget--;
        }
    }
    set_occupied(wheel, slot, false);
    return budget;
}

/* Level 0: all in the slot are of the current tick. */
static void pass_to_due(struct leat__wheel *wheel, size_t slot)
{
    struct leat__wheel_slot *due = &wheel->slots[DUE];

    *due = wheel->slots[slot];
    memset(&wheel->slots[slot], 0, sizeof wheel->slots[slot]);
    set_occupied(wheel, slot, false);
    for (int i = 0; i < LEAT__WHEEL_LANES; i++)
        if (due->lane[i])
            due->lane[i]->prev = &due->lane[i];
}

/* With nothing due: go on to the next slot that begins by `target`. Returns false when there is
 * none; else what is left of the budget in *budget. */
static bool advance(struct leat__wheel *wheel, uint64_t target, int *budget)
{
    uint64_t first = UINT64_MAX, unit;
    size_t slot = DUE;

    for (unsigned level = 0; level < LEAT__WHEEL_LEVELS; level++) {
        /* Of two that begin together the upper one comes first: it may hold the same tick. */
        if (first_unit(wheel, level, &unit) && unit << (level * SLOT_BITS) <= first) {
            first = unit << (level * SLOT_BITS);
            slot = slot_of(level, unit);
        }
    }
    if (slot == DUE || first > target)
        return false;
    if (first > wheel->current)
        wheel->current = first;
    if (slot < LEAT__WHEEL_SLOTS)
        pass_to_due(wheel, slot);
    else
        *budget = spread(wheel, slot, *budget);
    return true;
}

/* Spread the slots that are next. */
static int look_ahead(struct leat__wheel *wheel, int budget)
{
    for (unsigned level = 1; level < LEAT__WHEEL_LEVELS && budget >= 0; level++) {
        size_t slot = slot_of(level, unit_of(wheel->current, level) + 1);

        if (wheel->occupied[level][slot % LEAT__WHEEL_SLOTS / 64] >> slot % 64 & 1)
            budget = spread(wheel, slot, budget);
    }
    return budget;
}

/* When the slot is to be looked at: for few timers when the first is due, for many when it can be
 * spread. */
static uint64_t wanted_at(const struct leat__wheel *wheel, unsigned level, uint64_t unit)
{
    const struct leat__wheel_slot *slot = &wheel->slots[slot_of(level, unit)];
    uint64_t exact = UINT64_MAX;
    unsigned seen = 0;

    for (int i = 0; i < LEAT__WHEEL_LANES; i++)
        for (struct leat__timer *timer = slot->lane[i]; timer; timer = timer->next) {
            if (++seen > EXACT_MAX)
                return (unit - 1) << (level * SLOT_BITS);
            if (timer->tick < exact)
                exact = timer->tick;
        }
    return exact;
}

static leat_time next_due(const struct leat__wheel *wheel)
{
    uint64_t first = UINT64_MAX, unit;

    for (unsigned level = 0; level < LEAT__WHEEL_LEVELS; level++) {
        uint64_t at;

        if (!first_unit(wheel, level, &unit) || unit << (level * SLOT_BITS) >= first)
            continue;
        at = level == 0 ? unit : wanted_at(wheel, level, unit);
        if (at < first)
            first = at;
    }
    return time_of(first);
}

leat_time leat__wheel_fire(struct leat__wheel *wheel, leat_time now)
{
    uint64_t target = now > 0 ? (uint64_t)now >> LEAT__TICK_SHIFT : 0;
    int budget = BUDGET;
    leat_time due = now;

    leat__lock(&wheel->lock);
    if (wheel->armed == 0) {
        if (target > wheel->current)
            wheel->current = target;
        leat__unlock(&wheel->lock);
        return LEAT_NEVER;
    }
    do {
        budget = fire_due(wheel, budget);
    } while (budget >= 0 && advance(wheel, target, &budget));
    if (budget >= 0) {
        if (target > wheel->current)
            wheel->current = target;
        budget = look_ahead(wheel, budget);
    }
    if (budget >= 0)
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
