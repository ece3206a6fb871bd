/* SPDX-License-Identifier: MIT */
/* What programs do with many tasks: pipelines, generators, retries, gathers, breakers, services. */
#include "sim/scenarios/scenario.h"

static uint32_t count, made, arrived, inside;
static uint8_t seen[201];

/* ---- a pipeline: each element once through each stage, in order where that is promised ---- */

static bool in_order, fails;
static uint32_t last;

static int source(void *out, void *arg)
{
    (void)arg;
    if (made == count)
        return -ENODATA;
    *(uint32_t *)out = ++made;
    return 0;
}

static int passes(const void *in, void *out, void *arg)
{
    uint32_t number = *(const uint32_t *)in;

    (void)arg;
    dwell();
    leat_sim_expect((seen[number] & 1) == 0);
    seen[number] |= 1;
    if (fails && number == count / 2)
        return -EPROTO;
    if (number % 7 == 0)
        return LEAT_DROP;
    *(uint32_t *)out = number;
    return 0;
}

static int arrives(const void *in, void *out, void *arg)
{
    uint32_t number = *(const uint32_t *)in;

    (void)out, (void)arg;
    leat_sim_expect((seen[number] & 3) == 1);
    seen[number] |= 2;
    if (in_order)
        leat_sim_expect(number > last);
    last = number;
    arrived++;
    dwell();
    return 0;
}

SCENARIO(pipeline)
{
    const struct leat_source numbers = { source, NULL, sizeof(uint32_t) };
    uint32_t width = 1 + leat_sim_choose(4);
    int err;

    memset(seen, 0, sizeof seen);
    made = arrived = last = 0;
    count = 2 * leat_sim_size();
    in_order = leat_sim_choose(2) || width == 1;
    fails = leat_sim_choose(4) == 0;
    struct leat_stage stages[] = {
        { .fn = passes, .out_bytes = sizeof(uint32_t), .width = width, .ordered = in_order,
          .capacity = leat_sim_capacity() },
        { .fn = arrives, .out_bytes = 1, .capacity = leat_sim_capacity() },
    };
    if (leat_sim_choose(4) == 0)
        err = leat_pipeline(&numbers, stages, 2, .deadline = leat_after(draw_limit()));
    else
        err = leat_pipeline(&numbers, stages, 2);
    leat_sim_expect(err == 0 || err == -ETIMEDOUT || (fails && err == -EPROTO));
    leat_sim_expect(arrived <= made - made / 7);
    if (err == 0) {
        leat_sim_expect(!fails && made == count && arrived == count - count / 7);
        leat_sim_expect(stages[0].taken == count && stages[0].passed == arrived);
    }
}

/* ---- generators: nothing runs ahead, a close ends it, fn is called once ---- */

struct numbers {
    uint32_t started, ended, given, taken;
};

static int generates(struct leat_gen *gen, void *arg)
{
    struct numbers *numbers = arg;
    int err = 0;

    leat_sim_expect(numbers->started++ == 0);
    for (uint32_t i = 1; !err && i <= count; i++) {
        if (leat_sim_choose(3) == 0)
            err = leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
        if (!err) {
            leat_sim_expect(numbers->given == numbers->taken);
            numbers->given++;
            err = leat_yield_value(gen, &i);
        }
    }
    numbers->ended++;
    return err;
}

static int iterates(void *arg)
{
    uint32_t stop_after = leat_sim_choose(2) ? 1000 : leat_sim_choose(count + 1), number = 0;
    struct numbers numbers = { 0 };
    int err = 0;

    (void)arg;
    {
        LEAT_GEN(gen, uint32_t, generates, &numbers);
        LEAT_LIMIT(draw_limit());

        while (numbers.taken < stop_after && (err = leat_next(&gen, &number)) == 0) {
            leat_sim_expect(number == ++numbers.taken);
            leat_sim_expect(numbers.given == numbers.taken);
            if (leat_sim_choose(4) == 0)
                leat_yield();
        }
        leat_sim_expect(err == 0 || err == -ENODATA || err == -ETIMEDOUT);
        if (err == -ENODATA)
            leat_sim_expect(numbers.taken == count && numbers.ended == 1);
    }
    leat_sim_expect(numbers.started == 1 && numbers.ended == 1);
    arrived++;
    return 0;
}

