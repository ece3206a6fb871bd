/* SPDX-License-Identifier: MIT */
/* R5 for what passes values and for patterns: memory runs out at the n-th allocation, for every n,
 * while channels are opened and used, and patterns run. Each function that was to run is run once
 * or reported as not run; no element is lost; a select allocates nothing. */
#include "fault/failing.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

static int run(int (*fn)(void *arg), void *arg)
{
    return leat_run(fn, arg, LEAT_OPTIONS(.workers = 1, .compute_threads = 1, .blocking_max = 2,
                                          .log_level = LEAT_LOG_ERROR));
}

/* ---- channels, broadcasts, watches, select ---- */

typedef leat_chan(int) int_chan;

struct pair {
    int_chan first, second;
    int      sent, received;
};

static int fill(void *arg)
{
    struct pair *pair = arg;
    int err = 0;

    for (int i = 0; i < 20 && err >= 0; i++) {
        err = leat_select(LEAT_SEND(&pair->first, &i), LEAT_SEND(&pair->second, &i));
        pair->sent += err >= 0;
    }
    leat_close(&pair->first);
    leat_close(&pair->second);
    return err < 0 ? err : 0;
}

static int drain(struct pair *pair)
{
    int value, err;

    do {
        err = leat_select(LEAT_RECV(&pair->first, &value), LEAT_RECV(&pair->second, &value));
        pair->received += err >= 0;
    } while (err >= 0);
    while (leat_recv(&pair->first, &value) == 0)
        pair->received++;
    while (leat_recv(&pair->second, &value) == 0)
        pair->received++;
    return err == -EPIPE ? 0 : err;
}

static int pass_through_two(void *arg)
{
    struct pair pair = { .sent = 0 };
    int err = leat_chan_open(&pair.first, .capacity = 2);

    (void)arg;
    if (err)
        return err;
    err = leat_chan_open(&pair.second, .capacity = 2, .name = "second");
    if (!err) {
        LEAT_SCOPE(scope);

        err = leat_spawn(&scope, fill, &pair);
        if (!err) {
            err = drain(&pair);
            expect_eq(pair.received, 20);
        }
        (void)leat_scope_join(&scope);
        leat_chan_destroy(&pair.second);
    }
    leat_chan_destroy(&pair.first);
    expect_eq(pair.received, pair.sent);
    return err;
}

static int chans(void)
{
    return run(pass_through_two, NULL);
}

LEAT_TEST(R5, channels_fail_to_open_or_pass_all)
{
    failing_sweep("channels", chans, 4, 40);
}

static int tell_and_watch(void *arg)
{
    struct leat_broadcast *broadcast = NULL;
    struct leat_watch *watch = NULL;
    struct leat_subscriber subscriber;
    uint64_t version = 0;
    int value = 7, err;

    (void)arg;
    err = leat_broadcast_create(&broadcast, sizeof value, 4, LEAT_SLOW_WAITS);
    if (!err)
        err = leat_watch_create(&watch, sizeof value, &value);
    if (!err) {
        leat_subscribe(&subscriber, broadcast);
        expect_ok(leat_broadcast_send(broadcast, &value));
        expect_ok(leat_broadcast_recv(&subscriber, &value, NULL));
        expect_ok(leat_watch_next(watch, &version, &value));
        leat_unsubscribe(&subscriber);
    }
    leat_watch_destroy(watch);
    leat_broadcast_destroy(broadcast);
    return err;
}

static int broadcasts(void)
{
    return run(tell_and_watch, NULL);
}

LEAT_TEST(R5, broadcasts_and_watches_fail_to_open_or_work)
{
    failing_sweep("broadcasts", broadcasts, 4, 40);
}

/* ---- patterns ---- */

enum { ITEMS = 12 };

static int count_item(void *arg)
{
    atomic_int *item = arg;

    atomic_fetch_add(item, 1);
    return leat_sleep(LEAT_USEC);
}

static bool is_exhaustion(int err)
{
    return err == -ENOMEM || err == -EAGAIN;
}

/* Each was called once, and says what came of it; or was not, and says so. */
static int gather_some(void *arg)
{
    atomic_int items[ITEMS] = { 0 };
    int status[ITEMS];
    struct leat_failure failures[ITEMS];
    struct leat_report report = { .total = 0 };
    int err = leat_gather(count_item, items, ITEMS, .status = status, .report = &report,
                          .failures = failures, .failures_max = ITEMS,
                          .window = arg ? 3 : 0, .on_error = LEAT_COLLECT);

    expect_eq(report.succeeded + report.failed + report.cancelled, (size_t)ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        expect_le(atomic_load(&items[i]), 1);
        expect_eq(status[i] == 0, atomic_load(&items[i]) == 1);
        if (status[i] && status[i] != -ECANCELED)
            expect(is_exhaustion(status[i]));
    }
    return err;
}

static int gathers(void)
{
    int err = run(gather_some, NULL);

    return err ? err : run(gather_some, &err);
}

LEAT_TEST(R5, gather_says_which_items_it_called)
{
    failing_sweep("gather", gathers, 4, 40);
}

static int square(const void *in, void *out, void *arg)
{
    (void)arg;
    *(int *)out = *(const int *)in * *(const int *)in;
    return leat_sleep(LEAT_USEC);
}

static int map_some(void *arg)
{
    int in[ITEMS], out[ITEMS] = { 0 }, status[ITEMS];
    int err;

    (void)arg;
    for (int i = 0; i < ITEMS; i++)
        in[i] = i + 1;
    err = leat_map(square, in, out, ITEMS, .window = 4, .status = status);
    for (int i = 0; i < ITEMS; i++)
        if (status[i] == 0)
            expect_eq(out[i], in[i] * in[i]);
        else
            expect(err != 0);
    return err;
}

