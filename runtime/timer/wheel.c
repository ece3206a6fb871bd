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

/* Timers armed one after the other that share a lane. */
#define LANE_ARMS 256

/* Timers that are let go together before the first of them is fired. */
#define SALVO 16

static inline void enter(struct leat__wheel *wheel)
{
    if (__builtin_expect(wheel->shared, 0))
        leat__lock(&wheel->token.lock);
    else
        leat__token_enter(&wheel->token);
}

static inline void leave(struct leat__wheel *wheel)
{
    if (__builtin_expect(wheel->shared, 0))
        leat__unlock(&wheel->token.lock);
    else
        leat__token_leave(&wheel->token);
}

/* Anybody but the owner. */
static void visit(struct leat__wheel *wheel)
{
    if (wheel->shared)
        leat__lock(&wheel->token.lock);
    else
        leat__token_claim(&wheel->token);
}

static void end_visit(struct leat__wheel *wheel)
{
    if (wheel->shared)
        leat__unlock(&wheel->token.lock);
    else
        leat__token_give(&wheel->token);
}

/* The tick at or after `when`: rounding up is what makes timers never early. */
static uint64_t tick_at(leat_time when)
{
    return when > 0 ? ((uint64_t)when + (LEAT__TICK_NS - 1)) >> LEAT__TICK_SHIFT : 0;
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

static void clear_occupied(struct leat__wheel *wheel, size_t slot)
{
    wheel->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

static bool is_empty(const struct leat__wheel_slot *slot)
{
    bool empty = true;

    for (int i = 0; i < LEAT__WHEEL_LANES; i++)
        empty = empty && !slot->lane[i];
    return empty;
}

/* What arm and disarm are made of: not inlined, they would save registers for the rare call. */
#define INLINE static inline __attribute__((always_inline))

INLINE void push_timer(struct leat__timer *timer, struct leat__timer **lane)
{
    struct leat__timer *next = *lane;

    timer->next = next;
    timer->prev = lane;
    if (next)
        next->prev = &timer->next;
    *lane = timer;
}

INLINE void link_at(struct leat__wheel *wheel, struct leat__timer *timer, size_t slot,
                    uint64_t lane)
{
    wheel->occupied[slot / 64] |= UINT64_C(1) << slot % 64; /* I5 */
    push_timer(timer, &wheel->slots[slot].lane[lane % LEAT__WHEEL_LANES]);
}

/* I1: to the lowest level. */
static void sink(struct leat__wheel *wheel, struct leat__timer *timer, unsigned lane)
{
    uint64_t tick = timer->tick, current = wheel->current;
    unsigned level;

    if (tick <= current) {
        push_timer(timer, &wheel->slots[DUE].lane[lane % LEAT__WHEEL_LANES]);
        return;
    }
    level = (unsigned)(63 - __builtin_clzll(tick ^ current)) / SLOT_BITS;
    while (level > 0 && unit_of(tick, level) - unit_of(current, level) <= 1)
        level--;
    link_at(wheel, timer, slot_of(level, unit_of(tick, level)), lane);
}

INLINE void unlink_timer(struct leat__timer *timer)
{
    struct leat__timer *next = timer->next, **prev = timer->prev;

    *prev = next;
    if (next)
        next->prev = prev;
}

INLINE void arm(struct leat__wheel *wheel, struct leat__timer *timer, uint64_t tick)
{
    uint64_t current = wheel->current;
    unsigned level;

    if (__builtin_expect(tick <= current, 0))
        tick = current + 1;
    timer->tick = tick;
    /* relaxed: only the owner and, after it has the token, a disarm look at it */
    store_relaxed(&timer->wheel, wheel);
    /* I1: 64^level ticks or more ahead, thus in a later unit; and less than 64 times as many, thus
     * in the level above in this unit or in the next. */
    level = (unsigned)(63 - __builtin_clzll(tick - current)) / SLOT_BITS;
    link_at(wheel, timer, slot_of(level, unit_of(tick, level)), wheel->armed / LANE_ARMS);
    wheel->armed++;
}

/* A helper has the token, or there is none. */
static __attribute__((noinline)) void arm_behind(struct leat__wheel *wheel,
                                                 struct leat__timer *timer, uint64_t tick)
{
    enter(wheel);
    arm(wheel, timer, tick);
    leave(wheel);
}

void leat__timer_arm(struct leat__wheel *wheel, struct leat__timer *timer, leat_time when)
{
    uint64_t tick = tick_at(when);

    if (leat__token_enter_free(&wheel->token)) {
        arm(wheel, timer, tick);
        leat__token_leave(&wheel->token);
    } else {
        arm_behind(wheel, timer, tick);
    }
}

INLINE void disarm(struct leat__wheel *wheel, struct leat__timer *timer)
{
    if (load_relaxed(&timer->wheel)) { /* relaxed: the token orders it */
        unlink_timer(timer);
        wheel->ended++;
        store_relaxed(&timer->wheel, NULL); /* relaxed: our own thread goes on to reuse it */
    }
}

static __attribute__((noinline)) void disarm_behind(struct leat__timer *timer,
                                                    struct leat__wheel *wheel, bool mine)
{
    if (mine)
        enter(wheel);
    else
        visit(wheel);
    disarm(wheel, timer);
    if (mine)
        leave(wheel);
    else
        end_visit(wheel);
}

void leat__timer_disarm(struct leat__timer *timer, struct leat__wheel *mine)
{
    struct leat__wheel *wheel = load_acquire(&timer->wheel); /* O1 */

    if (!wheel)
        return;
    if (__builtin_expect(wheel == mine, 1) && leat__token_enter_free(&wheel->token)) {
        disarm(wheel, timer);
        leat__token_leave(&wheel->token);
    } else {
        disarm_behind(timer, wheel, wheel == mine);
    }
}

/* The level's first occupied unit: the wheel's own, which is then being spread, or one above. */
static bool first_unit(const struct leat__wheel *wheel, unsigned level, uint64_t *ret)
{
    uint64_t low = wheel->occupied[2 * level], high = wheel->occupied[2 * level + 1], swap;
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
        shots[count++] = (struct shot){ timer->arg, timer->value };
        wheel->ended++;
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
            wheel->fire(shots[i].arg, shots[i].value);
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
            sink(wheel, timer, i);
            budget--;
        }
    }
    clear_occupied(wheel, slot);
    return budget;
}

