/* SPDX-License-Identifier: MIT */
/* Five small programs as somebody might write them, each with a race. Each is found, and found
 * again from what the report says; and each has a sister without the race, which no seed fails. */
#include "harness/test.h"

#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>
#include <string.h>

#define SEEDS_MAX 3000 /* the first that fails ends it */
#define SEEDS     (SEEDS_MAX / TEST_SLOWDOWN / TEST_SLOWDOWN)

static struct leat_sim_report report;
static bool mended; /* the sister runs */

static void expect_race(int (*program)(void *arg))
{
    char again[sizeof report.again];
    const char *with;

    mended = false;
    expect_err(leat_sim_run(program, NULL, LEAT_SIM_OPTIONS(.seeds = SEEDS_MAX,
                                                            .report = &report)),
               -ENOTRECOVERABLE);
    expect_contains(report.text, "expected: ");
    strcpy(again, report.again);
    with = strchr(again, ':');
    expect_err(leat_sim_run(program, NULL, LEAT_SIM_OPTIONS(.seed = report.seed, .report = &report,
                                                            .with = with ? with + 1 : NULL)),
               -ENOTRECOVERABLE);
    expect_contains(report.text, "expected: ");
    mended = true;
    expect_ok(leat_sim_run(program, NULL, LEAT_SIM_OPTIONS(.seeds = SEEDS, .report = &report)));
    expect_eq(report.seeds, SEEDS);
}

/* ---- 1: two withdrawals look at the balance before either takes from it ---- */

static int balance;
static struct leat_mutex account;

static int withdraw(void *arg)
{
    (void)arg;
    if (mended && leat_mutex_lock(&account) != 0)
        return -1;
    if (balance >= 60) {
        leat_yield(); /* asks the bank */
        balance -= 60;
    }
    if (mended)
        leat_mutex_unlock(&account);
    return 0;
}

static int bank(void *arg)
{
    (void)arg;
    balance = 100;
    LEAT_SCOPE(scope);
    leat_spawn(&scope, withdraw, NULL);
    leat_spawn(&scope, withdraw, NULL);
    (void)leat_scope_join(&scope);
    leat_sim_expect(balance >= 0);
    return 0;
}

LEAT_TEST(sim_races, a_balance_that_is_looked_at_too_early)
{
    expect_race(bank);
}

/* ---- 2: a cache fills an entry twice, because the look-up suspends ---- */

static struct leat_once filled;
static int fills, value;

static int look_up(void *arg)
{
    (void)arg;
    fills++;
    leat_yield();
    value = 42;
    return 0;
}

static int get(void *arg)
{
    int err = 0;

    (void)arg;
    if (mended)
        err = leat_once_run(&filled, look_up, NULL);
    else if (value == 0)
        err = look_up(NULL);
    leat_sim_expect(value == 42);
    return err;
}

static int cache(void *arg)
{
    static const struct leat_once fresh;

    (void)arg;
    filled = fresh;
    fills = value = 0;
    LEAT_SCOPE(scope);
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, get, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(fills == 1);
    return 0;
}

LEAT_TEST(sim_races, a_cache_that_is_filled_twice)
{
    expect_race(cache);
}

/* ---- 3: a worker is told to stop, and an order that came before is forgotten ---- */

static leat_chan(int) orders, stop;
static int served;

static int serve(void *arg)
{
    int order = 0, end;

    (void)arg;
    for (;;) {
        switch (leat_select(LEAT_RECV(&orders, &order), LEAT_RECV(&stop, &end))) {
        case 0:
            served += order;
            break;
        default:
            while (mended && leat_try_recv(&orders, &order) == 0)
                served += order;
            return 0;
        }
    }
}

static int shop(void *arg)
{
    (void)arg;
    served = 0;
    if (leat_chan_open(&orders, .capacity = 4) != 0 || leat_chan_open(&stop, .capacity = 1) != 0)
        return -1;
    {
        LEAT_SCOPE(scope);

        leat_spawn(&scope, serve, NULL);
        for (int i = 0; i < 3; i++)
            leat_sim_expect(leat_send(&orders, &(int){ 1 }) == 0);
        leat_sim_expect(leat_send(&stop, &(int){ 0 }) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_chan_destroy(&orders);
    leat_chan_destroy(&stop);
    leat_sim_expect(served == 3);
    return 0;
}

LEAT_TEST(sim_races, an_order_that_is_forgotten_at_the_stop)
{
    expect_race(shop);
}

/* ---- 4: who waits for a condition with an if ---- */

static struct leat_mutex     guard;
static struct leat_condition arrived;
static int parcels;

static int fetch(void *arg)
{
    (void)arg;
    if (leat_mutex_lock(&guard) != 0)
        return -1;
    if (parcels == 0 && leat_condition_wait(&arrived, &guard) != 0)
        return -1;
    while (mended && parcels == 0)
        if (leat_condition_wait(&arrived, &guard) != 0)
            return -1;
    leat_sim_expect(parcels > 0);
    parcels--;
    leat_mutex_unlock(&guard);
    return 0;
}

static int put(void *arg)
{
    (void)arg;
    if (leat_mutex_lock(&guard) != 0)
        return -1;
    parcels++;
    leat_condition_broadcast(&arrived);
    leat_mutex_unlock(&guard);
    return 0;
}

static int post(void *arg)
{
    (void)arg;
    parcels = 0;
    LEAT_SCOPE(scope);
    for (int i = 0; i < 2; i++)
        leat_spawn(&scope, fetch, NULL);
    for (int i = 0; i < 2; i++)
        leat_spawn(&scope, put, NULL);
    return leat_scope_join(&scope);
}

LEAT_TEST(sim_races, a_condition_that_is_not_looked_at_again)
{
    expect_race(post);
}

/* ---- 5: an answer that comes just when its time is up is lost, with what it carries ---- */

static leat_chan(int) answers;
static int made, freed;

static int answer(void *arg)
{
    int err = leat_sleep(10 * LEAT_MSEC);

    (void)arg;
    made++;
    if (err || leat_send(&answers, &(int){ made }) != 0)
        freed++;
    return 0;
}

static int client(void *arg)
{
    int got;

    (void)arg;
    made = freed = 0;
    if (leat_chan_open(&answers, .capacity = 1) != 0)
        return -1;
    {
        LEAT_SCOPE(scope);

        leat_spawn(&scope, answer, NULL);
        if (leat_select(LEAT_RECV(&answers, &got), LEAT_AFTER(10 * LEAT_MSEC)) == 0)
            freed++;
        else if (mended)
            leat_close(&answers); /* who sends now keeps it */
        while (mended && leat_try_recv(&answers, &got) == 0)
            freed++;
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_chan_destroy(&answers);
    leat_sim_expect(freed == made);
    return 0;
}

LEAT_TEST(sim_races, an_answer_that_is_lost_when_its_time_is_up)
{
    expect_race(client);
}
