/* SPDX-License-Identifier: MIT */
/* The harness's own tests: a check that cannot fail would make every other test worthless. */
#include "harness/test.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The expectation fails in a child, and the child says so by its status. */
#define expect_fails(fn) expect_exits(fn, 1, NULL)

static void fails_eq(void)
{
    expect_eq(1, 2);
}

static void fails_sign(void)
{
    expect_eq(-1, ULLONG_MAX);
}

static void fails_str(void)
{
    expect_str_eq("a", "b");
}

static void fails_ok(void)
{
    expect_ok(-ETIMEDOUT);
}

static void fails_mem(void)
{
    expect_mem_eq("abc", "abd", 3);
}

static void fails_contains(void)
{
    expect_contains("abc", "d");
}

static void fails_nan(void)
{
    expect_le(__builtin_nan(""), 1.0);
}

LEAT_TEST(harness, failing_expectations_fail_the_test)
{
    expect_fails(fails_eq);
    expect_fails(fails_sign);
    expect_fails(fails_str);
    expect_fails(fails_ok);
    expect_fails(fails_mem);
    expect_fails(fails_contains);
    expect_fails(fails_nan);
}

LEAT_TEST(harness, holding_expectations_pass)
{
    const char *text = "abc";
    size_t      three = 3;

    expect(text != NULL);
    expect_eq(strlen(text), 3);
    expect_eq(three, 3);
    expect_ne(-1, UINT64_MAX);
    expect_lt(-1, three);
    expect_lt(three, UINT64_MAX);
    expect_gt(2.5, 2);
    expect_ge('b', 'a');
    expect_le(LLONG_MIN, -1);
    expect_eq((bool)three, true);
    expect_not_null(text);
    expect_eq(text, text);
    expect_str_eq(text, "abc");
    expect_contains(text, "bc");
    expect_ok(0);
    expect_err(-EPIPE, -EPIPE);
}

static void *fail_in_thread(void *arg)
{
    for (int i = 0; i < 1000; i++)
        expect_eq(i, -1);
    return arg;
}

static void fails_from_threads(void)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, fail_in_thread, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

LEAT_TEST(harness, threads_may_fail_at_the_same_time)
{
    expect_fails(fails_from_threads);
}

static bool went_on;

static void asserts(void)
{
    assert_eq(1, 2);
    went_on = true;
}

static void asserts_then_looks(void)
{
    asserts();
    _exit(went_on ? 3 : 4);
}

LEAT_TEST(harness, assertion_leaves_the_function)
{
    expect_exits(asserts_then_looks, 4, NULL);
}

static void aborts(void)
{
    fprintf(stderr, "the reason\n");
    abort();
}

static void faults(void)
{
    char *volatile nowhere = (char *)1;

    *nowhere = 0;
}

static void expects_wrong_signal(void)
{
    expect_dies(aborts, SIGSEGV, NULL);
}

static void expects_wrong_text(void)
{
    expect_dies(aborts, SIGABRT, "another reason");
}

LEAT_TEST(harness, death_of_a_child_is_seen_with_its_text)
{
    expect_dies(aborts, SIGABRT, "the reason");
    expect_fails(expects_wrong_signal);
    expect_fails(expects_wrong_text);
}

LEAT_TEST(harness, fault_in_a_child_is_seen)
{
    expect_dies(faults, SIGSEGV, NULL);
}

LEAT_TEST(harness, tempdirs_are_new_and_writable)
{
    const char *a = test_tempdir(), *b = test_tempdir();
    char        path[4200];

    expect_str_ne(a, b);
    snprintf(path, sizeof path, "%s/file", a);
    test_write_file(path, "text", 4);
    expect_eq(access(path, R_OK), 0);
}

LEAT_TEST(harness, seed_stays_the_same_within_a_test)
{
    expect_eq(test_seed(), test_seed());
}

LEAT_TEST(harness, descriptors_are_counted)
{
    int before = test_count_fds(), fd = dup(0);

    expect_eq(test_count_fds(), before + 1);
    close(fd);
    expect_eq(test_count_fds(), before);
}
