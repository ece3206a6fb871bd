/* SPDX-License-Identifier: MIT */
/* Broadcasts reach every subscriber in order; watches show the latest value. */
#include "harness/test.h"

#include <leat/leat.h>

LEAT_TEST(broadcast, a_slow_subscriber_learns_how_many_it_missed)
{
    struct leat_broadcast *news;
    struct leat_subscriber slow;
    uint64_t missed = 99;
    long value;

    assert_ok(leat_broadcast_create(&news, sizeof(long), 4, LEAT_SLOW_MISSES));
    expect_ok(leat_broadcast_send(news, &(long){ -1 })); /* before the subscription */
    leat_subscribe(&slow, news);
    for (long i = 0; i < 10; i++)
        expect_ok(leat_broadcast_send(news, &i));
    expect_ok(leat_broadcast_recv(&slow, &value, &missed));
    expect_eq(missed, 6u);
    for (long i = 6; i < 10; i++) {
        expect_eq(value, i);
        if (i < 9)
            expect_ok(leat_broadcast_recv(&slow, &value, &missed));
    }
    expect_eq(missed, 0u);
    leat_broadcast_close(news);
    expect_err(leat_broadcast_recv(&slow, &value, NULL), -EPIPE);
    expect_err(leat_broadcast_send(news, &value), -EPIPE);
    leat_unsubscribe(&slow);
    leat_broadcast_destroy(news);
}

struct reader {
    struct leat_subscriber subscriber;
    long                   count;
};

static int read_to_the_end(void *arg)
{
    struct reader *reader = arg;
    uint64_t missed;
    long value;
    int err;

    while ((err = leat_broadcast_recv(&reader->subscriber, &value, &missed)) == 0) {
        if (missed || value != reader->count)
            return -EBADMSG;
        reader->count++;
    }
    leat_unsubscribe(&reader->subscriber);
    return err == -EPIPE ? 0 : err;
}

LEAT_TEST_TASK(broadcast, sends_wait_for_slow_subscribers_where_asked_to)
{
    enum { READERS = 100, ELEMENTS = 200 };
    static struct reader readers[READERS];
    struct leat_broadcast *news;
    LEAT_SCOPE(scope);

    assert_ok(leat_broadcast_create(&news, sizeof(long), 8, LEAT_SLOW_WAITS));
    for (int i = 0; i < READERS; i++) {
        readers[i].count = 0;
        leat_subscribe(&readers[i].subscriber, news);
        leat_spawn(&scope, read_to_the_end, &readers[i]);
    }
    for (long i = 0; i < ELEMENTS; i++)
        expect_ok(leat_broadcast_send(news, &i));
    leat_broadcast_close(news);
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < READERS; i++)
        expect_eq(readers[i].count, ELEMENTS);
    leat_broadcast_destroy(news);
}

LEAT_TEST_TASK(broadcast, a_deadline_ends_a_send_that_nobody_got)
{
    struct leat_broadcast *news;
    struct leat_subscriber slow;
    long value;

    assert_ok(leat_broadcast_create(&news, sizeof(long), 1, LEAT_SLOW_WAITS));
    leat_subscribe(&slow, news);
    expect_ok(leat_broadcast_send(news, &(long){ 1 }));
    {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(leat_broadcast_send(news, &(long){ 2 }), -ETIMEDOUT);
    }
    expect_ok(leat_broadcast_recv(&slow, &value, NULL));
    expect_eq(value, 1);
    {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(leat_broadcast_recv(&slow, &value, NULL), -ETIMEDOUT);
    }
    leat_unsubscribe(&slow);
    leat_broadcast_destroy(news);
}

LEAT_TEST(broadcast, bad_options_are_refused)
{
    struct leat_broadcast *news = NULL;

    expect_err(leat_broadcast_create(&news, 0, 1, LEAT_SLOW_MISSES), -EINVAL);
    expect_err(leat_broadcast_create(&news, 65537, 1, LEAT_SLOW_MISSES), -EINVAL);
    expect_err(leat_broadcast_create(&news, 8, 0, LEAT_SLOW_MISSES), -EINVAL);
    expect_err(leat_broadcast_create(&news, 65536, SIZE_MAX / 2, LEAT_SLOW_MISSES), -EINVAL);
    expect_null(news);
    leat_broadcast_destroy(NULL);
}

static int see_to_the_end(void *arg)
{
    struct leat_watch *watch = arg;
    uint64_t version = 0;
    long value, last = -1;
    int err;

    while ((err = leat_watch_next(watch, &version, &value)) == 0) {
        if (value <= last || (uint64_t)value + 1 != version)
            return -EBADMSG;
        last = value;
    }
    return err == -EPIPE && last == 500 ? 0 : -EBADMSG;
}

LEAT_TEST_TASK(watch, everybody_sees_the_latest_value_and_the_last)
{
    struct leat_watch *watch;
    long value = 0;
    LEAT_SCOPE(scope);

    assert_ok(leat_watch_create(&watch, sizeof(long), &value));
    for (int i = 0; i < 4; i++)
        leat_spawn(&scope, see_to_the_end, watch);
    for (value = 1; value <= 500; value++) {
        expect_ok(leat_watch_set(watch, &value));
        if (value % 16 == 0)
            leat_yield();
    }
    leat_watch_close(watch);
    expect_ok(leat_scope_join(&scope));
    expect_eq(leat_watch_get(watch, &value), 501u);
    expect_eq(value, 500);
    expect_err(leat_watch_set(watch, &value), -EPIPE);
    leat_watch_destroy(watch);
}
