/* SPDX-License-Identifier: MIT */
/* Tasks that wait for what never comes and are cancelled; tasks that sleep until one instant. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <string.h>

#include "helper.h"

enum { PARKED = 1000, ROUNDS = 100, SLEEPERS = 1000000 };

#define SLEEP_NS (12 * LEAT_SEC) /* long enough for all to fall asleep */

static struct leat_waitgroup never;
static atomic_int            up;
static leat_time             when;

static int wait_for_ever(void *arg)
{
    (void)arg;
    atomic_fetch_add(&up, 1);
    return leat_waitgroup_wait(&never);
}

static double cancel_once(void)
{
    int64_t start;
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    atomic_store(&up, 0);
    for (int i = 0; i < PARKED; i++)
        leat_spawn(&scope, wait_for_ever, NULL);
    while (atomic_load(&up) < PARKED)
        leat_yield();
    leat_yield(); /* the last one parks */
    start = perf_now_ns();
    leat_scope_cancel(&scope);
    if (leat_scope_join(&scope) != -ECANCELED)
        perf_die("the tasks were not cancelled", 0);
    return (double)(perf_now_ns() - start);
}

static void cancel(const struct perf_args *args)
{
    leat_waitgroup_add(&never, 1);
    for (int sample = -1; sample < args->samples; sample++) { /* the first warms up */
        double sum = 0;

        for (int i = 0; i < ROUNDS; i++)
            sum += cancel_once();
        if (sample >= 0)
            perf_sample(sum / ROUNDS / PARKED);
    }
}

static int sleeper(void *arg)
{
    (void)arg;
    atomic_fetch_add_explicit(&up, 1, memory_order_relaxed);
    return leat_sleep_until(when);
}

static void sleep_all(bool memory)
{
    int64_t before = perf_resident_bytes();
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    when = leat_after(SLEEP_NS);
    for (int i = 0; i < SLEEPERS; i++) {
        leat_spawn(&scope, sleeper, NULL);
        if (i % 10000 == 0)
            leat_yield(); /* their memory is new: in one go it takes 0.1 s */
    }
    while (atomic_load(&up) < SLEEPERS)
        if (leat_sleep(10 * LEAT_MSEC))
            perf_die("the sleep was cancelled", 0);
    if (leat_now() > when - LEAT_SEC / 2)
        perf_skip("this machine takes too long to put a million tasks to sleep");
    if (memory) {
        perf_sample((double)(perf_resident_bytes() - before) / SLEEPERS);
        leat_scope_cancel(&scope);
        (void)leat_scope_join(&scope);
        return;
    }
    if (leat_scope_join(&scope))
        perf_die("a task failed", 0);
    perf_sample((double)(leat_now() - when) / 1e6);
}

static int measure(void *arg)
{
    const struct perf_args *args = arg;

    if (strcmp(args->question, "cancel_parked") == 0) {
        cancel(args);
    } else {
        perf_need_memory(6);
        sleep_all(strcmp(args->question, "sleep_memory") == 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(measure, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
