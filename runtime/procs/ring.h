/* SPDX-License-Identifier: MIT */
/* The steps of both sides at a ring (wire.h has its picture and the orders O1 to O3), apart from
 * what they carry, so that the model checker runs these very lines. */
#ifndef LEAT_PROCS_RING_H
#define LEAT_PROCS_RING_H

#include "procs/wire.h"

#include <stdbool.h>

/* ---- the program ---- */

/* The slot is filled: hand it over. Returns whether the worker sleeps and must be woken. */
static inline bool leat__ring_post(struct leat__ring *ring, struct leat__slot *slot)
{
    store_release(&slot->state, LEAT__SLOT_POSTED); /* O1 */
    fence_seq_cst(); /* O3: our POSTED before our look at whether the worker sleeps */
    if (!load_relaxed(&ring->asleep)) /* relaxed: the fence orders it */
        return false;
    store_relaxed(&ring->asleep, 0); /* relaxed: a wake too many is harmless */
    return true;
}

/* Take a posted slot back. False: the worker has begun it. */
static inline bool leat__ring_take_back(struct leat__slot *slot)
{
    uint32_t state = LEAT__SLOT_POSTED;

    /* relaxed: the worker looks at nothing but what POSTED released already */
    return cas_relaxed(&slot->state, &state, LEAT__SLOT_WITHDRAWN);
}

/* acquire: O2; and EMPTY pairs with the worker's release: it has left the slot */
static inline uint32_t leat__ring_state(struct leat__slot *slot)
{
    return load_acquire(&slot->state);
}

/* Before a last look: what is finished from here on rings the bell. One fence serves many rings. */
static inline void leat__ring_listen(struct leat__ring *ring)
{
    store_relaxed(&ring->listening, 1); /* relaxed: the fence orders it */
}
static inline void leat__rings_listened(void)
{
    fence_seq_cst(); /* O3: our listening before our look; pairs with leat__ring_finish's */
}

/* ---- the worker ---- */

static inline bool leat__ring_is_for_worker(struct leat__slot *slot)
{
    uint32_t state = load_acquire(&slot->state); /* acquire: O1 */

    return state == LEAT__SLOT_POSTED || state == LEAT__SLOT_WITHDRAWN;
}

/* Going to sleep until the slot is for us: false when it is, by now. */
static inline bool leat__ring_doze(struct leat__ring *ring, struct leat__slot *slot)
{
    store_relaxed(&ring->asleep, 1); /* relaxed: the fence orders it */
    fence_seq_cst();                 /* O3: pairs with leat__ring_post's */
    return !leat__ring_is_for_worker(slot);
}

/* False: it was taken back, and is to be left. */
static inline bool leat__ring_begin(struct leat__slot *slot)
{
    uint32_t state = LEAT__SLOT_POSTED;

    /* acquire: O1; release: nothing, the program reads it only after our death */
    return cas_acquire(&slot->state, &state, LEAT__SLOT_RUNNING);
}

/* The slot is the program's again: DONE with an answer, EMPTY when it was taken back. Returns
 * whether the bell must be rung. */
static inline bool leat__ring_finish(struct leat__ring *ring, struct leat__slot *slot,
                                     enum leat__slot_state state)
{
    store_release(&slot->state, state); /* O2 */
    fence_seq_cst(); /* O3: our DONE before our look at whether the program sleeps */
    if (!load_relaxed(&ring->listening)) /* relaxed: the fence orders it */
        return false;
    store_relaxed(&ring->listening, 0); /* relaxed: an extra ring is harmless */
    return true;
}

#endif
