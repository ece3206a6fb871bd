/* SPDX-License-Identifier: MIT */
/* Tests in C, run by Google Test.
 *
 *     #include "harness/test.h"
 *
 *     LEAT_TEST(chan, try_send_on_a_full_channel_would_block)
 *     {
 *         struct leat_chan *chan;
 *
 *         assert_ok(leat_chan_create(&chan, sizeof(int), 1));
 *         expect_ok(leat_chan_try_send(chan, &(int){ 1 }, sizeof(int)));
 *         expect_err(leat_chan_try_send(chan, &(int){ 2 }, sizeof(int)), -EAGAIN);
 *     }
 *
 * A body registers itself before main; filters, sharding, XML and ctest work as for C++ tests.
 * LEAT_TEST_TASK runs its body as the root task of a runtime, once per reactor and for one and two
 * workers: `suite.name/uring_1w`, `/uring_2w`, `/epoll_1w`, `/epoll_2w`.
 * A test whose name contains "timing" is run alone by ctest.
 *
 * expect_* notes a failure and goes on; assert_* also returns from the enclosing function, which
 * must return void. Both may be used from any thread and any fiber. They are no exceptions and no
 * longjmp: a fiber could not be left that way. Each argument is evaluated once.
 *
 * Around each test the harness checks that no file descriptor was left open, removes the temporary
 * folders, and aborts a test that runs for too long (60 s, five times that under a sanitizer;
 * LEAT_TEST_WATCHDOG sets the seconds, 0 turns it off, which a debugger wants). */
#ifndef LEAT_TESTS_HARNESS_TEST_H
#define LEAT_TESTS_HARNESS_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- registration ---- */

struct test_case {
    const char       *suite;
    const char       *name;
    const char       *file;
    int               line;
    void            (*body)(void);
    /* Runs body in a runtime; NULL for a plain test. A pointer, so that a program without task
     * tests links without the library's upper rooms. */
    void            (*run_task)(const struct test_case *test, bool uring, unsigned workers);
    struct test_case *next;
};

void test_register(struct test_case *test);
void test_run_task(const struct test_case *test, bool uring, unsigned workers);

#define TEST_DEFINE_(suite_, name_, run_task_)                                                  \
    static void test_##suite_##_##name_(void);                                                  \
    __attribute__((constructor)) static void test_##suite_##_##name_##_register(void)           \
    {                                                                                           \
        static struct test_case test = {                                                        \
            .suite = #suite_, .name = #name_, .file = __FILE__, .line = __LINE__,               \
            .body = test_##suite_##_##name_, .run_task = run_task_,                             \
        };                                                                                      \
        test_register(&test);                                                                   \
    }                                                                                           \
    static void test_##suite_##_##name_(void)

#define LEAT_TEST(suite, name)      TEST_DEFINE_(suite, name, NULL)
#define LEAT_TEST_TASK(suite, name) TEST_DEFINE_(suite, name, test_run_task)

/* ---- values: any scalar, compared by what it means, so -1 is not UINT64_MAX ---- */

enum test_kind { TEST_SIGNED, TEST_UNSIGNED, TEST_FLOAT, TEST_POINTER };

struct test_value {
    enum test_kind kind;
    union {
        long long          i;
        unsigned long long u;
        double             f;
        const void        *p;
    };
};

static inline struct test_value test_value_signed(long long v)
{
    return (struct test_value){ .kind = TEST_SIGNED, .i = v };
}

static inline struct test_value test_value_unsigned(unsigned long long v)
{
    return (struct test_value){ .kind = TEST_UNSIGNED, .u = v };
}

static inline struct test_value test_value_float(double v)
{
    return (struct test_value){ .kind = TEST_FLOAT, .f = v };
}

static inline struct test_value test_value_pointer(const volatile void *v)
{
    return (struct test_value){ .kind = TEST_POINTER, .p = (const void *)v };
}

