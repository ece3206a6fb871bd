// SPDX-License-Identifier: MIT
// C++ callers use the untyped functions, and make cases by functions.
#include <gtest/gtest.h>

#include <leat/leat.h>

#include <cerrno>

TEST(channels_cxx, are_used_through_the_untyped_functions)
{
    leat_chan_options options = leat_chan_options();
    leat_chan        *chan = nullptr;
    int               value = 7, got = 0;

    options.size = sizeof options;
    options.capacity = 1;
    EXPECT_EQ(leat_chan_create(&chan, sizeof value, &options), 0);
    EXPECT_EQ(leat_chan_send(chan, &value), 0);
    leat_case cases[] = { leat_case_send(chan, &value), leat_case_recv(chan, &got),
                          leat_case_at(leat_after(LEAT_SEC)) };
    EXPECT_EQ(leat_select_any(cases, 3), 1);
    EXPECT_EQ(got, 7);
    leat_case none[] = { leat_case_recv(chan, &got), leat_case_default() };
    EXPECT_EQ(leat_select_any(none, 2), 1);
    leat_chan_close(chan);
    EXPECT_EQ(leat_chan_recv(chan, &got), -EPIPE);
    leat_chan_free(chan);
}

TEST(channels_cxx, batches_tries_and_done_are_functions_too)
{
    leat_chan_options options = leat_chan_options();
    leat_chan        *chan = nullptr;
    int               values[] = { 1, 2, 3 }, got[4] = {};

    options.size = sizeof options;
    options.capacity = 4;
    EXPECT_EQ(leat_chan_create(&chan, sizeof(int), &options), 0);
    EXPECT_EQ(leat_chan_try_recv(chan, got), -EAGAIN);
    EXPECT_EQ(leat_chan_send_many(chan, values, 3), 3);
    EXPECT_EQ(leat_chan_try_send(chan, &values[2]), 0);
    EXPECT_EQ(leat_chan_try_send(chan, &values[2]), -EAGAIN);
    EXPECT_EQ(leat_chan_length(chan), leat_chan_capacity(chan));
    EXPECT_EQ(leat_chan_recv_many(chan, got, 4), 4);
    EXPECT_EQ(got[1], 2);
    for (int i = 0; i < 4; i++)
        leat_chan_done(chan);
    EXPECT_EQ(leat_chan_join(chan), 0);
    leat_chan_free(chan);
}
