/* SPDX-License-Identifier: MIT */
/* Channels of other kinds: one to one, oneshots, batches, with a count of what was dealt with;
 * broadcasts and watches. What was sent arrives, once and in order, and memory is let go of. */
#include "sim/scenarios/scenario.h"

static struct leat_chan *chan;
static uint32_t count, sent, received;

static bool make(struct leat_chan **ret, struct leat_chan_options options)
{
    options.size = sizeof options;
    return leat_chan_create(ret, sizeof(uint32_t), &options) == 0;
}

/* ---- one sends, one receives ---- */

static int sends_in_order(void *arg)
{
    (void)arg;
    while (sent < count) {
        uint32_t number = sent + 1;
        LEAT_LIMIT(draw_limit());
        int err = leat_sim_choose(4) ? leat_chan_send(chan, &number)
                                     : leat_chan_try_send(chan, &number);

        leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EAGAIN);
        sent += err == 0;
        if (leat_sim_choose(4) == 0)
            dwell();
    }
    leat_chan_close(chan);
    return 0;
}

static int receives_in_order(void *arg)
{
    int err = 0;

    (void)arg;
    while (err != -EPIPE) {
        uint32_t number;
        LEAT_LIMIT(draw_limit());

        err = leat_sim_choose(4) ? leat_chan_recv(chan, &number)
                                 : leat_chan_try_recv(chan, &number);
        leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EAGAIN || err == -EPIPE);
        if (err == 0)
            leat_sim_expect(number == ++received);
        if (leat_sim_choose(4) == 0)
            dwell();
    }
    return 0;
}

static int receives_as_a_thread(void *arg)
{
    return leat_blocking(receives_in_order, arg);
}

