/* SPDX-License-Identifier: MIT */
/* A breaker refuses calls while too many fail, and finds out when they would not. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdatomic.h>

static int give(void *arg)
{
    return *(int *)arg;
}

static int call(struct leat_breaker *breaker, int answer)
{
    return leat_breaker_call(breaker, give, &answer);
}

static void open_it(struct leat_breaker *breaker)
{
    while (leat_breaker_state(breaker) == LEAT_BREAKER_CLOSED)
        expect_err(call(breaker, -EIO), -EIO);
}

LEAT_TEST(breaker, opens_when_half_of_enough_calls_have_failed)
{
    struct leat_breaker breaker = { { 0 } };

    for (int i = 0; i < 5; i++)
        expect_eq(call(&breaker, i), i);
    for (int i = 0; i < 4; i++)
        expect_err(call(&breaker, -EIO), -EIO);
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_CLOSED);
    expect_err(call(&breaker, -EIO), -EIO); /* the tenth call, the fifth failure */
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_OPEN);
    expect_err(call(&breaker, 0), -EHOSTDOWN);
}

LEAT_TEST(breaker, stays_closed_below_its_share_of_failures)
{
    struct leat_breaker breaker;

    assert_ok(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.percent = 60, .calls_min = 4)));
    for (int i = 0; i < 1000; i++)
        expect_err(call(&breaker, i % 2 ? -EIO : 0), i % 2 ? -EIO : 0);
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_CLOSED);
}

LEAT_TEST(breaker, a_probe_that_succeeds_closes_it)
{
    struct leat_breaker breaker;

    assert_ok(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.open_for = 2 * LEAT_MSEC,
                                                               .calls_min = 2)));
    open_it(&breaker);
    expect_ok(leat_sleep(2 * LEAT_MSEC));
    expect_eq(call(&breaker, 1), 1);
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_CLOSED);
    expect_eq(call(&breaker, 2), 2);
}

LEAT_TEST(breaker, a_probe_that_fails_opens_it_again)
{
    struct leat_breaker breaker;

    assert_ok(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.open_for = LEAT_MSEC,
                                                               .calls_min = 2, .probes = 3)));
    open_it(&breaker);
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(call(&breaker, 0));
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_HALF_OPEN);
    expect_err(call(&breaker, -EIO), -EIO);
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_OPEN);
}

LEAT_TEST(breaker, lets_only_so_many_probes_through_at_once)
{
    struct leat_breaker breaker;
    uint64_t one, two, three = 0;

    assert_ok(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.open_for = LEAT_MSEC,
                                                               .calls_min = 2, .probes = 2)));
    open_it(&breaker);
    expect_ok(leat_sleep(LEAT_MSEC));
    assert_ok(leat_breaker_enter(&breaker, &one));
    assert_ok(leat_breaker_enter(&breaker, &two));
    expect_err(leat_breaker_enter(&breaker, &three), -EHOSTDOWN);
    leat_breaker_leave(&breaker, one, 0);
    expect_err(leat_breaker_enter(&breaker, &three), -EHOSTDOWN); /* two decide, no more */
    leat_breaker_leave(&breaker, two, -ECANCELED); /* which says nothing: its place is free */
    assert_ok(leat_breaker_enter(&breaker, &three));
    leat_breaker_leave(&breaker, three, 0);
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_CLOSED);
}

LEAT_TEST(breaker, a_result_from_before_a_change_is_not_counted)
{
    struct leat_breaker breaker;
    uint64_t old;

    assert_ok(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.open_for = LEAT_MSEC,
                                                               .calls_min = 2)));
    assert_ok(leat_breaker_enter(&breaker, &old));
    open_it(&breaker);
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(call(&breaker, 0));
    for (int i = 0; i < 10; i++) {
        leat_breaker_leave(&breaker, old, -EIO);
        expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_CLOSED);
    }
}

LEAT_TEST(breaker, forgets_what_is_older_than_its_window)
{
    struct leat_breaker breaker;

    assert_ok(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.window = 10 * LEAT_MSEC,
                                                               .calls_min = 10)));
    for (int i = 0; i < 9; i++)
        expect_err(call(&breaker, -EIO), -EIO);
    expect_ok(leat_sleep(12 * LEAT_MSEC));
    for (int i = 0; i < 5; i++) {
        expect_ok(call(&breaker, 0));
        expect_err(call(&breaker, i < 3 ? -EIO : 0), i < 3 ? -EIO : 0);
    }
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_CLOSED);
}

static bool only_io(void *arg, int result)
{
    (void)arg;
    return result == -EIO;
}

static void note_change(void *arg, enum leat_breaker_state state)
{
    int *changes = arg;

    changes[state]++;
}

LEAT_TEST(breaker, asks_what_a_failure_is_and_tells_of_changes)
{
    int changes[3] = { 0 };
    struct leat_breaker breaker;

    assert_ok(leat_breaker_init(
        &breaker, LEAT_BREAKER_OPTIONS(.open_for = LEAT_MSEC, .is_failure = only_io,
                                       .on_change = note_change, .arg = changes)));
    for (int i = 0; i < 100; i++)
        expect_err(call(&breaker, -ENOENT), -ENOENT);
    expect_eq(leat_breaker_state(&breaker), LEAT_BREAKER_CLOSED);
    open_it(&breaker);
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(call(&breaker, 0));
    expect_eq(changes[LEAT_BREAKER_OPEN], 1);
    expect_eq(changes[LEAT_BREAKER_HALF_OPEN], 1);
    expect_eq(changes[LEAT_BREAKER_CLOSED], 1);
}

LEAT_TEST(breaker, bad_options_are_refused)
{
    struct leat_breaker breaker;

    expect_err(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.percent = 101)), -EINVAL);
    expect_err(leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.window = 5)), -EINVAL);
    expect_err(leat_breaker_init(&breaker, &(struct leat_breaker_options){ .size = 2 }), -EINVAL);
}

struct load {
    struct leat_breaker breaker;
    atomic_int          inside, most, refused, done;
};

static int count_inside(void *arg)
{
    struct load *load = arg;
    int now = atomic_fetch_add(&load->inside, 1) + 1, most = atomic_load(&load->most);
    uint64_t random = leat_random();

    while (now > most && !atomic_compare_exchange_weak(&load->most, &most, now))
        ;
    leat_yield();
    atomic_fetch_sub(&load->inside, 1);
    return random % 4 ? -EIO : 0;
}

static int press(void *arg)
{
    struct load *load = arg;

    for (int i = 0; i < 2000; i++) {
        if (leat_breaker_call(&load->breaker, count_inside, load) == -EHOSTDOWN)
            atomic_fetch_add(&load->refused, 1);
        else
            atomic_fetch_add(&load->done, 1);
    }
    return 0;
}

LEAT_TEST_TASK(breaker, under_load_counts_every_call_and_its_probes)
{
    struct load load = { 0 };

    assert_ok(leat_breaker_init(&load.breaker, LEAT_BREAKER_OPTIONS(.open_for = 20 * LEAT_USEC,
                                                                    .calls_min = 3)));
    LEAT_SCOPE(scope);
    for (int i = 0; i < 8; i++)
        leat_spawn(&scope, press, &load);
    expect_ok(leat_scope_join(&scope));
    expect_eq(atomic_load(&load.refused) + atomic_load(&load.done), 16000);
    expect_gt(atomic_load(&load.done), 0);
    expect_eq(atomic_load(&load.inside), 0);
}