static int maps(void)
{
    return run(map_some, NULL);
}

LEAT_TEST(R5, map_fails_or_is_right)
{
    failing_sweep("map", maps, 4, 40);
}

static int race_some(void *arg)
{
    atomic_int calls[3] = { 0 };
    const struct leat_racer racers[3] = { { count_item, &calls[0] }, { count_item, &calls[1] },
                                          { count_item, &calls[2] } };
    size_t winner = 3;
    int err = leat_race(racers, 3, .success = arg != NULL, .winner = &winner);

    for (int i = 0; i < 3; i++)
        expect_le(atomic_load(&calls[i]), 1);
    if (!err && winner < 3)
        expect_eq(atomic_load(&calls[winner]), 1);
    return err;
}

static int races(void)
{
    int err = run(race_some, NULL);

    return err ? err : run(race_some, &err);
}

LEAT_TEST(R5, races_fail_or_have_a_winner)
{
    failing_sweep("race", races, 4, 40);
}

static int count_up(struct leat_gen *gen, void *arg)
{
    int err = 0;

    (*(int *)arg)++;
    for (int i = 0; i < 5 && !err; i++)
        err = leat_yield_value(gen, &i);
    return err;
}

static int generate_some(void *arg)
{
    int value, calls = 0, sum = 0, err;

    (void)arg;
    {
        LEAT_GEN(numbers, int, count_up, &calls);

        while ((err = leat_next(&numbers, &value)) == 0)
            sum += value;
    }
    if (err != -ENODATA)
        return err;
    expect_eq(calls, 1);
    expect_eq(sum, 10);
    return 0;
}

static int generators(void)
{
    return run(generate_some, NULL);
}

LEAT_TEST(R5, generators_fail_or_give_all)
{
    failing_sweep("generator", generators, 4, 40);
}

struct belt {
    atomic_int made, taken;
};

static int make_one(void *out, void *arg)
{
    struct belt *belt = arg;
    int next = atomic_load(&belt->made);

    if (next == ITEMS)
        return -ENODATA;
    *(int *)out = next;
    atomic_fetch_add(&belt->made, 1);
    return 0;
}

static int pass_one(const void *in, void *out, void *arg)
{
    (void)arg;
    *(int *)out = *(const int *)in;
    return 0;
}

static int take_one(const void *in, void *out, void *arg)
{
    struct belt *belt = arg;

    (void)out;
    expect_eq(*(const int *)in, atomic_load(&belt->taken));
    atomic_fetch_add(&belt->taken, 1);
    return 0;
}

static int pipe_some(void *arg)
{
    struct belt belt = { 0 };
    struct leat_source source = { make_one, &belt, sizeof(int) };
    struct leat_stage stages[] = {
        { .fn = pass_one, .out_bytes = sizeof(int), .width = 3, .ordered = true },
        { .fn = take_one, .arg = &belt },
    };
    int err = leat_pipeline(&source, stages, 2);

    (void)arg;
    if (!err)
        expect_eq(atomic_load(&belt.taken), ITEMS);
    return err;
}

static int pipelines(void)
{
    return run(pipe_some, NULL);
}

LEAT_TEST(R5, pipelines_fail_or_pass_all)
{
    failing_sweep("pipeline", pipelines, 4, 40);
}

static int fail_twice(void *arg)
{
    int *calls = arg;

    return ++*calls < 3 ? -EIO : 0;
}

/* None of these needs memory: once a runtime is there they work. */
static int call_carefully(void *arg)
{
    struct leat_breaker breaker;
    int calls = 0, err;

    (void)arg;
    err = leat_breaker_init(&breaker, LEAT_BREAKER_OPTIONS(.calls_min = 100));
    expect_ok(err);
    {
        LEAT_SPAN(span, "retried");

        err = leat_retry(fail_twice, &calls, .tries = 4, .delay = LEAT_USEC);
        expect_ok(leat_span_end(&span, err));
    }
    expect_eq(calls, 3);
    calls = 2;
    expect_ok(leat_breaker_call(&breaker, fail_twice, &calls));
    return err;
}

static int careful_calls(void)
{
    return run(call_carefully, NULL);
}

LEAT_TEST(R5, retry_breaker_and_span_need_no_memory)
{
    failing_sweep("retry", careful_calls, 4, 40);
}

static struct leat_service service;

static int serve(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    while (leat_service_pause(&service, LEAT_USEC) == 0)
        ;
    return 0;
}

static void stop_it(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 100);
}

static int serve_some(void *arg)
{
    atomic_int ran = 0, stopped = 0;
    int started = 0, err;

    (void)arg;
    memset(&service, 0, sizeof service);
    err = leat_service_start(&service, LEAT_SERVICE_OPTIONS(.on_stop = stop_it, .arg = &stopped));
    if (err)
        return err;
    for (int i = 0; i < 3 && !err; i++) {
        err = leat_service_spawn(&service, "serving", serve, &ran);
        started += !err;
    }
    (void)leat_service_stop(&service, LEAT_MINUTE);
    expect_eq(atomic_load(&ran), started);
    expect_eq(atomic_load(&stopped), 100);
    return err;
}

static int services(void)
{
    return run(serve_some, NULL);
}

LEAT_TEST(R5, a_service_stops_what_it_could_start)
{
    failing_sweep("service", services, 4, 40);
}
