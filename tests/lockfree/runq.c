/* SPDX-License-Identifier: MIT */
/* The run queue: order, bounds, halves, and a storm of thieves. Its interleavings are tried in
 * tests/model. */
#include "lockfree/runq.h"
#include "platform/barrier.h"

#include "items.h"

enum { SLOTS = LEAT__RUNQ_SLOTS };

static struct leat__runq ring, other;

/* For threads that steal: by the kernel's barrier, or by fences. */
static void begin(struct leat__runq *q, bool fenced)
{
    assert_ok(leat__runq_init(q));
    if (fenced || !leat__barrier_prepare())
        leat__runq_fence(q);
}

static void reset(uint64_t start)
{
    leat__runq_fini(&ring);
    leat__runq_fini(&other);
    begin(&ring, false);
    begin(&other, false);
    store_relaxed(&ring.head, start); /* relaxed: no other thread */
    store_relaxed(&ring.tail, start);
    store_relaxed(&ring.taken, start);
    ring.next = start;
}

static void fill(struct leat__runq *q, struct item *items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        expect(leat__runq_push(q, &items[i].link));
}

LEAT_TEST(runq, owner_pops_in_the_order_of_pushes)
{
    struct item *items = items_create(SLOTS);

    reset(0);
    expect_null(leat__runq_pop(&ring));
    expect_null(leat__runq_peek(&ring));
    fill(&ring, items, SLOTS);
    for (uint32_t i = 0; i < SLOTS; i++) {
        expect_eq(leat__runq_len(&ring), SLOTS - i);
        expect_eq(leat__runq_peek(&ring), &items[i].link);
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    }
    expect_null(leat__runq_pop(&ring));
    items_destroy(items, SLOTS);
}

LEAT_TEST(runq, full_ring_refuses_and_half_of_it_makes_room)
{
    struct item *items = items_create(SLOTS + 1);
    struct leat__batch batch = { 0 };

    reset(12345);
    fill(&ring, items, SLOTS);
    expect(!leat__runq_push(&ring, &items[SLOTS].link));
    expect_eq(leat__runq_take_half(&ring, &batch), SLOTS / 2);
    expect_eq(batch.count, SLOTS / 2);
    expect_eq(batch.first, &items[0].link);
    expect_eq(batch.last, &items[SLOTS / 2 - 1].link);
    expect(leat__runq_push(&ring, &items[SLOTS].link));
    expect_eq(leat__runq_len(&ring), SLOTS / 2 + 1);
    items_take(&batch);
    while (leat__runq_pop_batch(&ring, 7, &batch) > 0)
        items_take(&batch);
    items_destroy(items, SLOTS + 1);
}

LEAT_TEST(runq, batch_that_does_not_fit_keeps_its_rest)
{
    struct item *items = items_create(SLOTS + 10);
    struct leat__batch batch = { 0 };

    reset(0);
    for (uint32_t i = 0; i < SLOTS + 10; i++)
        leat__batch_push(&batch, &items[i].link);
    expect_eq(leat__runq_push_batch(&ring, &batch), SLOTS);
    expect_eq(batch.count, 10);
    expect_eq(leat__runq_push_batch(&ring, &batch), 0);
    expect_eq(items_take(&batch), 10);
    expect_eq(leat__runq_pop_batch(&ring, UINT32_MAX, &batch), SLOTS);
    expect_eq(item_take(leat__batch_pop(&batch)), 0);
    expect_eq(items_take(&batch), SLOTS - 1);
    items_destroy(items, SLOTS + 10);
}

LEAT_TEST(runq, a_rotation_puts_the_item_last_and_tells_of_those_to_come)
{
    struct item *items = items_create(SLOTS + 1);
    struct leat__link *near = NULL, *far = NULL;

    reset(UINT64_MAX - 3); /* indices wrap at once: only differences count */
    fill(&ring, items, SLOTS); /* full: the one that goes makes room for the one that comes */
    for (uint32_t i = 0; i <= SLOTS; i++) {
        struct item *comes = &items[(SLOTS + i) % (SLOTS + 1)];
        struct leat__link *first = leat__runq_rotate(&ring, &comes->link, &near, &far);

        expect_eq(leat__runq_len(&ring), SLOTS - 1);
        leat__runq_show(&ring);
        expect_eq(leat__runq_len(&ring), SLOTS);
        expect(first == leat__runq_peek(&ring));
        expect(first == &items[(i + 1) % (SLOTS + 1)].link);
        expect(near == &items[(i + 1 + LEAT__RUNQ_NEAR) % (SLOTS + 1)].link);
        expect(far == &items[(i + 1 + LEAT__RUNQ_FAR) % (SLOTS + 1)].link);
    }
    for (uint32_t i = 0; i < SLOTS - LEAT__RUNQ_FAR; i++)
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    expect_eq(item_take(leat__runq_peek(&ring)), SLOTS - LEAT__RUNQ_FAR);
    leat__runq_rotate(&ring, &items[SLOTS].link, &near, &far);
    leat__runq_show(&ring);
    expect_null(near);
    expect_null(far);
    for (uint32_t i = SLOTS - LEAT__RUNQ_FAR + 1; i <= SLOTS; i++)
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    items_destroy(items, SLOTS + 1);
}

