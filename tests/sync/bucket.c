/* SPDX-License-Identifier: MIT */
/* A token bucket gives no more than its rate and its burst, in order, and loses nothing. */
#include "harness/test.h"

#include <leat/leat.h>

LEAT_TEST_TASK(bucket, gives_its_burst_at_once_and_then_its_rate)
{
    struct leat_bucket bucket = LEAT_BUCKET_INIT(1000, LEAT_SEC, 5);
    leat_time start = leat_now();

    for (int i = 0; i < 25; i++)
        expect_ok(leat_bucket_acquire(&bucket, 1));
    expect_ge(leat_now() - start, 20 * LEAT_MSEC);
}

LEAT_TEST(bucket, try_takes_what_is_there_and_no_more)
{
    struct leat_bucket bucket;
    leat_time start = leat_now();
    int taken = 0;

    leat_bucket_init(&bucket, 3, LEAT_HOUR, 4);
    expect_ok(leat_bucket_try_acquire(&bucket, 3));
    while (leat_bucket_try_acquire(&bucket, 1) == 0)
        taken++;
    expect_le(taken, 1 + (int)((leat_now() - start) / (LEAT_HOUR / 3)));
    expect_ge(taken, 1);
    expect_err(leat_bucket_try_acquire(&bucket, 4), -EAGAIN);
    expect_err(leat_bucket_try_acquire(&bucket, 5), -EINVAL);
    expect_ok(leat_bucket_try_acquire(&bucket, 0));
}

LEAT_TEST(bucket, all_zero_takes_no_requests)
{
    struct leat_bucket bucket = { { 0 } };

    expect_err(leat_bucket_try_acquire(&bucket, 1), -EINVAL);
    expect_err(leat_bucket_acquire(&bucket, 1), -EINVAL);
}

LEAT_TEST(bucket, a_rate_that_is_no_whole_number_of_nanoseconds_is_kept)
{
    struct leat_bucket bucket = LEAT_BUCKET_INIT(700000000, LEAT_SEC, 1000000000);
    leat_time start = leat_now();
    uint64_t taken = 0;
    leat_time end;

    while (leat_now() - start < 20 * LEAT_MSEC)
        if (leat_bucket_try_acquire(&bucket, 500000) == 0)
            taken += 500000;
    end = leat_now();
    /* the burst, and 0.7 a nanosecond */
    expect_le(taken, (uint64_t)1000000000 + (uint64_t)(end - start) * 7 / 10 + 1);
    expect_ge(taken, (uint64_t)1000000000);
}

struct taker {
    struct leat_bucket *bucket;
    uint32_t            tokens;
    int                *order;
    int                 place;
};

static int take(void *arg)
{
    struct taker *taker = arg;
    int err = leat_bucket_acquire(taker->bucket, taker->tokens);

    if (!err)
        taker->place = __atomic_add_fetch(taker->order, 1, __ATOMIC_RELAXED);
    return err;
}

LEAT_TEST_TASK(bucket, those_behind_a_cancelled_request_move_up)
{
    struct leat_bucket bucket = LEAT_BUCKET_INIT(1, LEAT_HOUR, 10);
    int order = 0;
    struct taker large = { &bucket, 10, &order, 0 }, small = { &bucket, 4, &order, 0 };
    LEAT_SCOPE(outer);

    expect_ok(leat_bucket_acquire(&bucket, 5)); /* 5 left, and no more today */
    {
        LEAT_SCOPE(inner);

        leat_spawn(&inner, take, &large);
        expect_ok(leat_sleep(20 * LEAT_MSEC * TEST_SLOWDOWN));
        leat_spawn(&outer, take, &small);
        expect_ok(leat_sleep(20 * LEAT_MSEC * TEST_SLOWDOWN));
        expect_err(leat_bucket_try_acquire(&bucket, 1), -EAGAIN);
        expect_eq(small.place, 0);
        leat_scope_cancel(&inner);
        expect_err(leat_scope_join(&inner), -ECANCELED);
    }
    expect_ok(leat_scope_join(&outer));
    expect_eq(small.place, 1);
    expect_ok(leat_bucket_try_acquire(&bucket, 1)); /* 5 - 4 */
    expect_err(leat_bucket_try_acquire(&bucket, 1), -EAGAIN);
}

LEAT_TEST_TASK(bucket, a_wait_ends_at_its_deadline_and_takes_nothing)
{
    struct leat_bucket bucket = LEAT_BUCKET_INIT(1, LEAT_HOUR, 2);

    expect_ok(leat_bucket_acquire(&bucket, 1));
    {
        LEAT_LIMIT(2 * LEAT_MSEC);
        expect_err(leat_bucket_acquire(&bucket, 2), -ETIMEDOUT);
    }
    expect_ok(leat_bucket_try_acquire(&bucket, 1));
}
