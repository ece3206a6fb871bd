/* SPDX-License-Identifier: MIT */
/* late.c: see late.h. */
#include "late.h"

#include "helper.h"

void late_touch(double ms[LATE_TIMERS])
{
    for (int i = 0; i < LATE_TIMERS; i++)
        ms[i] = -1; /* early, where a sleeper has not written its own */
}

void late_times(int64_t when[LATE_TIMERS], int64_t base)
{
    uint64_t state = 88172645463325252;

    for (int i = 0; i < LATE_TIMERS; i++)
        when[i] = base + (int64_t)(perf_random(&state) % 2000000000);
}

void late_report(double ms[LATE_TIMERS])
{
    for (int i = 0; i < LATE_TIMERS; i++)
        if (ms[i] < 0)
            perf_die("a timer was early", 0);
    perf_sample(perf_p99(ms, LATE_TIMERS));
}
