/* SPDX-License-Identifier: MIT */
/* Checks: compare, and on failure say what was expected and what was there. A check that holds
 * takes no lock, so that stress tests may use them in their inner loops. */
#include "harness/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "harness/internal.h"

/* More failures than this in one test say nothing new. */
#define FAILURES_SHOWN 20

static int      failures; /* only through __atomic: the harness does not depend on what it tests */
static uint64_t seed;
static bool     seed_known;

/* Whichever of a test's threads asks first draws the seed for all. */
static pthread_mutex_t drawing = PTHREAD_MUTEX_INITIALIZER;

void test_reset(void)
{
    __atomic_store_n(&failures, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&seed_known, false, __ATOMIC_RELAXED);
}

bool test_failed(void)
{
    return __atomic_load_n(&failures, __ATOMIC_RELAXED) != 0;
}

void test_fail_at(const char *file, int line, const char *format, ...)
{
    char    text[2048];
    va_list args;

    if (__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED) >= FAILURES_SHOWN)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    test_gtest_fail(file, line, text);
}

void test_skip_at(const char *file, int line, const char *format, ...)
{
    char    text[1024];
    int     length;
    va_list args;

    va_start(args, format);
    length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length >= 0 && (size_t)length < sizeof text)
        snprintf(text + length, sizeof text - (size_t)length, " (%s:%d)", file, line);
    test_gtest_skip(text);
}

static void draw_seed(void)
{
    const char *given = getenv("LEAT_TEST_SEED");

    if (given != NULL)
        seed = strtoull(given, NULL, 0);
    else if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        seed = 1;
    printf("seed %llu (repeat with LEAT_TEST_SEED=%llu)\n", (unsigned long long)seed,
           (unsigned long long)seed);
    fflush(stdout);
}

uint64_t test_seed(void)
{
    if (!__atomic_load_n(&seed_known, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&drawing);
        if (!__atomic_load_n(&seed_known, __ATOMIC_RELAXED)) {
            draw_seed();
            __atomic_store_n(&seed_known, true, __ATOMIC_RELEASE);
        }
        pthread_mutex_unlock(&drawing);
    }
    return seed;
}

size_t test_rounds(size_t ci, size_t release)
{
    size_t rounds = (getenv("LEAT_TEST_CAMPAIGN") != NULL ? release : ci) / TEST_SLOWDOWN;

    if (rounds == 0)
        rounds = 1;
    printf("rounds %zu\n", rounds);
    return rounds;
}

int test_count_threads(void)
{
    char line[256];
    int threads = -1;
    FILE *file = fopen("/proc/self/status", "r");

    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "Threads:", 8) == 0)
            threads = atoi(line + 8);
    if (file)
        fclose(file);
    return threads;
}

void test_doze(int64_t ns)
{
    nanosleep(&(struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 }, NULL);
}

void test_await_asleep(int thread_id)
{
    char path[64], state = 'R';

    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
    while (state == 'R') {
        FILE *file = fopen(path, "r");

        if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            state = 'X';
        if (file)
            fclose(file);
        test_doze(1000000);
    }
}

/* ---- values ---- */

static double value_as_float(struct test_value v)
{
    switch (v.kind) {
    case TEST_SIGNED:
        return (double)v.i;
    case TEST_UNSIGNED:
        return (double)v.u;
    case TEST_FLOAT:
        return v.f;
    case TEST_POINTER:
        return (double)(uintptr_t)v.p;
    }
    abort();
}

/* Negative, zero or positive as a is less than, equal to or greater than b; 2 when unordered. */
static int compare(struct test_value a, struct test_value b)
{
    if (a.kind == TEST_FLOAT || b.kind == TEST_FLOAT) {
        double x = value_as_float(a), y = value_as_float(b);

        return x < y ? -1 : x > y ? 1 : x == y ? 0 : 2;
    }
    bool a_negative = a.kind == TEST_SIGNED && a.i < 0;
    bool b_negative = b.kind == TEST_SIGNED && b.i < 0;

    if (a_negative != b_negative)
        return a_negative ? -1 : 1;
    if (a_negative)
        return (a.i > b.i) - (a.i < b.i);
    /* Neither is negative: all kinds share one unsigned order. */
    unsigned long long x = a.kind == TEST_POINTER ? (uintptr_t)a.p : a.u;
    unsigned long long y = b.kind == TEST_POINTER ? (uintptr_t)b.p : b.u;

    return (x > y) - (x < y);
}