/* Level 0: all in the slot are of the current tick. */
static void pass_to_due(struct leat__wheel *wheel, size_t slot)
{
    struct leat__wheel_slot *due = &wheel->slots[DUE];

    *due = wheel->slots[slot];
    memset(&wheel->slots[slot], 0, sizeof wheel->slots[slot]);
    clear_occupied(wheel, slot);
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

        if (wheel->occupied[slot / 64] >> slot % 64 & 1)
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

static leat_time next_due(struct leat__wheel *wheel)
{
    uint64_t first = UINT64_MAX, unit;

    for (unsigned level = 0; level < LEAT__WHEEL_LEVELS; level++) {
        uint64_t at;

        while (first_unit(wheel, level, &unit) && unit << (level * SLOT_BITS) < first) {
            if (is_empty(&wheel->slots[slot_of(level, unit)])) { /* I5 */
                clear_occupied(wheel, slot_of(level, unit));
                continue;
            }
            at = level == 0 ? unit : wanted_at(wheel, level, unit);
            if (at < first)
                first = at;
            break;
        }
    }
    return time_of(first);
}

static leat_time look(struct leat__wheel *wheel, leat_time now)
{
    uint64_t target = now > 0 ? (uint64_t)now >> LEAT__TICK_SHIFT : 0;
    int budget = BUDGET;
    leat_time due = now;

    if (wheel->armed == wheel->ended) {
        if (target > wheel->current)
            wheel->current = target;
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
    return due;
}

leat_time leat__wheel_fire(struct leat__wheel *wheel, leat_time now)
{
    leat_time due;

    enter(wheel);
    due = look(wheel, now);
    leave(wheel);
    return due;
}

void leat__wheel_relieve(struct leat__wheel *wheel, leat_time now)
{
    if (wheel->shared)
        leat__lock(&wheel->token.lock);
    else if (!leat__token_take(&wheel->token))
        return;
    (void)look(wheel, now);
    end_visit(wheel);
}

uint64_t leat__wheel_armed(struct leat__wheel *wheel)
{
    uint64_t armed;

    visit(wheel);
    armed = wheel->armed - wheel->ended;
    end_visit(wheel);
    return armed;
}

static leat_time ticker_fire(struct leat__ticker *ticker, leat_time now)
{
    return leat__wheel_fire(leat__container_of(ticker, struct leat__wheel, ticker), now);
}

static void ticker_relieve(struct leat__ticker *ticker, leat_time now)
{
    leat__wheel_relieve(leat__container_of(ticker, struct leat__wheel, ticker), now);
}

void leat__wheel_share(struct leat__wheel *wheel)
{
    wheel->shared = true;
    /* relaxed: nobody else has it yet. Never taken back: the owner's short way is closed */
    store_relaxed(&wheel->token.wanted, true);
}

void leat__wheel_init(struct leat__wheel *wheel, leat_time now,
                      void (*fire)(void *arg, uint64_t value))
{
    memset(wheel, 0, sizeof *wheel);
    wheel->fire = fire;
    wheel->ticker.fire = ticker_fire;
    wheel->ticker.relieve = ticker_relieve;
    wheel->current = now > 0 ? (uint64_t)now >> LEAT__TICK_SHIFT : 0;
}
