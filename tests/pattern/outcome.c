/* SPDX-License-Identifier: MIT */
/* The deadline of whoever calls a pattern is that caller's: what it is told is that time is up. */
#include "harness/test.h"

#include <leat/leat.h>

static int sleep_long(void *arg)
{
    *(int *)arg = leat_sleep(LEAT_HOUR);
    return *(int *)arg;
}

static int turn_long(const void *in, void *out, void *arg)
{
    (void)in;
    (void)out;
    return sleep_long(arg);
}

static int sleep_batch(void *items, size_t count, void *arg)
{
    (void)items;
    (void)count;
    return sleep_long(arg);
}

static int make_one(void *out, void *arg)
{
    (void)arg;
    *(int *)out = 1;
    return 0;
}

static int call_gather(int *seen)
{
    return leat_gather(sleep_long, seen, 1);
}

static int call_map(int *seen)
{
    int out;

    return leat_map(turn_long, seen, &out, 1, .arg = seen);
}

static int call_batches(int *seen)
{
    return leat_batches(sleep_batch, seen, 1, 1, .arg = seen);
}

static int call_race(int *seen)
{
    struct leat_racer racer = { sleep_long, seen };

    return leat_race(&racer, 1);
}

static int call_race_for_success(int *seen)
{
    struct leat_racer racer = { sleep_long, seen };

    return leat_race(&racer, 1, .success = true);
}

static int call_pipeline(int *seen)
{
    struct leat_source source = { make_one, NULL, sizeof(int) };
    struct leat_stage stage = { .fn = turn_long, .arg = seen };

    return leat_pipeline(&source, &stage, 1);
}

static int call_retry(int *seen)
{
    return leat_retry(sleep_long, seen, .limit = LEAT_MINUTE);
}

static int (*const calls[])(int *seen) = { call_gather, call_map, call_batches, call_race,
                                           call_race_for_success, call_pipeline, call_retry };

/* What is called has begun by then. */
#define LONG_ENOUGH (50 * LEAT_MSEC * (TEST_EMULATED ? 10 : TEST_SLOWDOWN))

LEAT_TEST_TASK(outcome, of_what_met_the_caller_s_deadline_is_that_time_is_up)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int seen = 0;

        LEAT_LIMIT(LONG_ENOUGH);
        expect_err(calls[i](&seen), -ETIMEDOUT);
        expect_err(seen, -ECANCELED);
    }
}

LEAT_TEST_TASK(outcome, of_what_was_cancelled_with_the_caller_is_that)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int seen = 0;

        LEAT_SCOPE(scope);
        leat_scope_cancel(&scope);
        expect_err(calls[i](&seen), -ECANCELED);
    }
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        int seen = 0;

        LEAT_LIMIT(2 * LEAT_MSEC);
        LEAT_SCOPE(further_in);
        expect_err(calls[i](&seen), -ECANCELED);
    }
}