static const char *value_text(struct test_value v, char *buf, size_t bytes)
{
    switch (v.kind) {
    case TEST_SIGNED:
        if (v.i < -9 || v.i > 9)
            snprintf(buf, bytes, "%lld (0x%llx)", v.i, (unsigned long long)v.i);
        else
            snprintf(buf, bytes, "%lld", v.i);
        break;
    case TEST_UNSIGNED:
        if (v.u > 9)
            snprintf(buf, bytes, "%llu (0x%llx)", v.u, v.u);
        else
            snprintf(buf, bytes, "%llu", v.u);
        break;
    case TEST_FLOAT:
        snprintf(buf, bytes, "%.17g", v.f);
        break;
    case TEST_POINTER:
        snprintf(buf, bytes, "%p", v.p);
        break;
    }
    return buf;
}

/* ---- checks ---- */

bool test_check_order(const char *file, int line, enum test_order order, const char *a_text,
                      const char *b_text, struct test_value a, struct test_value b)
{
    static const char *const sign[] = { "==", "!=", "<", "<=", ">", ">=" };
    int  c = compare(a, b);
    bool held = false;
    char a_buf[80], b_buf[80];

    switch (order) {
    case TEST_EQ:
        held = c == 0;
        break;
    case TEST_NE:
        held = c != 0;
        break;
    case TEST_LT:
        held = c == -1;
        break;
    case TEST_LE:
        held = c == -1 || c == 0;
        break;
    case TEST_GT:
        held = c == 1;
        break;
    case TEST_GE:
        held = c == 1 || c == 0;
        break;
    }
    if (!held)
        test_fail_at(file, line, "expected: %s %s %s\n    left: %s\n   right: %s", a_text,
                     sign[order], b_text, value_text(a, a_buf, sizeof a_buf),
                     value_text(b, b_buf, sizeof b_buf));
    return held;
}

bool test_check_str(const char *file, int line, bool equal, const char *a_text,
                    const char *b_text, const char *a, const char *b)
{
    bool same = a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;

    if (same != equal)
        test_fail_at(file, line, "expected: %s %s %s\n    left: \"%s\"\n   right: \"%s\"", a_text,
                     equal ? "equals" : "differs from", b_text, a != NULL ? a : "(null)",
                     b != NULL ? b : "(null)");
    return same == equal;
}

bool test_check_contains(const char *file, int line, const char *a_text, const char *haystack,
                         const char *needle)
{
    bool held = haystack != NULL && strstr(haystack, needle) != NULL;

    if (!held)
        test_fail_at(file, line, "expected: %s contains \"%s\"\n    text: \"%s\"", a_text, needle,
                     haystack != NULL ? haystack : "(null)");
    return held;
}

bool test_check_mem(const char *file, int line, const char *a_text, const char *b_text,
                    const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;

    for (size_t i = 0; i < bytes; i++) {
        if (x[i] != y[i]) {
            test_fail_at(file, line,
                         "expected: %s equals %s over %zu bytes\n"
                         "first difference at byte %zu: 0x%02x and 0x%02x",
                         a_text, b_text, bytes, i, x[i], y[i]);
            return false;
        }
    }
    return true;
}

static const char *result_text(long long result, char *buf, size_t bytes)
{
    const char *name = NULL;

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    if (result < 0 && result > -4096)
        name = strerrorname_np((int)-result);
#endif
    if (name != NULL)
        snprintf(buf, bytes, "-%s (%lld)", name, result);
    else
        snprintf(buf, bytes, "%lld", result);
    return buf;
}

bool test_check_err(const char *file, int line, const char *text, long long got, long long want)
{
    char got_buf[64], want_buf[64];

    if (got != want)
        test_fail_at(file, line, "expected: %s is %s\n     got: %s", text,
                     result_text(want, want_buf, sizeof want_buf),
                     result_text(got, got_buf, sizeof got_buf));
    return got == want;
}

bool test_check_ok(const char *file, int line, const char *text, long long got)
{
    return test_check_err(file, line, text, got, 0);
}
