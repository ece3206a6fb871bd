/* SPDX-License-Identifier: MIT */
#include "base/error.h"
#include "harness/test.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

LEAT_TEST(error, name_is_the_same_for_both_signs)
{
    expect_str_eq(leat_error_name(ETIMEDOUT), "ETIMEDOUT");
    expect_str_eq(leat_error_name(-ETIMEDOUT), "ETIMEDOUT");
    expect_str_eq(leat_error_name(-ECANCELED), "ECANCELED");
    expect_str_eq(leat_error_name(-EAGAIN), "EAGAIN");
    expect_str_eq(leat_error_name(-EDEADLK), "EDEADLK");
    expect_str_eq(leat_error_name(-EOPNOTSUPP), "EOPNOTSUPP");
    expect_str_eq(leat_error_name(0), "OK");
}

LEAT_TEST(error, numbers_that_are_no_error_have_a_name_and_text_too)
{
    static const int none[] = { 41, 58, 134, 4096, -4096, INT_MAX, INT_MIN };

    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        expect_str_eq(leat_error_name(none[i]), "EUNKNOWN");
        expect_str_eq(leat_error_text(none[i]), "Unknown error");
    }
}

LEAT_TEST(error, text_is_the_c_library_s_for_each_known_error)
{
    expect_str_eq(leat_error_text(0), "Success");
    expect_str_eq(leat_error_text(-ENOENT), "No such file or directory");
    for (int err = 1; err < 134; err++)
        if (strcmp(leat_error_name(err), "EUNKNOWN") != 0)
            expect_str_eq(leat_error_text(-err), strerror(err));
}

#if __GLIBC_PREREQ(2, 32)
LEAT_TEST(error, table_agrees_with_the_c_library_on_every_number)
{
    for (int err = 1; err < 200; err++) {
        const char *theirs = strerrorname_np(err);

        expect_str_eq(leat_error_name(err), !theirs            ? "EUNKNOWN"
                                            : err == EOPNOTSUPP ? "EOPNOTSUPP"
                                                                : theirs);
    }
}
#endif