SCENARIO(one_to_one)
{
    count = 2 * leat_sim_size();
    sent = received = 0;
    leat_sim_expect(make(&chan, (struct leat_chan_options){ .capacity = leat_sim_capacity(),
                                                            .spsc = leat_sim_choose(4) > 0 }));
    {
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn(&scope, leat_sim_choose(8) ? receives_in_order
                                                              : receives_as_a_thread,
                                   NULL) == 0);
        leat_sim_expect(leat_spawn(&scope, sends_in_order, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_chan_free(chan);
    leat_sim_expect(received == count);
}

/* ---- a close that meets senders who wait: each element was sent or was not ---- */

static int sends_until_closed(void *arg)
{
    int err = 0;

    (void)arg;
    while (!err) {
        uint32_t number = 1;

        err = leat_chan_send(chan, &number);
        sent += err == 0;
    }
    leat_sim_expect(err == -EPIPE);
    return 0;
}

SCENARIO(closes_on_senders)
{
    uint32_t number;
    int err;

    sent = received = 0;
    leat_sim_expect(make(&chan, (struct leat_chan_options){
                                    .capacity = leat_sim_choose(2) ? leat_sim_capacity() : 0 }));
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < 1 + leat_sim_choose(6); i++)
            leat_sim_expect(leat_spawn(&scope, sends_until_closed, NULL) == 0);
        for (uint32_t i = leat_sim_choose(20); i > 0; i--) {
            leat_sim_expect(leat_chan_recv(chan, &number) == 0);
            received++;
        }
        if (leat_sim_choose(2))
            (void)leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
        leat_chan_close(chan);
        while ((err = leat_chan_recv(chan, &number)) == 0)
            received++;
        leat_sim_expect(err == -EPIPE);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_chan_free(chan);
    leat_sim_expect(received == sent);
}

/* ---- batches, and a join of what was dealt with ---- */

static uint32_t dealt_with;
static bool all_sent;

static int sends_batches(void *arg)
{
    uint32_t numbers[16] = { 0 };

    (void)arg;
    for (uint32_t left = count; left > 0;) {
        uint32_t want = 1 + leat_sim_choose(left < 16 ? left : 16);
        LEAT_LIMIT(draw_limit());
        ssize_t got = leat_chan_send_many(chan, numbers, want);

        leat_sim_expect((got > 0 && got <= want) || got == -ETIMEDOUT);
        if (got > 0) {
            left -= (uint32_t)got;
            sent += (uint32_t)got;
        }
        dwell();
    }
    return 0;
}

static int receives_batches(void *arg)
{
    uint32_t numbers[16];
    ssize_t got = 0;

    (void)arg;
    while (got != -EPIPE) {
        LEAT_LIMIT(draw_limit());
        got = leat_chan_recv_many(chan, numbers, 1 + leat_sim_choose(16));
        leat_sim_expect((got > 0 && got <= 16) || got == -ETIMEDOUT || got == -EPIPE);
        if (leat_sim_choose(4) == 0)
            dwell();
        for (; got > 0; got--) {
            dealt_with++;
            leat_chan_done(chan);
        }
    }
    return 0;
}

static int joins(void *arg)
{
    int err = -1;

    (void)arg;
    while (err) {
        bool all = all_sent;
        LEAT_LIMIT(draw_limit());

        err = leat_chan_join(chan);
        leat_sim_expect(err == 0 || err == -ETIMEDOUT);
        if (!err && all)
            leat_sim_expect(dealt_with == sent);
        if (!err && !all_sent) {
            err = -EAGAIN;
            leat_yield();
        }
    }
    return 0;
}

SCENARIO(batches)
{
    uint32_t senders = 1 + leat_sim_choose(3);

    count = leat_sim_size();
    sent = dealt_with = 0;
    all_sent = false;
    leat_sim_expect(make(&chan, (struct leat_chan_options){ .capacity = leat_sim_capacity() }));
    {
        LEAT_SCOPE(in);
        LEAT_SCOPE(out);

        for (uint32_t i = 0; i < 1 + leat_sim_choose(3); i++)
            leat_sim_expect(leat_spawn(&in, receives_batches, NULL) == 0);
        spawn_many(&out, senders, sends_batches, NULL);
        leat_sim_expect(leat_scope_join(&out) == 0);
        all_sent = true;
        LEAT_SCOPE(ends);
        for (uint32_t i = 0; i < 1 + leat_sim_choose(3); i++)
            leat_sim_expect(leat_spawn(&ends, joins, NULL) == 0);
        leat_sim_expect(leat_scope_join(&ends) == 0);
        leat_chan_close(chan);
        leat_sim_expect(leat_scope_join(&in) == 0);
    }
    leat_chan_free(chan);
    leat_sim_expect(sent == senders * count && dealt_with == sent);
}

/* ---- oneshots: the receiver frees them ---- */

static int answers(void *arg)
{
    uint32_t number = 7;

    dwell();
    leat_sim_expect(leat_chan_send(arg, &number) == 0);
    return 0;
}

static int asks(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 1 + count / 10; i++) {
        struct leat_chan *answer;
        uint32_t number = 0;

        leat_sim_expect(make(&answer, (struct leat_chan_options){ .oneshot = true }));
        LEAT_SCOPE(scope);
        leat_sim_expect(leat_spawn(&scope, answers, answer) == 0);
        if (leat_sim_choose(2))
            leat_sim_expect(leat_scope_join(&scope) == 0);
        leat_sim_expect(leat_chan_recv(answer, &number) == 0 && number == 7);
        leat_sim_expect(leat_chan_recv(answer, &number) == -EPIPE);
        leat_sim_expect(leat_chan_try_send(answer, &number) == -EPIPE);
        leat_sim_expect(leat_scope_join(&scope) == 0);
        leat_chan_free(answer);
    }
    return 0;
}

