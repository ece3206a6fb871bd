/* SPDX-License-Identifier: MIT */
#include "base/check.h"
#include "harness/test.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void fail_a_check(void)
{
    leat__check(1 + 1 == 3, "count again");
}

LEAT_TEST(check, failed_check_prints_its_sentence_and_place_and_aborts)
{
    char want[64];

    snprintf(want, sizeof want, "leat: count again (check.c:%d)\n", __LINE__ - 7);
    expect_dies(fail_a_check, SIGABRT, want);
}

static void fail_with_a_path(void)
{
    leat__check_failed("say only the file's own name", "/some/where/deep/file.c", 2147483647);
}

LEAT_TEST(check, printed_place_has_no_directories)
{
    expect_dies(fail_with_a_path, SIGABRT,
                "leat: say only the file's own name (file.c:2147483647)\n");
}

static void fail_at_length(void)
{
    static char sentence[5000];

    memset(sentence, 'x', sizeof sentence - 1);
    leat__check_failed(sentence, "file.c", 1);
}

LEAT_TEST(check, sentence_longer_than_the_buffer_is_cut_not_overrun)
{
    expect_dies(fail_at_length, SIGABRT, "leat: xxxxxxxx");
}

LEAT_TEST(check, held_check_evaluates_its_condition_once_and_goes_on)
{
    int evaluated = 0;

    leat__check(++evaluated == 1, "evaluate the condition once");
    expect_eq(evaluated, 1);
}
