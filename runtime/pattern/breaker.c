/* SPDX-License-Identifier: MIT */
/* A circuit breaker (Nygard, "Release It!", 2007).
 *
 *              too many of the window's calls failed
 *      CLOSED -----------------------------------------> OPEN <------------+
 *        ^                                                 | open_for      | a probe failed
 *        |                                                 v               |
 *        +---------------------------------------------- HALF_OPEN --------+
 *                 as many probes succeeded as are asked for
 *
 * The window is a ring of slices, each with its calls and failures; a slice is cleared when it
 * comes round again. A list of times would be exact and would grow with the rate.
 *
 * INVARIANTS (under the lock)
 *   I1  turn counts the changes of state. A ticket carries the turn it was given in, and the result
 *       of a call that began in another turn is not counted: it tells of a time that is over.
 *   I2  probing is the number of tickets of this turn that are out, in HALF_OPEN.
 *   I3  on_change is called without the lock, so that it may ask the breaker; of two changes that
 *       follow each other at once the calls may come in either order. */
#include "lockfree/lock.h"

#include <leat/pattern.h>

#include <errno.h>
#include <string.h>

#define SLICES 10

struct breaker {
    struct leat__lock lock;
    uint8_t           state;
    bool              set; /* by init; else the defaults hold */
    uint32_t          turn;
    leat_time         window, open_for;
    unsigned          calls_min, percent, probes;
    bool (*is_failure)(void *arg, int result);
    void (*on_change)(void *arg, enum leat_breaker_state state);
    void *arg;

    leat_time opened;
    unsigned  probing, proved;
    int64_t   now; /* the slice that is counted in, by its number since time began */
    uint32_t  calls[SLICES], failures[SLICES];
} __attribute__((may_alias)); /* lies in a struct leat_breaker of the caller's */

_Static_assert(sizeof(struct breaker) <= sizeof(struct leat_breaker), "it has room");

static struct breaker *inside(struct leat_breaker *breaker)
{
    return (struct breaker *)(void *)breaker;
}

static void apply(struct breaker *breaker, const struct leat_breaker_options *options)
{
    breaker->window = options->window ? options->window : 10 * LEAT_SEC;
    breaker->calls_min = options->calls_min ? options->calls_min : 10;
    breaker->percent = options->percent ? options->percent : 50;
    breaker->open_for = options->open_for ? options->open_for : 5 * LEAT_SEC;
    breaker->probes = options->probes ? options->probes : 1;
    breaker->is_failure = options->is_failure;
    breaker->on_change = options->on_change;
    breaker->arg = options->arg;
    breaker->set = true;
}

int leat_breaker_init(struct leat_breaker *public, const struct leat_breaker_options *options)
{
    static const struct leat_breaker_options defaults = { .size = sizeof defaults };

    if (!options)
        options = &defaults;
    if (options->size != sizeof *options || options->window < 0 || options->open_for < 0 ||
        options->percent > 100 || (options->window > 0 && options->window < SLICES))
        return -EINVAL;
    *public = (struct leat_breaker){ { 0 } };
    apply(inside(public), options);
    return 0;
}

static void lock(struct breaker *breaker)
{
    static const struct leat_breaker_options defaults = { .size = sizeof defaults };

    leat__lock(&breaker->lock);
    if (!breaker->set)
        apply(breaker, &defaults);
}

/* ---- with the lock held ---- */

static void change(struct breaker *breaker, enum leat_breaker_state state)
{
    breaker->state = (uint8_t)state;
    breaker->turn++; /* I1 */
    breaker->probing = breaker->proved = 0;
    memset(breaker->calls, 0, sizeof breaker->calls);
    memset(breaker->failures, 0, sizeof breaker->failures);
    if (state == LEAT_BREAKER_OPEN)
        breaker->opened = leat_now();
}

