/* SPDX-License-Identifier: MIT */
/* The parking protocol: who may search, whom to wake, and a storm of submits against workers that
 * sleep whenever they can. A lost wake-up hangs the storm. */
#include "lockfree/idle.h"

#include <leat/time.h>
#include <string.h>

#include "items.h"
#include "lockfree/injector.h"
#include "platform/futex.h"

static struct leat__idle idle;

LEAT_TEST(idle, nobody_is_woken_while_all_are_awake)
{
    leat__idle_init(&idle, 4);
    expect_eq(leat__idle_count_awake(&idle), 4);
    expect(!leat__idle_should_wake(&idle));
    expect_eq(leat__idle_pick(&idle), -1);
}

LEAT_TEST(idle, one_searches_at_a_time_unless_more_are_allowed)
{
    leat__idle_init(&idle, 8);
    expect(leat__idle_start_search(&idle));
    expect(!leat__idle_start_search(&idle));
    expect(leat__idle_end_search(&idle));

    leat__idle_limit(&idle, 100);
    for (int i = 0; i < 4; i++)
        expect(leat__idle_start_search(&idle));
    expect(!leat__idle_start_search(&idle));
    for (int i = 0; i < 4; i++)
        expect_eq(leat__idle_end_search(&idle), i == 3);

    leat__idle_init(&idle, 1);
    leat__idle_limit(&idle, 0);
    expect(leat__idle_start_search(&idle));
}

LEAT_TEST(idle, sleeper_is_picked_once_and_wakes_up_searching)
{
    leat__idle_init(&idle, 2);
    expect(leat__idle_sleep(&idle, 1, false));
    expect_eq(leat__idle_count_awake(&idle), 1);
    expect(leat__idle_should_wake(&idle));
    expect_eq(leat__idle_pick(&idle), 1);
    expect(!leat__idle_should_wake(&idle));
    expect_eq(leat__idle_pick(&idle), -1);
    expect(!leat__idle_leave(&idle, 1));
    expect_eq(leat__idle_count_awake(&idle), 2);
    expect(!leat__idle_start_search(&idle)); /* it searches already */
    expect(leat__idle_end_search(&idle));
}

LEAT_TEST(idle, sleeper_that_wakes_by_itself_leaves_the_list)
{
    leat__idle_init(&idle, 2);
    expect(leat__idle_start_search(&idle));
    expect(leat__idle_sleep(&idle, 0, true));
    expect(leat__idle_leave(&idle, 0));
    expect_eq(leat__idle_count_awake(&idle), 2);
    expect_eq(leat__idle_pick(&idle), -1);
}

LEAT_TEST(idle, who_goes_to_sleep_beside_a_searcher_need_not_look)
{
    leat__idle_init(&idle, 3);
    expect(leat__idle_start_search(&idle));
    expect(!leat__idle_sleep(&idle, 2, false));
    expect(!leat__idle_should_wake(&idle));
    expect(leat__idle_sleep(&idle, 1, true)); /* the searcher itself was the last */
    expect(leat__idle_should_wake(&idle));
}

LEAT_TEST(idle, every_one_of_1024_sleepers_can_be_picked)
{
    static bool seen[LEAT__IDLE_WORKERS_MAX];

    memset(seen, 0, sizeof seen);
    leat__idle_init(&idle, LEAT__IDLE_WORKERS_MAX);
    for (uint32_t w = 0; w < LEAT__IDLE_WORKERS_MAX; w++)
        (void)leat__idle_sleep(&idle, w, false);
    expect_eq(leat__idle_count_awake(&idle), 0);
    for (uint32_t i = 0; i < LEAT__IDLE_WORKERS_MAX; i++) {
        int w = leat__idle_pick(&idle);

        assert_true(w >= 0 && w < (int)LEAT__IDLE_WORKERS_MAX && !seen[w]);
        seen[w] = true;
        expect(!leat__idle_leave(&idle, (uint32_t)w));
        expect(leat__idle_end_search(&idle));
    }
    expect_eq(leat__idle_pick(&idle), -1);
}

/* The storm. */
enum { WORKERS = 3, SUBMITTERS = 2, EACH = 20000 / TEST_SLOWDOWN, ALL = SUBMITTERS * EACH };

static struct leat__injector injector;
static struct item *items;
static LEAT_ATOMIC(uint32_t) bell[WORKERS]; /* a kept wake */
static LEAT_ATOMIC(unsigned) workers_started, submitters_started;
static LEAT_ATOMIC(uint32_t) done;

static void ring(uint32_t worker)
{
    store_release(&bell[worker], 1); /* pairs with the acquire in listen */
    leat__futex_wake(&bell[worker], 1);
}

static void listen(uint32_t worker)
{
    while (exchange_acquire(&bell[worker], 0) == 0) /* pairs with the release in ring */
        (void)leat__futex_wait(&bell[worker], 0, LEAT_NEVER);
}

static void wake_one(void)
{
    int w = leat__idle_pick(&idle);

    if (w >= 0)
        ring((uint32_t)w);
}

static void *work(void *arg)
{
    uint32_t self = fetch_add_relaxed(&workers_started, 1); /* relaxed: a number for each */
    bool searching = false;

    (void)arg;
    while (load_relaxed(&done) < ALL) { /* relaxed: a count; the bell follows its last change */
        struct leat__batch batch = { 0 };

        if (!searching)
            searching = leat__idle_start_search(&idle);
        if (searching && leat__injector_pop_batch(&injector, 1, &batch) > 0) {
            searching = false;
            if (leat__idle_end_search(&idle) && leat__injector_len(&injector) > 0)
                wake_one();
            items_take(&batch);
            if (fetch_add_relaxed(&done, 1) == ALL - 1) /* relaxed: a count */
                for (uint32_t w = 0; w < WORKERS; w++)
                    ring(w);
            continue;
        }
        if (!leat__idle_sleep(&idle, self, searching) || leat__injector_len(&injector) == 0)
            listen(self);
        searching = !leat__idle_leave(&idle, self);
    }
    return NULL;
}

static void *submit(void *arg)
{
    /* relaxed: a number for each */
    uint32_t first = fetch_add_relaxed(&submitters_started, 1) * (uint32_t)EACH;

    (void)arg;
    for (uint32_t i = first; i < first + EACH; i++) {
        leat__injector_push(&injector, &items[i].link);
        if (leat__idle_should_wake(&idle))
            wake_one();
        if (i % 16 == 0)
            sched_yield(); /* let them fall asleep */
    }
    return NULL;
}

LEAT_TEST(idle, storm_of_submits_loses_no_wake)
{
    pthread_t workers[WORKERS], submitters[SUBMITTERS];

    memset(&injector, 0, sizeof injector);
    items = items_create(ALL);
    leat__idle_init(&idle, WORKERS);
    store_relaxed(&workers_started, 0); /* relaxed: no other thread yet */
    store_relaxed(&submitters_started, 0);
    store_relaxed(&done, 0);
    for (uint32_t w = 0; w < WORKERS; w++)
        store_relaxed(&bell[w], 0);
    threads_start(workers, WORKERS, work, NULL);
    threads_start(submitters, SUBMITTERS, submit, NULL);
    threads_join(submitters, SUBMITTERS);
    threads_join(workers, WORKERS);
    items_destroy(items, ALL);
}