#define test_value(v)                                                                           \
    _Generic((v),                                                                               \
        bool: test_value_unsigned, char: test_value_signed, signed char: test_value_signed,     \
        short: test_value_signed, int: test_value_signed, long: test_value_signed,              \
        long long: test_value_signed, unsigned char: test_value_unsigned,                       \
        unsigned short: test_value_unsigned, unsigned: test_value_unsigned,                     \
        unsigned long: test_value_unsigned, unsigned long long: test_value_unsigned,            \
        float: test_value_float, double: test_value_float,                                      \
        default: test_value_pointer)(v)

enum test_order { TEST_EQ, TEST_NE, TEST_LT, TEST_LE, TEST_GT, TEST_GE };

/* ---- checks: each returns whether it held ---- */

bool test_check_order(const char *file, int line, enum test_order order, const char *a_text,
                      const char *b_text, struct test_value a, struct test_value b);
bool test_check_str(const char *file, int line, bool equal, const char *a_text,
                    const char *b_text, const char *a, const char *b);
bool test_check_contains(const char *file, int line, const char *a_text, const char *haystack,
                         const char *needle);
bool test_check_mem(const char *file, int line, const char *a_text, const char *b_text,
                    const void *a, const void *b, size_t bytes);
/* got and want are 0, a count, or -errno; both are printed by name. */
bool test_check_err(const char *file, int line, const char *text, long long got, long long want);
bool test_check_ok(const char *file, int line, const char *text, long long got);

/* Note a failure with a printf-like sentence. */
void test_fail_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
void test_skip_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));

static inline bool test_check_true(const char *file, int line, const char *text, bool held)
{
    if (__builtin_expect(!held, 0))
        test_fail_at(file, line, "expected: %s", text);
    return held;
}

