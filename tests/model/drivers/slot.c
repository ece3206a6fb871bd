/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/slot.c lockfree/lock.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * The owner's slot: each item that is put comes out once, to its owner or to a thief, with what was
 * written into it; also one that is put again before its theft was settled. */
#include "items.h"
#include "lockfree/slot.h"

static struct leat__slot slot;
static LEAT_ATOMIC(bool) returned; /* item 0, by the thief that had taken it */

static void keep(void *item)
{
    if (item)
        item_take(item);
}

static void own(void *arg)
{
    (void)arg;
    keep(leat__slot_swap(&slot, item_make(0)));
    keep(leat__slot_swap(&slot, item_make(1)));
    keep(leat__slot_take(&slot));
    keep(leat__slot_take(&slot));
}

static void steal(void *arg)
{
    (void)arg;
    keep(leat__slot_steal(&slot));
}

static void steal_twice(void *arg)
{
    steal(arg);
    steal(arg);
}

static void begin(void)
{
    items_reset();
    slot = (struct leat__slot){ 0 };
    returned = false;
}

MODEL_DRIVER(slot_item_comes_out_once, .preemptions = 3)
{
    begin();
    model_run_all(own, steal);
    items_check_taken(2);
    model_check(!slot.item && !slot.stolen && !slot.raided);
}

MODEL_DRIVER(slot_two_raids_take_nothing_twice)
{
    begin();
    model_run_all(own, steal_twice);
    items_check_taken(2);
    model_check(!slot.stolen && !slot.raided);
}

MODEL_DRIVER(slot_two_thieves_take_nothing_twice, .stale = 1)
{
    begin();
    model_run_all(own, steal, steal);
    items_check_taken(2);
    model_check(!slot.stolen && !slot.raided);
}

/* ---- an item that goes round ---- */

static void own_and_put_again(void *arg)
{
    (void)arg;
    keep(leat__slot_swap(&slot, item_make(0)));
    if (load_acquire(&returned)) { /* pairs with steal_and_return */
        items[0].takers = 0;
        keep(leat__slot_swap(&slot, item_make(0)));
    }
    keep(leat__slot_take(&slot));
}

static void steal_and_return(void *arg)
{
    void *item = leat__slot_steal(&slot);

    (void)arg;
    if (!item)
        return;
    item_take(item);
    store_release(&returned, true); /* pairs with own_and_put_again */
    keep(leat__slot_steal(&slot));
}

MODEL_DRIVER(slot_item_is_put_again_before_its_theft_was_settled, .preemptions = 3)
{
    begin();
    model_run_all(own_and_put_again, steal_and_return);
    model_check(items[0].takers == 1);
    model_check(!slot.stolen && !slot.raided && !slot.item);
}