/* The slice of this moment, cleared of what is older than the window. */
static unsigned slice(struct breaker *breaker)
{
    int64_t now = leat_now() / (breaker->window / SLICES);

    if (now - breaker->now > SLICES)
        breaker->now = now - SLICES;
    while (breaker->now < now) {
        breaker->now++;
        breaker->calls[breaker->now % SLICES] = 0;
        breaker->failures[breaker->now % SLICES] = 0;
    }
    return (unsigned)(breaker->now % SLICES);
}

/* Returns whether that was one too many. */
static bool count(struct breaker *breaker, bool failed)
{
    unsigned at = slice(breaker);
    uint64_t calls = 0, failures = 0;

    breaker->calls[at]++;
    breaker->failures[at] += failed;
    if (!failed)
        return false;
    for (unsigned i = 0; i < SLICES; i++) {
        calls += breaker->calls[i];
        failures += breaker->failures[i];
    }
    return calls >= breaker->calls_min && failures * 100 >= calls * breaker->percent;
}

static void probed(struct breaker *breaker, bool failed)
{
    if (failed)
        change(breaker, LEAT_BREAKER_OPEN);
    else if (++breaker->proved >= breaker->probes)
        change(breaker, LEAT_BREAKER_CLOSED);
}

/* ---- */

/* Release the lock, and tell of a change if there was one since `turn` (I3). */
static void unlock(struct breaker *breaker, uint32_t turn)
{
    bool                    changed = breaker->turn != turn && breaker->on_change;
    enum leat_breaker_state state = (enum leat_breaker_state)breaker->state;

    leat__unlock(&breaker->lock);
    if (changed)
        breaker->on_change(breaker->arg, state);
}

int leat_breaker_enter(struct leat_breaker *public, uint64_t *ticket)
{
    struct breaker *breaker = inside(public);
    uint32_t        turn;
    int             err = 0;

    lock(breaker);
    turn = breaker->turn;
    if (breaker->state == LEAT_BREAKER_OPEN && leat_now() - breaker->opened >= breaker->open_for)
        change(breaker, LEAT_BREAKER_HALF_OPEN);
    if (breaker->state == LEAT_BREAKER_OPEN ||
        (breaker->state == LEAT_BREAKER_HALF_OPEN &&
         breaker->probing + breaker->proved >= breaker->probes)) {
        err = -EHOSTDOWN;
    } else {
        if (breaker->state == LEAT_BREAKER_HALF_OPEN)
            breaker->probing++; /* I2 */
        *ticket = breaker->turn;
    }
    unlock(breaker, turn);
    return err;
}

void leat_breaker_leave(struct leat_breaker *public, uint64_t ticket, int result)
{
    struct breaker *breaker = inside(public);
    bool            says = result != -ECANCELED;
    bool            failed =
        says && (breaker->is_failure ? breaker->is_failure(breaker->arg, result) : result < 0);
    uint32_t turn;

    lock(breaker);
    turn = breaker->turn;
    if (ticket == turn) { /* I1 */
        if (breaker->state == LEAT_BREAKER_HALF_OPEN) {
            breaker->probing--; /* I2 */
            if (says)
                probed(breaker, failed);
        } else if (says && count(breaker, failed)) {
            change(breaker, LEAT_BREAKER_OPEN);
        }
    }
    unlock(breaker, turn);
}

int leat_breaker_call(struct leat_breaker *breaker, leat_task_fn *fn, void *arg)
{
    uint64_t ticket = 0;
    int      result = leat_breaker_enter(breaker, &ticket);

    if (result)
        return result;
    result = fn(arg);
    leat_breaker_leave(breaker, ticket, result);
    return result;
}

enum leat_breaker_state leat_breaker_state(struct leat_breaker *public)
{
    struct breaker         *breaker = inside(public);
    enum leat_breaker_state state;

    lock(breaker);
    state = (enum leat_breaker_state)breaker->state;
    leat__unlock(&breaker->lock);
    return state;
}
