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