LEAT_TEST(runq, without_thieves_an_outgrown_ring_is_freed_and_the_order_stays)
{
    struct item *items = items_create(SLOTS * 2);
    struct leat__runq_ring *old;

    reset(777);
    ring.alone = true;
    old = leat__runq_ring(&ring);
    fill(&ring, items, SLOTS);
    expect(leat__runq_grow(&ring));
    expect(leat__runq_ring(&ring) != old);
    expect_null(leat__runq_ring(&ring)->outgrown);
    fill(&ring, items + SLOTS, SLOTS);
    for (uint32_t i = 0; i < SLOTS * 2; i++)
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    expect_null(leat__runq_pop(&ring));
    items_destroy(items, SLOTS * 2);
}

LEAT_TEST(runq, full_ring_grows_and_keeps_the_order)
{
    struct item *items = items_create(SLOTS * 5 / 2);

    reset(777);
    fill(&ring, items, SLOTS);
    for (uint32_t i = 0; i < SLOTS / 2; i++)
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    fill(&ring, items + SLOTS, SLOTS / 2); /* it wraps */
    expect_eq(leat__runq_room(&ring), 0);
    expect(leat__runq_grow(&ring));
    expect_eq(leat__runq_room(&ring), SLOTS);
    fill(&ring, items + SLOTS + SLOTS / 2, SLOTS);
    for (uint32_t i = SLOTS / 2; i < SLOTS * 5 / 2; i++)
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    expect_null(leat__runq_pop(&ring));
    items_destroy(items, SLOTS * 5 / 2);
}

LEAT_TEST(runq, thief_takes_no_more_than_a_batch)
{
    struct item *items = items_create(SLOTS * 4);
    struct leat__batch batch = { 0 };
    uint32_t count;

    reset(0);
    expect(leat__runq_grow(&ring) && leat__runq_grow(&ring));
    expect(leat__runq_grow(&other) && leat__runq_grow(&other));
    fill(&ring, items, SLOTS * 4);
    expect_eq(item_take(leat__runq_steal_half(&ring, &other, &count)), 0);
    expect_eq(count, SLOTS);
    leat__runq_pop_batch(&ring, UINT32_MAX, &batch);
    leat__runq_pop_batch(&other, UINT32_MAX, &batch);
    expect_eq(items_take(&batch), SLOTS * 4 - 1);
    items_destroy(items, SLOTS * 4);
}

LEAT_TEST(runq, thief_takes_half_rounded_up_and_keeps_the_order)
{
    struct item *items = items_create(7);
    uint32_t count;

    reset(0);
    expect_null(leat__runq_steal_half(&ring, &other, &count));
    expect_eq(count, 0);
    fill(&ring, items, 7);
    expect_eq(item_take(leat__runq_steal_half(&ring, &other, &count)), 0);
    expect_eq(count, 4);
    expect_eq(leat__runq_len(&ring), 3);
    for (uint32_t i = 1; i < 4; i++)
        expect_eq(item_take(leat__runq_pop(&other)), i);
    for (uint32_t i = 4; i < 7; i++)
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    items_destroy(items, 7);
}

LEAT_TEST(runq, owner_that_takes_nothing_is_robbed_again_and_again)
{
    struct item *items = items_create(8);
    struct leat__link *near = NULL, *far = NULL;
    uint32_t count, left = 8;

    reset(UINT64_MAX - 2);
    fill(&ring, items, 8);
    for (uint32_t first = 0; left > 0; first += count, left -= count) {
        expect_eq(item_take(leat__runq_steal_half(&ring, &other, &count)), first);
        expect_eq(count, (left + 1) / 2);
        expect_eq(leat__runq_len(&ring), left - count);
        for (uint32_t i = 1; i < count; i++)
            expect_eq(item_take(leat__runq_pop(&other)), first + i);
    }
    expect_null(leat__runq_steal_half(&ring, &other, &count));
    expect_null(leat__runq_rotate(&ring, &items[0].link, &near, &far));
    expect_null(leat__runq_pop(&ring));
    expect_null(leat__runq_peek(&ring));
    items_destroy(items, 8);
}

