/* SPDX-License-Identifier: MIT */
/* Retry calls again what may succeed later, and no more often than it was told. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>

struct flaky {
    int       failures; /* in: this many times first */
    int       error;
    leat_time nap;
    int       calls; /* out */
};

static int call(void *arg)
{
    struct flaky *flaky = arg;
    int err = flaky->nap ? leat_sleep(flaky->nap) : 0;

    if (flaky->calls++ < flaky->failures)
        return err ? err : flaky->error;
    return err ? err : 42;
}

LEAT_TEST_TASK(retry, goes_on_until_it_succeeds)
{
    struct flaky flaky = { .failures = 3, .error = -EIO };
    unsigned tries = 0;

    expect_eq(leat_retry(call, &flaky, .tries = 9, .delay = 1, .tries_made = &tries), 42);
    expect_eq(flaky.calls, 4);
    expect_eq(tries, 4);
}

LEAT_TEST_TASK(retry, gives_up_with_the_last_error)
{
    struct flaky flaky = { .failures = 99, .error = -EIO };

    expect_err(leat_retry(call, &flaky, .delay = 1), -EIO);
    expect_eq(flaky.calls, 3);
    flaky.calls = 0;
    expect_err(leat_retry(call, &flaky, .delay = 1, .tries = 1), -EIO);
    expect_eq(flaky.calls, 1);
}

static bool only_again(void *arg, int error)
{
    ++*(int *)arg;
    return error == -EAGAIN;
}

LEAT_TEST_TASK(retry, asks_whether_an_error_is_worth_another_try)
{
    struct flaky flaky = { .failures = 99, .error = -ENOENT };
    int asked = 0;

    expect_err(leat_retry(call, &flaky, .delay = 1, .retry_on = only_again, .retry_arg = &asked),
               -ENOENT);
    expect_eq(flaky.calls, 1);
    expect_eq(asked, 1);
}

LEAT_TEST_TASK(retry, waits_twice_as_long_each_time_up_to_the_cap)
{
    struct flaky flaky = { .failures = 99, .error = -EIO };
    leat_time began = leat_now();

    expect_err(leat_retry(call, &flaky, .tries = 6, .delay = LEAT_MSEC, .cap = 4 * LEAT_MSEC,
                          .no_jitter = true), -EIO);
    expect_ge(leat_now() - began, (1 + 2 + 4 + 4 + 4) * LEAT_MSEC);
    expect_lt(leat_now() - began, 2 * LEAT_SEC * TEST_SLOWDOWN);
}

LEAT_TEST_TASK(retry, with_jitter_waits_no_longer_than_the_whole_delay)
{
    struct flaky flaky = { .failures = 99, .error = -EIO };
    leat_time began = leat_now();

    expect_err(leat_retry(call, &flaky, .tries = 20, .delay = 1, .cap = 1000), -EIO);
    expect_lt(leat_now() - began, LEAT_SEC * TEST_SLOWDOWN);
}

LEAT_TEST_TASK(retry, does_not_wait_for_a_try_that_comes_too_late)
{
    struct flaky flaky = { .failures = 99, .error = -EIO };
    leat_time began = leat_now();

    {
        LEAT_LIMIT(20 * LEAT_SEC);
        expect_err(leat_retry(call, &flaky, .delay = LEAT_MINUTE, .cap = LEAT_MINUTE,
                              .no_jitter = true), -EIO);
    }
    expect_lt(leat_now() - began, 10 * LEAT_SEC);
    expect_eq(flaky.calls, 1);
}

LEAT_TEST_TASK(retry, each_try_has_its_own_limit)
{
    struct flaky flaky = { .nap = LEAT_HOUR };

    expect_err(leat_retry(call, &flaky, .tries = 2, .delay = 1, .limit = LEAT_MSEC), -ETIMEDOUT);
    expect_eq(flaky.calls, 2);
    expect_ok(leat_cancelled());
}

static int retry_for_long(void *arg)
{
    return leat_retry(call, arg, .tries = 1000, .delay = LEAT_HOUR, .cap = LEAT_HOUR);
}

LEAT_TEST_TASK(retry, a_cancel_ends_the_wait)
{
    struct flaky flaky = { .failures = 9999, .error = -EIO };
    LEAT_SCOPE(scope);

    leat_spawn(&scope, retry_for_long, &flaky);
    expect_ok(leat_sleep(2 * LEAT_MSEC));
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    expect_eq(flaky.calls, 1);
}

LEAT_TEST_TASK(retry, a_budget_bounds_the_retries_of_all)
{
    struct leat_retry_budget budget;
    int calls = 0;

    leat_retry_budget_init(&budget, 10, 5);
    for (int i = 0; i < 100; i++) {
        struct flaky flaky = { .failures = 99, .error = -EIO };

        expect_err(leat_retry(call, &flaky, .delay = 1, .budget = &budget), -EIO);
        calls += flaky.calls;
    }
    expect_ge(calls, 100 + 5 + 9); /* what it had, and a tenth of the calls */
    expect_le(calls, 100 + 5 + 10);
}

LEAT_TEST(retry, an_all_zero_budget_has_the_defaults)
{
    struct leat_retry_budget budget = { { 0 } };
    int calls = 0;

    for (int i = 0; i < 100; i++) {
        struct flaky flaky = { .failures = 99, .error = -EIO };

        expect_err(leat_retry(call, &flaky, .delay = 1, .budget = &budget), -EIO);
        calls += flaky.calls;
    }
    expect_ge(calls, 100 + 10 + 19);
    expect_le(calls, 100 + 10 + 20);
}

LEAT_TEST(retry, works_on_a_plain_thread)
{
    struct flaky flaky = { .failures = 2, .error = -EIO };

    expect_eq(leat_retry(call, &flaky, .delay = LEAT_USEC), 42);
    expect_eq(leat_retry_call(call, &flaky, NULL), 42);
    expect_err(leat_retry(call, &flaky, .delay = -1), -EINVAL);
}
