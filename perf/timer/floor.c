/* SPDX-License-Identifier: MIT */
/*
 * The least timers cost: an unlocked wheel whose slots are lists; and, for the lateness, an array
 * sorted beforehand and a thread that sleeps until the next one.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "helper.h"
#include "late.h"

enum { TIMERS = 1000000, LEVELS = 4, SLOTS = 256 };

struct timer {
    struct timer *next, **at;
    uint64_t      when;
};

static struct timer *wheel[LEVELS][SLOTS];
static struct timer *timers;

static void arm(struct timer *timer)
{
    uint64_t       when = timer->when;
    int            level = when < 1 << 8 ? 0 : when < 1 << 16 ? 1 : when < 1 << 24 ? 2 : 3;
    struct timer **slot = &wheel[level][when >> (8 * level) & (SLOTS - 1)];

    timer->next = *slot;
    if (*slot)
        (*slot)->at = &timer->next;
    timer->at = slot;
    *slot = timer;
}

static void cancel(struct timer *timer)
{
    *timer->at = timer->next;
    if (timer->next)
        timer->next->at = timer->at;
}

static void hot(void *data)
{
    (void)data;
    for (int i = 0; i < TIMERS; i++) {
        timers[i & 7].when = 10000 + ((uint64_t)i & 8191);
        arm(&timers[i & 7]);
        __asm__ volatile("" : : : "memory");
        cancel(&timers[i & 7]);
    }
}

static void million(void *data)
{
    uint64_t *state = data;

    for (int i = 0; i < TIMERS; i++) {
        timers[i].when = 10000 + perf_random(state) % 10000;
        arm(&timers[i]);
    }
    for (int i = 0; i < TIMERS; i++)
        cancel(&timers[i]);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void late(void)
{
    int64_t *when = malloc(LATE_TIMERS * sizeof *when);
    double  *ms = malloc(LATE_TIMERS * sizeof *ms);

    if (!when || !ms)
        perf_die("no memory", 0);
    late_touch(ms);
    late_times(when, perf_now_ns() + 500000000);
    qsort(when, LATE_TIMERS, sizeof *when, by_time);
    for (size_t i = 0; i < LATE_TIMERS;) {
        int64_t         now = perf_now_ns();
        struct timespec next = { .tv_sec = when[i] / 1000000000, .tv_nsec = when[i] % 1000000000 };

        if (now < when[i])
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
        else
            ms[i] = (double)(now - when[i]) / 1e6, i++;
    }
    late_report(ms);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    uint64_t         state = 88172645463325252;

    timers = calloc(TIMERS, sizeof *timers);
    if (!timers)
        perf_die("no memory for timers", 0);
    if (strcmp(args.question, "timer_late") == 0)
        late();
    else if (strcmp(args.question, "timer_hot") == 0)
        perf_repeat_ns(&args, TIMERS, hot, NULL);
    else
        perf_repeat_ns(&args, TIMERS, million, &state);
    return 0;
}