SCENARIO(oneshots)
{
    count = leat_sim_size();
    LEAT_SCOPE(scope);
    for (uint32_t i = 0; i < 1 + leat_sim_choose(4); i++)
        leat_sim_expect(leat_spawn(&scope, asks, NULL) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
}

/* ---- streams that are short, in channels of their own, gone with their last element ---- */

#define SHORT 6

static int sends_a_few(void *arg)
{
    for (uint32_t number = 1; number <= SHORT; number++) {
        if (leat_sim_choose(4) == 0)
            dwell();
        leat_sim_expect(leat_chan_send(arg, &number) == 0);
    }
    return 0; /* the channel is gone */
}

static int receives_a_few(void *arg)
{
    struct leat_scope *scope = arg;

    for (uint32_t i = 0; i < 1 + count / 10; i++) {
        struct leat_chan *few;
        uint32_t number;

        leat_sim_expect(make(&few, (struct leat_chan_options){ .capacity = 1 + leat_sim_choose(3),
                                                               .spsc = leat_sim_choose(2) }));
        leat_sim_expect(leat_spawn(scope, sends_a_few, few) == 0);
        for (uint32_t at = 1; at <= SHORT; at++) {
            leat_sim_expect(leat_chan_recv(few, &number) == 0 && number == at);
            if (leat_sim_choose(4) == 0)
                dwell();
        }
        leat_chan_free(few);
    }
    return 0;
}

SCENARIO(short_streams)
{
    count = leat_sim_size();
    LEAT_SCOPE(senders);
    LEAT_SCOPE(receivers);
    for (uint32_t i = 0; i < 1 + leat_sim_choose(4); i++)
        leat_sim_expect(leat_spawn(&receivers, receives_a_few, &senders) == 0);
    leat_sim_expect(leat_scope_join(&receivers) == 0);
    leat_sim_expect(leat_scope_join(&senders) == 0);
}

/* ---- senders end when there is room, though nobody comes any more ---- */

static uint32_t to_receive;

static int sends_its_share(void *arg)
{
    (void)arg;
    while (sent < count) {
        uint32_t number = ++sent;

        leat_sim_expect(leat_chan_send(chan, &number) == 0);
    }
    return 0;
}

static int receives_its_share(void *arg)
{
    (void)arg;
    while (to_receive > 0) {
        uint32_t number;

        to_receive--;
        if (leat_sim_choose(4) == 0)
            dwell();
        leat_sim_expect(leat_chan_recv(chan, &number) == 0);
        received++;
    }
    return 0;
}

SCENARIO(leftovers)
{
    uint32_t capacity = leat_sim_capacity();

    to_receive = leat_sim_size();
    count = to_receive + capacity;
    sent = received = 0;
    leat_sim_expect(make(&chan, (struct leat_chan_options){ .capacity = capacity }));
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < 1 + leat_sim_choose(4); i++)
            leat_sim_expect(leat_spawn(&scope, sends_its_share, NULL) == 0);
        for (uint32_t i = 0; i < 1 + leat_sim_choose(4); i++)
            leat_sim_expect(leat_spawn(&scope, receives_its_share, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(received + leat_chan_length(chan) == sent);
    leat_chan_free(chan);
}

/* ---- one to all ---- */

static struct leat_broadcast *broadcast;
static struct leat_watch *watch;
static bool waits;
static uint32_t ready;

static int subscribes(void *arg)
{
    struct leat_subscriber subscriber;
    uint32_t last = 0, number;
    uint64_t missed, all = 0;
    int err = 0;

    (void)arg;
    leat_subscribe(&subscriber, broadcast);
    ready++;
    while (err != -EPIPE) {
        LEAT_LIMIT(draw_limit());
        err = leat_broadcast_recv(&subscriber, &number, &missed);
        leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EPIPE);
        if (leat_sim_choose(4) == 0)
            dwell();
        if (err)
            continue;
        leat_sim_expect(number == last + 1 + missed);
        leat_sim_expect(!waits || missed == 0);
        last = number;
        all += 1 + missed;
    }
    leat_sim_expect(all == count);
    leat_unsubscribe(&subscriber);
    return 0;
}

static int watches(void *arg)
{
    uint64_t version = 0, before;
    uint32_t number = 0;
    int err = 0;

    (void)arg;
    while (err != -EPIPE) {
        LEAT_LIMIT(draw_limit());
        before = version;
        err = leat_watch_next(watch, &version, &number);
        leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EPIPE);
        leat_sim_expect(err == 0 ? version > before && number + 1 == version : version == before);
    }
    leat_sim_expect(number == count);
    return 0;
}

SCENARIO(one_to_all)
{
    uint32_t subscribers = 1 + leat_sim_choose(4), number = 0;

    count = leat_sim_size();
    waits = leat_sim_choose(2);
    ready = 0;
    leat_sim_expect(leat_broadcast_create(&broadcast, sizeof number, leat_sim_capacity(),
                                          waits ? LEAT_SLOW_WAITS : LEAT_SLOW_MISSES) == 0);
    leat_sim_expect(leat_watch_create(&watch, sizeof number, &number) == 0);
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < subscribers; i++) {
            leat_sim_expect(leat_spawn(&scope, subscribes, NULL) == 0);
            leat_sim_expect(leat_spawn(&scope, watches, NULL) == 0);
        }
        while (ready < subscribers)
            leat_sim_expect(leat_sleep(LEAT_USEC) == 0);
        for (number = 1; number <= count; number++) {
            leat_sim_expect(leat_broadcast_send(broadcast, &number) == 0);
            leat_sim_expect(leat_watch_set(watch, &number) == 0);
            if (leat_sim_choose(4) == 0)
                dwell();
        }
        leat_broadcast_close(broadcast);
        leat_watch_close(watch);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_broadcast_destroy(broadcast);
    leat_watch_destroy(watch);
}
