/* SPDX-License-Identifier: MIT */
/* NULL in the place of a function stops the program with a sentence, at the call and not later at
 * address 0; and so does one that ends its thread instead of returning. */
#include "harness/test.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>

/* What is called in a task, in a child of the test's. */
static int (*attempt)(void);

static int make_attempt(void *arg)
{
    (void)arg;
    return attempt();
}

static void run_attempt(void)
{
    exit(leat_run(make_attempt, NULL, LEAT_OPTIONS(.workers = 1)) != 0);
}

static int spawn_plain(void)
{
    LEAT_SCOPE(scope);
    leat_spawn(&scope, NULL, NULL);
    return leat_scope_join(&scope);
}

static int spawn_with_bytes(void)
{
    LEAT_SCOPE(scope);
    leat_spawn_with(&scope, NULL, &(int){ 1 }, sizeof(int));
    return leat_scope_join(&scope);
}

static int spawn_with_a_handle(void)
{
    struct leat_task task;

    LEAT_SCOPE(scope);
    leat_spawn_handle(&scope, &task, NULL, NULL, LEAT_TASK_OPTIONS(.name = "none"));
    return leat_scope_join(&scope);
}

static int detach(void)
{
    return leat_detach(NULL, NULL, NULL);
}

static int call(void)
{
    return leat_call(leat_runtime_current(), NULL, NULL);
}

static int race(void)
{
    return leat_race_between((const struct leat_racer[]){ { NULL, NULL } }, 1, NULL);
}

static int gather(void)
{
    return leat_gather_items(NULL, NULL, 1, 1, NULL);
}

static int generate(void)
{
    struct leat_gen gen;

    return leat_gen_open(&gen, NULL, NULL, 1);
}

static int block(void)
{
    return leat_blocking(NULL, NULL);
}

static int compute(void)
{
    return leat_compute(NULL, NULL);
}

static int defer(void)
{
    void (*volatile none)(void *) = NULL;
    void (*fn)(void *) = none;

    LEAT_DEFER(fn, NULL);
    return 0;
}

LEAT_TEST(missing, each_call_that_takes_a_function_says_that_it_has_none)
{
    static const struct {
        int (*attempt)(void);
        const char *sentence;
    } attempts[] = {
        { spawn_plain, "a task needs a function" },
        { spawn_with_bytes, "a task needs a function" },
        { spawn_with_a_handle, "a task needs a function" },
        { detach, "a task needs a function" },
        { call, "leat_call needs a function" },
        { race, "a racer needs a function" },
        { gather, "items need a function" },
        { generate, "a generator needs a function" },
        { block, "leat_blocking needs a function" },
        { compute, "leat_compute needs a function" },
        { defer, "LEAT_DEFER needs a function" },
    };

    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        attempt = attempts[i].attempt;
        expect_dies(run_attempt, SIGABRT, attempts[i].sentence);
    }
}

static void run_nothing(void)
{
    exit(leat_run(NULL, NULL, NULL) != 0);
}

static void begin_with_nothing(void)
{
    exit(leat_main(NULL, NULL, NULL));
}

static void call_into_nothing(void)
{
    exit(leat_call(leat_runtime_current(), make_attempt, NULL) != 0);
}

static void hold_nothing(void)
{
    leat_runtime_hold(leat_runtime_current());
}

LEAT_TEST(missing, a_thread_of_no_runtime_is_told_so)
{
    expect_dies(run_nothing, SIGABRT, "leat_run needs a function");
    expect_dies(begin_with_nothing, SIGABRT, "leat_run needs a function");
    expect_dies(call_into_nothing, SIGABRT, "leat_call needs a runtime");
    expect_dies(hold_nothing, SIGABRT, "leat_runtime_hold needs a runtime");
}

LEAT_TEST_TASK(missing, no_items_need_no_function)
{
    expect_ok(leat_gather_items(NULL, NULL, 1, 0, NULL));
}

static int end_thread(void *arg)
{
    pthread_exit(arg);
}

static int end_thread_here(void)
{
    return end_thread(NULL);
}

static int end_thread_of_the_pool(void)
{
    return leat_blocking(end_thread, NULL);
}

LEAT_TEST(missing, a_function_that_ends_its_thread_is_told_to_return)
{
    if (LEAT__TSAN)
        test_skip("ThreadSanitizer has a check of its own against it");
    if (getauxval(AT_BASE) == 0)
        test_skip("pthread_exit needs libgcc_s, which a static program may not find");
    attempt = end_thread_here;
    expect_dies(run_attempt, SIGABRT, "ended its thread (pthread_exit or pthread_cancel)");
    attempt = end_thread_of_the_pool;
    expect_dies(run_attempt, SIGABRT, "ended its thread (pthread_exit or pthread_cancel)");
}
