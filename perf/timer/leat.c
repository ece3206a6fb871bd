/* SPDX-License-Identifier: MIT */
/* The wheel's arm and disarm; tasks that sleep until random instants. */
#include <leat/leat.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"
#include "late.h"
#include "timer/wheel.h"

enum { TIMERS = 1000000 };

#define SLEEP_NS (12 * LEAT_SEC) /* long enough for a million tasks to fall asleep */

static struct leat__wheel  wheel;
static struct leat__timer *timers;
static int64_t            *when;
static double             *late_ms;
static atomic_int          up;

static void expire(void *arg, uint64_t value)
{
    (void)arg;
    (void)value;
    perf_die("a timer expired that was cancelled", 0);
}

static void hot(void *data)
{
    int64_t base = *(int64_t *)data;

    for (int i = 0; i < TIMERS; i++) {
        leat__timer_arm(&wheel, &timers[i & 7], base + (i & 8191) * LEAT_MSEC);
        leat__timer_disarm(&timers[i & 7], &wheel);
    }
}

static void million(void *data)
{
    static uint64_t state = 88172645463325252;
    int64_t         base = *(int64_t *)data;

    for (int i = 0; i < TIMERS; i++)
        leat__timer_arm(&wheel, &timers[i],
                        base + (int64_t)(perf_random(&state) % (uint64_t)(10 * LEAT_SEC)));
    for (int i = 0; i < TIMERS; i++)
        leat__timer_disarm(&timers[i], &wheel);
}

static int sleeper(void *arg)
{
    size_t i = (size_t)arg;
    int    err;

    atomic_fetch_add_explicit(&up, 1, memory_order_relaxed);
    err = leat_sleep_until(when[i]);
    late_ms[i] = (double)(leat_now() - when[i]) / 1e6;
    return err;
}

static int late(void *arg)
{
    LEAT_SCOPE(scope, .on_error = LEAT_CANCEL);

    (void)arg;
    perf_need_memory(6);
    late_touch(late_ms);
    late_times(when, leat_after(SLEEP_NS));
    for (size_t i = 0; i < LATE_TIMERS; i++) {
        leat_spawn(&scope, sleeper, (void *)i);
        if (i % 10000 == 0)
            leat_yield(); /* their memory is new: in one go it takes 0.1 s */
    }
    while (atomic_load(&up) < LATE_TIMERS)
        if (leat_sleep(10 * LEAT_MSEC))
            perf_die("the sleep was cancelled", 0);
    for (size_t i = 0; i < LATE_TIMERS; i += 1000)
        if (leat_now() > when[i])
            perf_skip("this machine takes too long to put a million tasks to sleep");
    if (leat_scope_join(&scope))
        perf_die("a task failed", 0);
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    int64_t          base = perf_now_ns() + 10 * LEAT_SEC;

    timers = calloc(TIMERS, sizeof *timers);
    when = malloc(LATE_TIMERS * sizeof *when);
    late_ms = malloc(LATE_TIMERS * sizeof *late_ms);
    if (!timers || !when || !late_ms)
        perf_die("no memory", 0);
    if (strcmp(args.question, "timer_late") == 0) {
        int status = leat_main(late, NULL, LEAT_OPTIONS(.workers = (unsigned)args.workers));

        if (status == 0)
            late_report(late_ms); /* here: it sorts, for which a task would hold its worker */
        return status;
    }
    leat__wheel_init(&wheel, perf_now_ns(), expire);
    perf_repeat_ns(&args, TIMERS, strcmp(args.question, "timer_hot") == 0 ? hot : million, &base);
    return 0;
}
