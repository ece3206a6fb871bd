/* SPDX-License-Identifier: MIT */
/* The slot of lockfree/slot.h, on real threads: what is put comes out once. */
#include "harness/test.h"
#include "lockfree/slot.h"
#include "platform/barrier.h"

#include <pthread.h>
#include <stdlib.h>

struct parcel {
    size_t value; /* plain: whoever has the parcel may write */
};

struct raid {
    struct leat__slot slot;
    LEAT_ATOMIC(bool) over;
    LEAT_ATOMIC(size_t) stolen;
};

static void *steal_again_and_again(void *arg)
{
    struct raid *raid = arg;
    size_t count = 0;

    while (!load_acquire(&raid->over)) {
        struct parcel *parcel = leat__slot_steal(&raid->slot);

        if (parcel) {
            expect_eq(parcel->value, 1);
            parcel->value = 2;
            count++;
        }
    }
    fetch_add_relaxed(&raid->stolen, count);
    return NULL;
}

static size_t keep(struct parcel *parcel)
{
    if (!parcel)
        return 0;
    expect_eq(parcel->value, 1);
    parcel->value = 3;
    return 1;
}

LEAT_TEST(slot, each_item_comes_out_once_to_its_owner_or_a_thief)
{
    size_t count = test_rounds(1000000, 10000000), kept = 0;
    struct parcel *parcels = calloc(count, sizeof *parcels);
    struct raid raid = { .over = false };
    pthread_t thieves[2];

    if (!leat__barrier_prepare())
        test_skip("the kernel refuses membarrier");
    assert_not_null(parcels);
    for (int i = 0; i < 2; i++)
        assert_ok(pthread_create(&thieves[i], NULL, steal_again_and_again, &raid));
    for (size_t i = 0; i < count; i++) {
        parcels[i].value = 1;
        kept += keep(leat__slot_swap(&raid.slot, &parcels[i]));
        if (i % 3 == 0 && leat__slot_peek(&raid.slot))
            kept += keep(leat__slot_take(&raid.slot));
    }
    kept += keep(leat__slot_take(&raid.slot));
    store_release(&raid.over, true);
    for (int i = 0; i < 2; i++)
        expect_ok(pthread_join(thieves[i], NULL));
    expect_eq(kept + load_relaxed(&raid.stolen), count);
    for (size_t i = 0; i < count; i++)
        expect_ge(parcels[i].value, 2);
    expect_null(leat__slot_peek(&raid.slot));
    free(parcels);
}
