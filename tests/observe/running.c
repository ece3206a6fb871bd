/* SPDX-License-Identifier: MIT */
/* leat_dump on tasks that run: their stacks too, as far as their threads answer. */
#include "harness/test.h"
#include "lockfree/atomic.h"
#include "observe/dumped.h"
#include "platform/clock.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define NO_ANSWER "(no stack: its thread does not answer a signal)"

struct stage {
    LEAT_ATOMIC(int)  begun;
    LEAT_ATOMIC(bool) over;
};

static volatile unsigned sink;

static __attribute__((noinline)) void count_up(void)
{
    for (int i = 0; i < 1000; i++)
        sink++;
}

static __attribute__((noinline)) void compute_on(struct stage *stage)
{
    while (!load_acquire(&stage->over))
        count_up();
    count_up(); /* no tail call: the frame above is asked for */
}

static int compute(void *arg)
{
    fetch_add_relaxed(&((struct stage *)arg)->begun, 1);
    compute_on(arg);
    return 0;
}

static int sleep_in_the_kernel(void *arg)
{
    struct stage *stage = arg;

    fetch_add_relaxed(&stage->begun, 1);
    while (!load_acquire(&stage->over))
        nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL); /* the signal ends it */
    return 0;
}

static int compute_deafly(void *arg)
{
    sigset_t urgent, before;

    sigemptyset(&urgent);
    sigaddset(&urgent, SIGURG);
    pthread_sigmask(SIG_BLOCK, &urgent, &before);
    compute(arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return 0;
}

/* A dump beside the tasks that run it, until it has what is awaited: on a loaded machine a thread
 * may be off its core for longer than it is waited for. */
static void await(struct stage *stage, int begun, const char *awaited)
{
    leat_time patience = leat_after(20 * LEAT_SEC);
    char *text = NULL;

    while (load_acquire(&stage->begun) < begun)
        leat_sleep(LEAT_MSEC);
    do {
        free(text);
        text = dump();
    } while (!strstr(text, awaited) && leat_now() < patience);
    expect_contains(text, awaited);
    free(text);
    store_release(&stage->over, true);
}

static int see_both(void *unused)
{
    struct stage stage = { .over = false };
    LEAT_SCOPE(scope);

    (void)unused;
    leat_spawn(&scope, compute, &stage);
    await(&stage, 1, "    compute_on+");
    expect_ok(leat_scope_join(&scope));
    stage = (struct stage){ .over = false };
    {
        LEAT_SCOPE(again);

        leat_spawn(&again, sleep_in_the_kernel, &stage);
        await(&stage, 1, "    sleep_in_the_kernel+");
        return leat_scope_join(&again);
    }
}

LEAT_TEST(running, a_task_that_runs_is_shown_with_its_stack)
{
    if (LEAT__TSAN)
        test_skip("ThreadSanitizer puts handlers off until the next call it intercepts");
    expect_ok(leat_run(see_both, NULL, LEAT_OPTIONS(.workers = 2, .stall_ns = LEAT_NEVER)));
}

static int see_no_answer(void *fn)
{
    struct stage stage = { .over = false };
    LEAT_SCOPE(scope);

    leat_spawn(&scope, *(leat_task_fn **)fn, &stage);
    await(&stage, 1, NO_ANSWER);
    return leat_scope_join(&scope);
}

LEAT_TEST(running, a_task_whose_thread_blocks_the_signal_is_shown_without)
{
    leat_task_fn *fn = compute_deafly;

    expect_ok(leat_run(see_no_answer, &fn, LEAT_OPTIONS(.workers = 2, .stall_ns = LEAT_NEVER)));
}

static __attribute__((noinline)) char *look_at_oneself(void)
{
    char *text = dump();

    count_up(); /* no tail call */
    return text;
}

static int see_oneself(void *ret)
{
    *(char **)ret = look_at_oneself();
    return 0;
}

LEAT_TEST(running, without_signals_only_the_caller_has_its_stack)
{
    leat_task_fn *fn = compute;
    char *text = NULL;
    const struct leat_options *options = LEAT_OPTIONS(.workers = 2, .no_signals = true,
                                                      .stall_ns = LEAT_NEVER);

    expect_ok(leat_run(see_no_answer, &fn, options));
    expect_ok(leat_run(see_oneself, &text, options));
    expect_contains(text, "    look_at_oneself+");
    expect_null(strstr(text, "    leat_dump")); /* what leat called on the way is left out */
    expect_null(strstr(text, NO_ANSWER));
    free(text);
}

/* ---- who is asked may be asking ---- */

static int dump_often(void *arg)
{
    for (size_t i = 0; i < *(size_t *)arg; i++)
        free(dump());
    return 0;
}

static int dump_each_other(void *unused)
{
    size_t rounds = test_rounds(20, 500);
    LEAT_SCOPE(scope);

    (void)unused;
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, dump_often, &rounds);
    return leat_scope_join(&scope);
}

LEAT_TEST(running, tasks_that_dump_each_other_all_come_to_an_end)
{
    expect_ok(leat_run(dump_each_other, NULL,
                       LEAT_OPTIONS(.workers = 3, .stall_ns = LEAT_MSEC)));
}
