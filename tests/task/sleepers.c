/* SPDX-License-Identifier: MIT */
/* Many tasks asleep at once: none is early, none is lost, whatever order they wake in. */
#include <leat/leat.h>

#include "base/random.h"
#include "harness/test.h"

enum { SLEEPERS = 20000 / TEST_SLOWDOWN };

static struct sleeper {
    leat_time when;
    bool      early, woke;
} sleepers[SLEEPERS];

static int sleep_once(void *arg)
{
    struct sleeper *sleeper = arg;
    int             err = leat_sleep_until(sleeper->when);

    sleeper->early = leat_now() < sleeper->when;
    sleeper->woke = true;
    return err;
}

static void run_sleepers(leat_time spread)
{
    struct leat__random random;
    leat_time           base = leat_after(200 * LEAT_MSEC);
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    leat__random_init(&random, test_seed());
    for (int i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){ .when = base };
        if (spread > 0)
            sleepers[i].when += leat__random_below(&random, (uint32_t)spread);
        expect_ok(leat_spawn(&scope, sleep_once, &sleepers[i]));
    }
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < SLEEPERS; i++) {
        assert_true(sleepers[i].woke);
        assert_true(!sleepers[i].early);
    }
}

LEAT_TEST_TASK(sleepers, thousands_that_sleep_until_one_instant_all_wake_and_none_is_early)
{
    run_sleepers(0);
}

LEAT_TEST_TASK(sleepers, thousands_that_sleep_until_random_instants_all_wake_and_none_is_early)
{
    run_sleepers(LEAT_SEC / 2);
}
