/* SPDX-License-Identifier: MIT */
/* The clock. clock_gettime can't fail for these clocks on the kernels we support, and goes by the
 * vDSO: 20 ns, no system call. */
#include "platform/clock.h"
#include "base/clamp.h"

static leat_time read_clock(clockid_t clock)
{
    struct timespec now = { 0 };

    clock_gettime(clock, &now);
    return (leat_time)now.tv_sec * LEAT_SEC + now.tv_nsec;
}

leat_time leat__clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

leat_time leat__clock_thread_cpu(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

leat_time leat__clock_process_cpu(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

leat_time leat_now(void)
{
    return leat__clock_now();
}

leat_time leat_after(leat_time delay)
{
    return leat__time_after(leat__clock_now(), delay);
}
