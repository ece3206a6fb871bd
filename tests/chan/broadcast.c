/* SPDX-License-Identifier: MIT */
/* Broadcasts reach every subscriber in order; watches show the latest value. */
#include "harness/test.h"

#include <leat/leat.h>

#include <pthread.h>

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

/* Odd bytes over several words, so that one that is half of another shows. */
struct line {
    uint32_t parts[5];
    char     end;
};

static struct line line_of(uint32_t number)
{
    return (struct line){ { number, number, number, number, number }, (char)number };
}

struct listener {
    struct leat_subscriber subscriber;
    uint64_t               next;
    bool                   torn;
};

static void *listen_to_the_end(void *arg)
{
    struct listener *listener = arg;
    struct line line;
    uint64_t missed;

    while (leat_broadcast_recv(&listener->subscriber, &line, &missed) == 0) {
        listener->next += missed;
        for (int i = 0; i < 5; i++)
            listener->torn |= line.parts[i] != (uint32_t)listener->next;
        listener->torn |= line.end != (char)listener->next;
        listener->next++;
    }
    leat_unsubscribe(&listener->subscriber);
    return NULL;
}

static void broadcast_to_threads(enum leat_slow slow, size_t capacity, uint32_t lines)
{
    enum { LISTENERS = 3 };
    struct listener listeners[LISTENERS];
    pthread_t threads[LISTENERS];
    struct leat_broadcast *news;

    assert_ok(leat_broadcast_create(&news, sizeof(struct line), capacity, slow));
    for (int i = 0; i < LISTENERS; i++) {
        listeners[i] = (struct listener){ .next = 0 };
        leat_subscribe(&listeners[i].subscriber, news);
        assert_ok(pthread_create(&threads[i], NULL, listen_to_the_end, &listeners[i]));
    }
    for (uint32_t i = 0; i < lines; i++) {
        struct line line = line_of(i);

        expect_ok(leat_broadcast_send(news, &line));
    }
    leat_broadcast_close(news);
    for (int i = 0; i < LISTENERS; i++) {
        assert_ok(pthread_join(threads[i], NULL));
        expect_eq(listeners[i].next, lines);
        expect(!listeners[i].torn);
    }
    leat_broadcast_destroy(news);
}

LEAT_TEST(broadcast, an_element_is_whole_for_threads_that_are_overtaken)
{
    broadcast_to_threads(LEAT_SLOW_MISSES, 2, 50000);
}

LEAT_TEST(broadcast, threads_that_are_waited_for_miss_nothing)
{
    broadcast_to_threads(LEAT_SLOW_WAITS, 2, 3000);
}

static int send_many_lines(void *arg)
{
    int err = 0;

    for (uint32_t i = 0; i < 300 && !err; i++)
        err = leat_broadcast_send(arg, &(struct line){ { i }, 0 });
    return err;
}

static int count_lines(void *arg)
{
    struct listener *listener = arg;
    struct line line;
    int err;

    while ((err = leat_broadcast_recv(&listener->subscriber, &line, NULL)) == 0)
        listener->next++;
    leat_unsubscribe(&listener->subscriber);
    return err == -EPIPE ? 0 : err;
}

LEAT_TEST_TASK(broadcast, several_senders_wait_for_several_receivers)
{
    enum { EACH = 4 };
    struct listener listeners[EACH] = { { .next = 0 } };
    struct leat_broadcast *news;
    LEAT_SCOPE(receivers);

    assert_ok(leat_broadcast_create(&news, sizeof(struct line), 3, LEAT_SLOW_WAITS));
    for (int i = 0; i < EACH; i++) {
        leat_subscribe(&listeners[i].subscriber, news);
        leat_spawn(&receivers, count_lines, &listeners[i]);
    }
    {
        LEAT_SCOPE(senders);

        for (int i = 0; i < EACH; i++)
            leat_spawn(&senders, send_many_lines, news);
        expect_ok(leat_scope_join(&senders));
    }
    leat_broadcast_close(news);
    expect_ok(leat_scope_join(&receivers));
    for (int i = 0; i < EACH; i++)
        expect_eq(listeners[i].next, EACH * 300u);
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
