/* SPDX-License-Identifier: MIT */
/* What the harness's C files and its C++ main share: the thin line between the two. */
#ifndef LEAT_TESTS_HARNESS_INTERNAL_H
#define LEAT_TESTS_HARNESS_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* main.cc: the only calls into Google Test; safe from any thread. */
void test_gtest_fail(const char *file, int line, const char *text);
void test_gtest_skip(const char *reason);

/* files.c: before and after each test. */
struct test_fds {
    int           count;          /* -1: no /proc */
    unsigned char open[8192 / 8]; /* bit per descriptor */
};
void test_fds_note(struct test_fds *fds);
void test_fds_compare(const struct test_fds *before, const char *file, int line);
void test_tempdirs_remove(void);

/* test.c: forgets the failures and the seed of the test before. */
void test_reset(void);

/* child.c: run the rest of the program in a child, watched by this process, which exits with the
 * child's status. Returns in the child, or at once when the watchdog is off. */
void test_watchdog_start(void);
/* Called as each test begins; NULL name: none is running. */
void test_watchdog_begin(const char *suite, const char *name);

#ifdef __cplusplus
}
#endif

#endif
