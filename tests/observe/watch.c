/* SPDX-License-Identifier: MIT */
/* The watchdog: names who holds a worker for long, and nobody else. */
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "platform/clock.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct lines {
    pthread_mutex_t lock;
    char            text[16384];
    const char     *awaited;
    LEAT_ATOMIC(bool) found; /* what was awaited is there */
};

static void keep(void *arg, enum leat_log_level level, const char *line)
{
    struct lines *lines = arg;
    size_t used;

    (void)level;
    pthread_mutex_lock(&lines->lock);
    used = strlen(lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "%s\n", line);
    if (lines->awaited && strstr(lines->text, lines->awaited))
        store_release(&lines->found, true);
    pthread_mutex_unlock(&lines->lock);
}

static volatile unsigned sink;

static __attribute__((noinline)) void burn(leat_time length)
{
    leat_time end = leat__clock_now() + length;

    while (leat__clock_now() < end)
        sink++;
}

/* Long enough for any limit; as long as nothing is said. */
#define PATIENCE (20 * LEAT_SEC)

static int hog(void *arg)
{
    struct lines *lines = arg;
    leat_time end = leat__clock_now() + PATIENCE;

    while (!load_acquire(&lines->found) && leat__clock_now() < end)
        burn(LEAT_MSEC);
    return 0;
}

static int run_hog(void *arg)
{
    LEAT_SCOPE(scope);

    leat_spawn_opt(&scope, hog, arg, LEAT_TASK_OPTIONS(.name = "greedy"));
    leat_sleep(10 * LEAT_MSEC);
    return leat_scope_join(&scope);
}

static int short_hog(void *arg)
{
    burn(300 * LEAT_MSEC);
    return arg != NULL;
}

LEAT_TEST(watch, a_task_that_computes_for_long_is_named_with_its_stack)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER, .awaited = "    hog" };

    if (LEAT__TSAN) /* which puts signals off until the next call it intercepts */
        lines.awaited = "has held";
    expect_ok(leat_run(run_hog, &lines,
                       LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines)));
    expect_contains(lines.text, " \"greedy\" (fn hog) has held worker ");
    expect_contains(lines.text, lines.awaited);
}

static int block(void *arg)
{
    struct lines *lines = arg;

    for (int i = 0; i < 200 && !load_acquire(&lines->found); i++) {
        struct timespec left = { .tv_nsec = 100000000 };

        while (nanosleep(&left, &left) != 0)
            ;
    }
    return 0;
}

LEAT_TEST(watch, a_task_that_sleeps_in_the_kernel_is_named_too)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER, .awaited = "    block+" };

    expect_ok(leat_run(block, &lines, LEAT_OPTIONS(.workers = 1, .log = keep, .log_arg = &lines)));
    expect_contains(lines.text, " has held worker 0 for ");
    expect_contains(lines.text, "    block+");
}

static int behave(void *arg)
{
    (void)arg;
    for (int i = 0; i < 300; i++) {
        burn(5 * LEAT_MSEC);
        leat_yield();
    }
    return leat_sleep(1500 * LEAT_MSEC);
}

LEAT_TEST(watch, tasks_that_give_way_or_wait_are_not)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

    expect_ok(leat_run(behave, NULL, LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines,
                                                  .stall_ns = LEAT_SEC)));
    expect_str_eq(lines.text, "");
}

LEAT_TEST(watch, nobody_is_named_when_it_is_turned_off)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

    expect_ok(leat_run(short_hog, NULL, LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines,
                                                     .stall_ns = LEAT_NEVER)));
    setenv("LEAT_STALL_MS", "0", 1);
    expect_ok(leat_run(short_hog, NULL, LEAT_OPTIONS(.log = keep, .log_arg = &lines)));
    unsetenv("LEAT_STALL_MS");
    setenv("LEAT_WATCH", "0", 1);
    expect_ok(leat_run(short_hog, NULL, LEAT_OPTIONS(.log = keep, .log_arg = &lines)));
    expect_str_eq(lines.text, "");
    setenv("LEAT_WATCH", "perhaps", 1);
    expect_err(leat_run(short_hog, NULL, NULL), -EINVAL);
    unsetenv("LEAT_WATCH");
    expect_err(leat_run(short_hog, NULL, LEAT_OPTIONS(.stall_ns = -1)), -EINVAL);
}

LEAT_TEST(watch, without_signals_a_task_is_named_without_its_stack)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER, .awaited = "has held" };

    expect_ok(leat_run(run_hog, &lines,
                       LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines,
                                    .no_signals = true)));
    expect_contains(lines.text, " \"greedy\" (fn hog) has held worker ");
    expect_null(strstr(lines.text, "    hog"));
}