LEAT_TEST(runq, what_thieves_took_makes_room_without_growing)
{
    struct item *items = items_create(SLOTS * 3 / 2);
    struct leat__batch batch = { 0 };
    uint32_t count;

    reset(0);
    fill(&ring, items, SLOTS);
    expect_eq(item_take(leat__runq_steal_half(&ring, &other, &count)), 0);
    expect_eq(leat__runq_len(&ring), SLOTS / 2);
    fill(&ring, items + SLOTS, SLOTS / 2);
    expect(!leat__runq_push(&ring, &items[0].link));
    expect_eq(leat__runq_len(&ring), SLOTS);
    leat__runq_pop_batch(&other, SLOTS, &batch);
    expect_eq(items_take(&batch), SLOTS / 2 - 1);
    for (uint32_t i = SLOTS / 2; i < SLOTS * 3 / 2; i++)
        expect_eq(item_take(leat__runq_pop(&ring)), i);
    items_destroy(items, SLOTS * 3 / 2);
}

LEAT_TEST(runq, thief_with_a_full_ring_takes_one)
{
    struct item *items = items_create(2 * SLOTS);
    struct leat__batch batch = { 0 };
    uint32_t count;

    reset(0);
    fill(&ring, items, SLOTS);
    fill(&other, items + SLOTS, SLOTS);
    expect_eq(item_take(leat__runq_steal_half(&ring, &other, &count)), 0);
    expect_eq(count, 1);
    leat__runq_pop_batch(&ring, SLOTS, &batch);
    leat__runq_pop_batch(&other, SLOTS, &batch);
    expect_eq(items_take(&batch), 2 * SLOTS - 1);
    items_destroy(items, 2 * SLOTS);
}

/* One owner, three thieves that also steal from each other, until all items are taken. */
enum { THIEVES = 3, STORM = 200000 / TEST_SLOWDOWN };

static struct leat__runq rings[THIEVES + 1];
static LEAT_ATOMIC(unsigned) thieves_started;
static LEAT_ATOMIC(uint32_t) taken;

static void *thieve(void *arg)
{
    /* relaxed: a number for each; a count that is only compared */
    unsigned self = fetch_add_relaxed(&thieves_started, 1) + 1;
    uint32_t n = 0;

    (void)arg;
    while (load_relaxed(&taken) < STORM) {
        struct leat__link *link = leat__runq_pop(&rings[self]);
        uint32_t count;

        for (unsigned i = 1; !link && i <= THIEVES; i++)
            link = leat__runq_steal_half(&rings[(self + i) % (THIEVES + 1)], &rings[self], &count);
        if (link) {
            item_take(link);
            (void)fetch_add_relaxed(&taken, 1); /* relaxed: as above */
        } else if (++n % 64 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

static void storm(bool fenced)
{
    struct item *items = items_create(STORM);
    struct leat__batch batch = { 0 };
    pthread_t threads[THIEVES];

    store_relaxed(&thieves_started, 0); /* relaxed: no other thread yet */
    store_relaxed(&taken, 0);
    for (unsigned i = 0; i <= THIEVES; i++)
        begin(&rings[i], fenced);
    threads_start(threads, THIEVES, thieve, NULL);
    for (uint32_t i = 0; i < STORM; i++) {
        struct leat__link *link = i % 5 == 0 ? leat__runq_pop(&rings[0]) : NULL;
        uint32_t n = link ? 1 : 0;

        if (link)
            item_take(link);
        while (!leat__runq_push(&rings[0], &items[i].link)) {
            if (i % 3 == 0 && rings[0].ring->mask < SLOTS * 8) {
                expect(leat__runq_grow(&rings[0]));
                continue;
            }
            leat__runq_take_half(&rings[0], &batch);
            n += items_take(&batch);
        }
        (void)fetch_add_relaxed(&taken, n); /* relaxed: a count */
    }
    for (struct leat__link *link; (link = leat__runq_pop(&rings[0]));) {
        item_take(link);
        (void)fetch_add_relaxed(&taken, 1); /* relaxed: a count */
    }
    threads_join(threads, THIEVES);
    for (unsigned i = 0; i <= THIEVES; i++)
        leat__runq_fini(&rings[i]);
    items_destroy(items, STORM);
}

LEAT_TEST(runq, storm_of_thieves_takes_each_item_once)
{
    storm(false);
}

LEAT_TEST(runq, fences_in_place_of_the_barrier_stay_after_a_raid)
{
    struct item *items = items_create(2);
    uint32_t count;

    reset(0);
    leat__runq_fence(&ring);
    fill(&ring, items, 2);
    expect_eq(item_take(leat__runq_steal_half(&ring, &other, &count)), 0);
    /* relaxed, both: no other thread */
    expect_eq(load_relaxed(&ring.raided), LEAT__RUNQ_FENCED | LEAT__RUNQ_RAID);
    expect_eq(item_take(leat__runq_pop(&ring)), 1);
    expect_eq(load_relaxed(&ring.raided), LEAT__RUNQ_FENCED);
    items_destroy(items, 2);
}

LEAT_TEST(runq, storm_of_thieves_takes_each_item_once_where_the_kernel_has_no_barrier)
{
    storm(true);
}
