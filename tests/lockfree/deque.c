/* SPDX-License-Identifier: MIT */
/* The deque of new tasks: the newest by tag, the oldest in order, and nothing twice or never. */
#include "lockfree/deque.h"
#include "harness/test.h"
#include "platform/barrier.h"

#include <pthread.h>
#include <stdlib.h>

struct item {
    struct leat__link   link;
    LEAT_ATOMIC(unsigned) taken;
};

static char tag_a, tag_b;

LEAT_TEST(deque, the_newest_comes_out_only_under_its_tag)
{
    struct leat__deque deque;
    struct item items[3] = { 0 };

    assert_ok(leat__deque_init(&deque));
    expect(leat__deque_push(&deque, &items[0].link, &tag_a));
    expect(leat__deque_push(&deque, &items[1].link, &tag_b));
    expect_null(leat__deque_take_newest(&deque, &tag_a, false));
    expect(leat__deque_take_newest(&deque, &tag_b, false) == &items[1].link);
    expect(leat__deque_take_newest(&deque, &tag_a, true) == &items[0].link);
    expect_null(leat__deque_take_newest(&deque, &tag_a, false));
    expect_eq(leat__deque_len(&deque), 0u);
    leat__deque_fini(&deque);
}

LEAT_TEST(deque, the_oldest_come_out_in_order_also_after_growing)
{
    enum { COUNT = 5 * LEAT__DEQUE_SLOTS };
    struct leat__deque deque;
    struct item *items = calloc(COUNT, sizeof *items);
    bool raced;

    assert_ok(leat__deque_init(&deque));
    for (int i = 0; i < COUNT; i++) {
        expect(leat__deque_push(&deque, &items[i].link, &tag_a));
        if (i % 5 == 4) /* so that the ring has wrapped when it grows */
            expect(leat__deque_take_oldest(&deque, i % 2) == &items[i / 5].link);
    }
    for (int i = COUNT / 5; i < COUNT; i += 2) {
        expect(leat__deque_steal(&deque, &raced) == &items[i].link);
        expect(!raced);
        if (i + 1 < COUNT)
            expect(leat__deque_take_oldest(&deque, false) == &items[i + 1].link);
    }
    expect_null(leat__deque_take_oldest(&deque, true));
    expect_null(leat__deque_steal(&deque, &raced));
    leat__deque_fini(&deque);
    free(items);
}

LEAT_TEST(deque, without_thieves_an_outgrown_ring_is_freed_and_the_order_stays)
{
    enum { COUNT = 5 * LEAT__DEQUE_SLOTS };
    struct leat__deque deque;
    struct item *items = calloc(COUNT, sizeof *items);
    struct leat__deque_ring *ring;

    assert_ok(leat__deque_init(&deque));
    deque.alone = true;
    for (int i = 0; i < COUNT; i++) {
        expect(leat__deque_push(&deque, &items[i].link, &tag_a));
        if (i % 5 == 4)
            expect(leat__deque_take_oldest(&deque, true) == &items[i / 5].link);
    }
    ring = load_relaxed(&deque.ring); /* relaxed: one thread */
    expect(ring->slots > LEAT__DEQUE_SLOTS);
    expect_null(ring->outgrown);
    for (int i = COUNT / 5; i < COUNT; i++)
        expect(leat__deque_take_oldest(&deque, true) == &items[i].link);
    leat__deque_fini(&deque);
    free(items);
}

enum { THIEVES = 3 };

struct raid {
    struct leat__deque *deque;
    LEAT_ATOMIC(bool)  *over;
    unsigned            rest; /* pauses between two raids */
    unsigned            taken;
};

static unsigned take(struct leat__link *link)
{
    struct item *item = (struct item *)(void *)link;

    return fetch_add_relaxed(&item->taken, 1) == 0; /* relaxed: a count */
}

static void *raid(void *arg)
{
    struct raid *mine = arg;
    struct leat__link *link;
    bool raced;

    for (;;) {
        bool over = load_acquire(mine->over); /* before the last look; pairs with its release */

        leat__deque_raid(mine->deque);
        while ((link = leat__deque_steal(mine->deque, &raced)) || raced)
            if (link)
                mine->taken += take(link);
        leat__deque_leave(mine->deque);
        if (over)
            return NULL;
        for (unsigned i = 0; i < mine->rest; i++)
            cpu_relax();
    }
}

/* The owner works at both ends while thieves work at one; the deque stays near empty, where they
 * meet. */
static void race(unsigned thieves, unsigned rest, bool fenced)
{
    const unsigned count = (unsigned)(test_rounds(400000, 20000000) / TEST_SLOWDOWN);
    struct leat__deque deque;
    struct item *items = calloc(count, sizeof *items);
    LEAT_ATOMIC(bool) over = false;
    pthread_t threads[THIEVES];
    struct raid raids[THIEVES];
    unsigned taken = 0;

    assert_ok(leat__deque_init(&deque));
    if (fenced)
        leat__deque_fence(&deque);
    for (unsigned i = 0; i < thieves; i++) {
        raids[i] = (struct raid){ &deque, &over, rest, 0 };
        assert_ok(pthread_create(&threads[i], NULL, raid, &raids[i]));
    }
    for (unsigned i = 0; i < count; i++) {
        struct leat__link *link;

        expect(leat__deque_push(&deque, &items[i].link, &tag_a));
        link = i % 3 == 0   ? leat__deque_take_newest(&deque, &tag_a, false)
               : i % 7 == 0 ? leat__deque_take_oldest(&deque, false)
                            : NULL;
        if (link)
            taken += take(link);
    }
    store_release(&over, true); /* pairs with the acquire in raid */
    for (unsigned i = 0; i < thieves; i++) {
        assert_ok(pthread_join(threads[i], NULL));
        taken += raids[i].taken;
    }
    expect_eq(taken, count);
    for (unsigned i = 0; i < count; i++)
        assert_eq(load_relaxed(&items[i].taken), 1u); /* relaxed: the threads have ended */
    leat__deque_fini(&deque);
    free(items);
}

LEAT_TEST(deque, every_item_is_taken_once_whoever_races)
{
    if (leat__barrier_prepare())
        race(THIEVES, 0, false);
    race(THIEVES, 0, true);
}

/* Most of the time there is no raid, so that the owner goes without its fence, and it meets one
 * that begins or ends. */
LEAT_TEST(deque, every_item_is_taken_once_where_raids_come_and_go)
{
    if (!leat__barrier_prepare())
        test_skip("the kernel has no barrier");
    race(1, 20, false);
    race(2, 200, false);
}
