/* SPDX-License-Identifier: MIT */
/* slot.c: the slow sides of slot.h. */
#include "lockfree/slot.h"
#include "platform/barrier.h"

void *leat__slot_settle(struct leat__slot *slot, void *old, void *new)
{
    leat__lock(&slot->lock); /* and who is in the act has finished */
    if (slot->stolen) {
        if (slot->stolen == old)
            old = NULL;
        else if (slot->stolen == new)
            store_relaxed(&slot->item, NULL); /* relaxed: the next thief comes by the lock */
        slot->stolen = NULL;
        store_relaxed(&slot->raided, false); /* relaxed: likewise */
    }
    leat__unlock(&slot->lock);
    return old;
}

void *leat__slot_steal(struct leat__slot *slot)
{
    void *item = NULL;

    if (!leat__slot_holds(slot) || !leat__trylock(&slot->lock))
        return NULL; /* a hint, which saves the barrier */
    if (!slot->stolen) {
        store_relaxed(&slot->raided, true); /* relaxed: ordered by the barrier */
        leat__barrier_all(); /* O1: pairs with the fence in leat__slot_swap and leat__slot_take */
        item = load_acquire(&slot->item); /* O2: pairs with the release in leat__slot_swap */
        slot->stolen = item;
        if (!item)
            store_relaxed(&slot->raided, false); /* relaxed: at worst the owner looks for nothing */
    }
    leat__unlock(&slot->lock);
    return item;
}
