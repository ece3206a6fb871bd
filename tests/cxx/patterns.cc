// SPDX-License-Identifier: MIT
// The functions beneath the macros of pattern.h and broadcast.h from C++17, in tasks and out.
#include <gtest/gtest.h>

#include <leat/leat.h>

#include <cerrno>

namespace {

int twice(void *arg)
{
    return *static_cast<int *>(arg) *= 2, 0;
}

int half(const void *in, void *out, void *)
{
    *static_cast<int *>(out) = *static_cast<const int *>(in) / 2;
    return 0;
}

int add_up(void *items, size_t count, void *arg)
{
    for (size_t i = 0; i < count; i++)
        *static_cast<int *>(arg) += static_cast<int *>(items)[i];
    return 0;
}

int fail_once(void *arg)
{
    return ++*static_cast<int *>(arg) == 1 ? -EAGAIN : 0;
}

int count(leat_gen *gen, void *)
{
    int err = 0;

    for (int i = 0; err == 0; i++)
        err = leat_gen_give(gen, &i, sizeof i);
    return err;
}

int next_number(void *out, void *arg)
{
    int *next = static_cast<int *>(arg);

    *static_cast<int *>(out) = *next;
    return ++*next > 11 ? -ENODATA : 0;
}

int add_one(const void *in, void *, void *arg)
{
    *static_cast<int *>(arg) += *static_cast<const int *>(in);
    return 0;
}

int use_arrays(void *)
{
    int                 items[] = { 1, 2, 3, 4 }, halves[4], sum = 0;
    leat_report         report = {};
    leat_gather_options options = {};

    options.size = sizeof options;
    options.window = 2;
    options.report = &report;
    options.arg = &sum;
    EXPECT_EQ(leat_gather_items(twice, items, sizeof(int), 4, &options), 0);
    EXPECT_EQ(report.succeeded, 4u);
    EXPECT_EQ(leat_gather_items(twice, nullptr, sizeof(int), 0, nullptr), 0);
    EXPECT_EQ(leat_map_items(half, items, sizeof(int), halves, sizeof(int), 4, nullptr), 0);
    EXPECT_EQ(halves[3], 4);
    options.window = 1;
    EXPECT_EQ(leat_batch_items(add_up, items, sizeof(int), 4, 3, &options), 0);
    EXPECT_EQ(sum, 20);
    return 0;
}

int use_calls(void *)
{
    int                  number = 21, calls = 0;
    leat_racer           racers[] = { { twice, &number } };
    leat_retry_options   again = {};
    leat_breaker         breaker = {};
    leat_breaker_options limits = {};
    leat_span            span = {};

    EXPECT_EQ(leat_race_between(racers, 1, nullptr), 0);
    EXPECT_EQ(number, 42);
    again.size = sizeof again;
    again.delay = 1;
    EXPECT_EQ(leat_retry_call(fail_once, &calls, &again), 0);
    EXPECT_EQ(calls, 2);
    limits.size = sizeof limits;
    limits.calls_min = 1;
    EXPECT_EQ(leat_breaker_init(&breaker, &limits), 0);
    calls = 0;
    EXPECT_EQ(leat_breaker_call(&breaker, fail_once, &calls), -EAGAIN);
    EXPECT_EQ(leat_breaker_call(&breaker, fail_once, &calls), -EHOSTDOWN);
    leat_span_begin(&span, "used from C++", nullptr);
    EXPECT_EQ(leat_span_end(&span, 7), 7);
    return 0;
}

int use_streams(void *)
{
    leat_gen    gen = {};
    int         value = -1, next = 1, sum = 0;
    leat_source numbers = { next_number, &next, sizeof(int) };
    leat_stage  stage = {};

    EXPECT_EQ(leat_gen_open(&gen, count, nullptr, sizeof(int)), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT_EQ(leat_gen_take(&gen, &value, sizeof value), 0);
        EXPECT_EQ(value, i);
    }
    EXPECT_EQ(leat_gen_close(&gen), 0);
    stage.fn = add_one;
    stage.arg = &sum;
    EXPECT_EQ(leat_pipeline_run(&numbers, &stage, 1, nullptr), 0);
    EXPECT_EQ(sum, 55);
    return 0;
}

int use_channels(void *)
{
    leat_broadcast *news = nullptr;
    leat_subscriber reader = {};
    leat_watch     *watch = nullptr;
    int             value = 7, got = 0;
    uint64_t        missed = 9, version = 0;

    EXPECT_EQ(leat_broadcast_create(&news, sizeof value, 1, LEAT_SLOW_MISSES), 0);
    leat_subscribe(&reader, news);
    EXPECT_EQ(leat_broadcast_send(news, &got), 0);
    EXPECT_EQ(leat_broadcast_send(news, &value), 0);
    EXPECT_EQ(leat_broadcast_recv(&reader, &got, &missed), 0);
    EXPECT_EQ(got, 7);
    EXPECT_EQ(missed, 1u);
    leat_broadcast_close(news);
    EXPECT_EQ(leat_broadcast_recv(&reader, &got, nullptr), -EPIPE);
    leat_unsubscribe(&reader);
    leat_broadcast_destroy(news);
    EXPECT_EQ(leat_watch_create(&watch, sizeof value, &value), 0);
    EXPECT_EQ(leat_watch_next(watch, &version, &got), 0);
    EXPECT_EQ(version, 1u);
    leat_watch_close(watch);
    EXPECT_EQ(leat_watch_next(watch, &version, &got), -EPIPE);
    leat_watch_destroy(watch);
    return 0;
}

int rest(void *arg)
{
    auto *service = static_cast<leat_service *>(arg);

    return leat_service_pause(service, LEAT_HOUR) == -ESHUTDOWN ? 0 : -EPROTO;
}

int use_service(void *)
{
    leat_service         service = {};
    leat_service_options options = {};

    options.size = sizeof options;
    options.name = "used from C++";
    EXPECT_EQ(leat_service_start(&service, &options), 0);
    EXPECT_EQ(leat_service_spawn(&service, "rest", rest, &service), 0);
    EXPECT_EQ(leat_service_stop(&service, LEAT_MINUTE), 0);
    return 0;
}

} // namespace

TEST(patterns_cxx, are_used_through_their_functions_in_a_task_and_in_a_plain_thread)
{
    for (auto use : { use_arrays, use_calls, use_streams, use_channels }) {
        EXPECT_EQ(use(nullptr), 0);
        EXPECT_EQ(leat_run(use, nullptr, nullptr), 0);
    }
    EXPECT_EQ(leat_run(use_service, nullptr, nullptr), 0);
}