SCENARIO(generator)
{
    uint32_t tasks = 1 + leat_sim_choose(6);

    count = leat_sim_size();
    arrived = 0;
    LEAT_SCOPE(scope);
    spawn_many(&scope, tasks, iterates, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(arrived == tasks);
}

/* ---- retries with hours between them, behind a breaker ---- */

static struct leat_breaker breaker;
static struct leat_retry_budget budget;

struct request {
    uint32_t  tries, fails;
    leat_time last;
};

static int tries(void *arg)
{
    struct request *request = arg;

    leat_sim_expect(leat_now() >= request->last);
    request->last = leat_now();
    if (leat_sim_choose(4) == 0 && leat_sleep((leat_time)leat_sim_choose(60) * LEAT_SEC) != 0)
        return leat_cancelled();
    return request->tries++ < request->fails ? -ECONNREFUSED : 0;
}

static int through_the_breaker(void *arg)
{
    return leat_breaker_call(&breaker, tries, arg);
}

static int insists(void *arg)
{
    struct request request = { 0, leat_sim_choose(6), leat_now() };
    leat_time began = leat_now();
    bool guarded = leat_sim_choose(2), limited = leat_sim_choose(4) == 0;
    unsigned calls = 0;
    int err;

    (void)arg;
    LEAT_LIMIT(limited ? LEAT_HOUR : 10000 * LEAT_HOUR);
    err = leat_retry(guarded ? through_the_breaker : tries, &request, .tries = 5,
                     .delay = LEAT_HOUR, .cap = 5 * LEAT_HOUR, .no_jitter = leat_sim_choose(2),
                     .budget = leat_sim_choose(2) ? &budget : NULL, .tries_made = &calls);
    leat_sim_expect(calls <= 5 && request.tries <= calls);
    if (err == 0)
        leat_sim_expect(request.tries == request.fails + 1);
    else
        leat_sim_expect(err == -ECONNREFUSED || (guarded && err == -EHOSTDOWN) ||
                        (limited && err == -ETIMEDOUT));
    leat_sim_expect(leat_now() - began <= 20 * LEAT_HOUR);
    if (limited)
        leat_sim_expect(leat_now() - began <= LEAT_HOUR + LEAT_SEC);
    arrived++;
    return 0;
}

SCENARIO(retry)
{
    uint32_t tasks = leat_sim_size();

    arrived = 0;
    memset(&breaker, 0, sizeof breaker);
    memset(&budget, 0, sizeof budget);
    LEAT_SCOPE(scope);
    spawn_many(&scope, tasks, insists, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(arrived == tasks);
}

/* ---- all of an array, so many at once ---- */

static uint32_t window;

static int handles(void *arg)
{
    uint8_t *item = arg;

    leat_sim_expect((*item)++ == 0);
    inside++;
    leat_sim_expect(window == 0 || inside <= window);
    dwell();
    inside--;
    return leat_sim_choose(10) == 0 ? -EPROTO : 0;
}

SCENARIO(gather)
{
    struct leat_report report;
    size_t called = 0;
    int status[200], err;

    memset(seen, 0, sizeof seen);
    count = 2 * leat_sim_size();
    inside = 0;
    window = leat_sim_choose(2) ? leat_sim_capacity() : 0;
    err = leat_gather(handles, seen, count, .window = window, .status = status, .report = &report,
                      .on_error = leat_sim_choose(2) ? LEAT_CANCEL : LEAT_COLLECT);
    for (uint32_t i = 0; i < count; i++) {
        called += seen[i];
        leat_sim_expect(seen[i] <= 1 && (seen[i] == 1 || status[i] == -ECANCELED));
    }
    leat_sim_expect(report.total == count);
    leat_sim_expect(report.succeeded + report.failed + report.cancelled == count);
    leat_sim_expect(called >= report.succeeded + report.failed);
    leat_sim_expect(err == 0 ? report.failed == 0 && called == count : err == -EPROTO);
}

/* ---- a service, its tasks and its end ---- */

static struct leat_service service;

static int serves(void *arg)
{
    (void)arg;
    while (leat_service_pause(&service, (leat_time)(1 + leat_sim_choose(50)) * LEAT_MSEC) == 0)
        arrived++;
    leat_sim_expect(leat_service_stopping(&service));
    inside--;
    return 0;
}

static int does_not_end_by_itself(void *arg)
{
    int err = leat_sleep(1000 * LEAT_HOUR);

    (void)arg;
    leat_sim_expect(err == -ECANCELED);
    inside--;
    return 0;
}

SCENARIO(services)
{
    leat_time began;
    int err;

    inside = arrived = 0;
    leat_sim_expect(leat_service_start(&service, NULL) == 0);
    for (uint32_t i = 0; i < 1 + leat_sim_size() / 4; i++) {
        err = leat_service_spawn(&service, "a task",
                                 leat_sim_choose(4) ? serves : does_not_end_by_itself, NULL);
        leat_sim_expect(err == 0);
        inside++;
    }
    (void)leat_sleep((leat_time)leat_sim_choose(200) * LEAT_MSEC);
    began = leat_now();
    leat_sim_expect(leat_service_stop(&service, LEAT_SEC) == 0);
    leat_sim_expect(inside == 0 && leat_now() - began < 2 * LEAT_SEC);
}
