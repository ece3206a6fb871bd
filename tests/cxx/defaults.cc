// SPDX-License-Identifier: MIT
// Each function beneath a macro takes nullptr for its options: C++17 has no way to name a few.
#include <gtest/gtest.h>

#include <leat/leat.h>

#include <cerrno>
#include <cstring>

namespace {

int nothing(void *)
{
    return 0;
}

int visit(void *data, size_t begin, size_t end)
{
    __atomic_fetch_add(static_cast<size_t *>(data), end - begin, __ATOMIC_RELAXED);
    return 0;
}

int visit_tile(void *data, leat_tile tile)
{
    return visit(data, 0, (tile.row_end - tile.row) * (tile.column_end - tile.column));
}

int copy(void *, void *out, const void *in)
{
    memcpy(out, in, sizeof(int));
    return 0;
}

int add_range(void *data, size_t begin, size_t end, void *sum)
{
    for (; begin < end; begin++)
        *static_cast<int *>(sum) += static_cast<int *>(data)[begin];
    return 0;
}

void add(void *, void *into, const void *from)
{
    *static_cast<int *>(into) += *static_cast<const int *>(from);
}

int order(const void *a, const void *b, void *)
{
    return *static_cast<const int *>(a) - *static_cast<const int *>(b);
}

void loops()
{
    int    numbers[] = { 3, 1, 2 }, other[3], sum = 0;
    size_t seen = 0;

    EXPECT_EQ(leat_parallel_for_with(0, 5, visit, &seen, nullptr), 0);
    EXPECT_EQ(leat_parallel_for_2d_with(2, 3, visit_tile, &seen, nullptr), 0);
    EXPECT_EQ(seen, 11u);
    EXPECT_EQ(leat_parallel_map_with(other, sizeof(int), numbers, sizeof(int), 3, copy, nullptr,
                                     nullptr), 0);
    EXPECT_EQ(leat_parallel_sort_with(numbers, 3, sizeof(int), order, nullptr, nullptr), 0);
    EXPECT_EQ(leat_parallel_sort_unstable_with(other, 3, sizeof(int), order, nullptr, nullptr), 0);
    EXPECT_EQ(memcmp(numbers, other, sizeof other), 0);
    EXPECT_EQ(leat_parallel_reduce_with(0, 3, add_range, add, numbers, &sum, sizeof sum, nullptr),
              0);
    EXPECT_EQ(sum, 6);
    EXPECT_EQ(leat_parallel_scan_with(numbers, 3, sizeof(int), add, nullptr, nullptr), 0);
    EXPECT_EQ(numbers[2], 6);
    sum = 0;
    EXPECT_EQ(leat_parallel_scan_exclusive_with(other, 3, sizeof(int), add, nullptr, &sum, nullptr),
              0);
    EXPECT_EQ(sum, 6);
}

void objects()
{
    leat_chan   *chan = nullptr;
    leat_breaker breaker;
    leat_span    span;

    ASSERT_EQ(leat_chan_create(&chan, sizeof(int), nullptr), 0);
    EXPECT_EQ(leat_chan_capacity(chan), 0u);
    leat_chan_free(chan);
    EXPECT_EQ(leat_breaker_init(&breaker, nullptr), 0);
    EXPECT_EQ(leat_breaker_call(&breaker, nothing, nullptr), 0);
    leat_span_begin(&span, "span", nullptr);
    EXPECT_EQ(leat_span_end(&span, 3), 3);
}

int use_all(void *)
{
    leat_scope scope, open;
    leat_task  task;

    leat_scope_enter(&scope, nullptr);
    EXPECT_EQ(leat_spawn_handle(&scope, &task, nothing, nullptr, nullptr), 0);
    EXPECT_EQ(leat_spawn_opt(&scope, nothing, nullptr, nullptr), 0);
    EXPECT_EQ(leat_scope_join(&scope), 0);
    EXPECT_EQ(leat_scope_open(&open, nullptr), 0);
    EXPECT_EQ(leat_scope_close(&open), 0);
    EXPECT_EQ(leat_detach(nothing, nullptr, nullptr), 0);
    objects();
    loops();
    return 0;
}

TEST(Defaults, AreWhatOptionsOfNullMeanInATask)
{
    EXPECT_EQ(leat_run(use_all, nullptr, nullptr), 0);
}

TEST(Defaults, AreWhatOptionsOfNullMeanOnAThread)
{
    leat_scope scope;

    leat_scope_enter(&scope, nullptr);
    EXPECT_EQ(leat_scope_join(&scope), 0);
    objects();
    loops();
}

} // namespace
