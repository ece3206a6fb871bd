/* SPDX-License-Identifier: MIT */
/* The watchdog: names who holds a worker for long, and nobody else. */
#include "harness/test.h"
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
};

static void keep(void *arg, enum leat_log_level level, const char *line)
{
    struct lines *lines = arg;
    size_t used;

    (void)level;
    pthread_mutex_lock(&lines->lock);
    used = strlen(lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "%s\n", line);
    pthread_mutex_unlock(&lines->lock);
}

static volatile unsigned sink;

static __attribute__((noinline)) void burn(leat_time length)
{
    leat_time end = leat__clock_now() + length;

    while (leat__clock_now() < end)
        sink++;
}

static int hog(void *arg)
{
    burn(*(leat_time *)arg);
    return 0;
}

static int run_hog(void *arg)
{
    LEAT_SCOPE(scope);

    leat_spawn_opt(&scope, hog, arg, LEAT_TASK_OPTIONS(.name = "greedy"));
    leat_sleep(10 * LEAT_MSEC);
    return leat_scope_join(&scope);
}

LEAT_TEST(watch, a_task_that_computes_for_long_is_named_with_its_stack)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER };
    leat_time length = 400 * LEAT_MSEC;

    setenv("LEAT_WATCH", "1", 1);
    expect_ok(leat_run(run_hog, &length,
                       LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines)));
    expect_contains(lines.text, " \"greedy\" (fn hog) has held worker ");
    if (!LEAT__TSAN) /* which puts signals off until the next call it intercepts */
        expect_contains(lines.text, "    hog");
}

static int block(void *arg)
{
    struct timespec left = { .tv_nsec = 400000000 };

    (void)arg;
    while (nanosleep(&left, &left) != 0)
        ;
    return 0;
}

LEAT_TEST(watch, a_task_that_sleeps_in_the_kernel_is_named_too)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

    setenv("LEAT_WATCH", "1", 1);
    expect_ok(leat_run(block, NULL, LEAT_OPTIONS(.workers = 1, .log = keep, .log_arg = &lines)));
    expect_contains(lines.text, " has held worker 0 for 0.");
    expect_contains(lines.text, "    block+");
}

static int behave(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100; i++) {
        burn(5 * LEAT_MSEC / TEST_SLOWDOWN);
        leat_yield();
    }
    return leat_sleep(300 * LEAT_MSEC);
}

LEAT_TEST(watch, tasks_that_give_way_or_wait_are_not)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER };

    setenv("LEAT_WATCH", "1", 1);
    expect_ok(leat_run(behave, NULL, LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines,
                                                  .stall_ns = 200 * LEAT_MSEC * TEST_SLOWDOWN)));
    expect_str_eq(lines.text, "");
}

LEAT_TEST(watch, nobody_is_named_when_it_is_turned_off)
{
    static struct lines lines = { .lock = PTHREAD_MUTEX_INITIALIZER };
    leat_time length = 300 * LEAT_MSEC;

    setenv("LEAT_WATCH", "1", 1);
    expect_ok(leat_run(run_hog, &length, LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines,
                                                      .stall_ns = LEAT_NEVER)));
    expect_str_eq(lines.text, "");
    unsetenv("LEAT_WATCH"); /* and nobody was asked to look */
    expect_ok(leat_run(run_hog, &length,
                       LEAT_OPTIONS(.workers = 2, .log = keep, .log_arg = &lines)));
    expect_str_eq(lines.text, "");
    expect_err(leat_run(run_hog, &length, LEAT_OPTIONS(.stall_ns = -1)), -EINVAL);
}