#define TEST_ORDER_(order, a, b)                                                                \
    test_check_order(__FILE__, __LINE__, order, #a, #b, test_value(a), test_value(b))
#define TEST_OR_RETURN_(check)                                                                  \
    do {                                                                                        \
        if (!(check))                                                                           \
            return;                                                                             \
    } while (0)

#define expect(cond)             ((void)test_check_true(__FILE__, __LINE__, #cond, (cond)))
#define expect_eq(a, b)          ((void)TEST_ORDER_(TEST_EQ, a, b))
#define expect_ne(a, b)          ((void)TEST_ORDER_(TEST_NE, a, b))
#define expect_lt(a, b)          ((void)TEST_ORDER_(TEST_LT, a, b))
#define expect_le(a, b)          ((void)TEST_ORDER_(TEST_LE, a, b))
#define expect_gt(a, b)          ((void)TEST_ORDER_(TEST_GT, a, b))
#define expect_ge(a, b)          ((void)TEST_ORDER_(TEST_GE, a, b))
#define expect_null(p)           expect_eq((const void *)(p), (const void *)0)
#define expect_not_null(p)       expect_ne((const void *)(p), (const void *)0)
#define expect_str_eq(a, b)      ((void)test_check_str(__FILE__, __LINE__, true, #a, #b, a, b))
#define expect_str_ne(a, b)      ((void)test_check_str(__FILE__, __LINE__, false, #a, #b, a, b))
#define expect_contains(s, part) ((void)test_check_contains(__FILE__, __LINE__, #s, s, part))
#define expect_mem_eq(a, b, n)   ((void)test_check_mem(__FILE__, __LINE__, #a, #b, a, b, n))
#define expect_ok(err)           ((void)test_check_ok(__FILE__, __LINE__, #err, err))
#define expect_err(got, want)    ((void)test_check_err(__FILE__, __LINE__, #got, got, want))

/* `assert` belongs to <assert.h>, so the plain form has a name of its own. */
#define assert_true(cond)        TEST_OR_RETURN_(test_check_true(__FILE__, __LINE__, #cond, (cond)))
#define assert_eq(a, b)          TEST_OR_RETURN_(TEST_ORDER_(TEST_EQ, a, b))
#define assert_ne(a, b)          TEST_OR_RETURN_(TEST_ORDER_(TEST_NE, a, b))
#define assert_lt(a, b)          TEST_OR_RETURN_(TEST_ORDER_(TEST_LT, a, b))
#define assert_le(a, b)          TEST_OR_RETURN_(TEST_ORDER_(TEST_LE, a, b))
#define assert_gt(a, b)          TEST_OR_RETURN_(TEST_ORDER_(TEST_GT, a, b))
#define assert_ge(a, b)          TEST_OR_RETURN_(TEST_ORDER_(TEST_GE, a, b))
#define assert_null(p)           assert_eq((const void *)(p), (const void *)0)
#define assert_not_null(p)       assert_ne((const void *)(p), (const void *)0)
#define assert_str_eq(a, b)                                                                     \
    TEST_OR_RETURN_(test_check_str(__FILE__, __LINE__, true, #a, #b, a, b))
#define assert_ok(err)           TEST_OR_RETURN_(test_check_ok(__FILE__, __LINE__, #err, err))
#define assert_err(got, want)                                                                   \
    TEST_OR_RETURN_(test_check_err(__FILE__, __LINE__, #got, got, want))

#define test_fail(...) test_fail_at(__FILE__, __LINE__, __VA_ARGS__)
/* Leave the test (a function that returns void) as skipped, with the reason. */
#define test_skip(...)                                                                          \
    do {                                                                                        \
        test_skip_at(__FILE__, __LINE__, __VA_ARGS__);                                          \
        return;                                                                                 \
    } while (0)

/* Whether this test has failed so far. */
bool test_failed(void);

/* ---- surroundings ---- */

/* How much slower than a plain build this one is: 1, or 5 under a sanitizer. Divide counts of
 * repetitions by it, multiply time limits. */
#ifndef TEST_SLOWDOWN
#define TEST_SLOWDOWN 1
#endif

/* 1 where an emulator of another machine runs the tests: it may lack what the kernel below has. */
#ifndef TEST_EMULATED
#define TEST_EMULATED 0
#endif

/* How often to repeat: `ci`, or `release` under tests/release, which sets LEAT_TEST_CAMPAIGN; fewer
 * in slow builds, never none. Printed, so that a row says what it did. */
size_t test_rounds(size_t ci, size_t release);

/* A new, empty folder, removed with all it holds when the test ends. */
const char *test_tempdir(void);

/* Write a file of the test's own; the content may be NULL when bytes is 0. */
void test_write_file(const char *path, const void *content, size_t bytes);

/* Write the text to a file at path, "/proc/uptime" say, below the folder root, and make the folders
 * on the way. */
void test_write_under(const char *root, const char *path, const char *text);

/* The seed of this test, printed: random, or LEAT_TEST_SEED. The same for each call in a test. */
uint64_t test_seed(void);

/* The number of open descriptors, or -1 without /proc. */
int test_count_fds(void);

/* Threads of this process, or -1 without /proc. */
int test_count_threads(void);

/* The calling thread, and with it its worker, sleeps. */
void test_doze(int64_t ns);

/* Wait until a thread of this process (gettid) sleeps in the kernel, or is gone. */
void test_await_asleep(int thread_id);

/* ---- children: only from the main thread of a LEAT_TEST, for fork copies one thread ---- */

bool test_child_dies(const char *file, int line, void (*fn)(void), int signal, const char *text);
bool test_child_exits(const char *file, int line, void (*fn)(void), int status, const char *text);

/* fn, in a forked child, is killed by signal and has written text (NULL: anything) to stderr. */
#define expect_dies(fn, signal, text)                                                           \
    ((void)test_child_dies(__FILE__, __LINE__, fn, signal, text))
/* fn, in a forked child, exits with status; returning counts as 0, or 1 after a failed check. */
#define expect_exits(fn, status, text)                                                          \
    ((void)test_child_exits(__FILE__, __LINE__, fn, status, text))
/* fn runs in a forked child (after seccomp, rlimits, chdir ..) and all its checks hold. */
#define expect_child_ok(fn) expect_exits(fn, 0, NULL)

#endif
