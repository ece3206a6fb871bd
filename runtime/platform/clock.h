/* SPDX-License-Identifier: MIT */
/* The only clock. Everything that asks for the time asks here, so that the simulation can put
 * another clock in this one's place. */
#ifndef LEAT_PLATFORM_CLOCK_H
#define LEAT_PLATFORM_CLOCK_H

#include <leat/time.h>
#include <time.h>

/* CLOCK_MONOTONIC in nanoseconds. */
leat_time leat__clock_now(void);

/* CPU time used so far by the calling thread, by the whole process. */
leat_time leat__clock_thread_cpu(void);
leat_time leat__clock_process_cpu(void);

/* A point in time as the kernel takes it; points before the clock's start become its start. */
static inline struct timespec leat__clock_timespec(leat_time time)
{
    if (time < 0)
        time = 0;
    return (struct timespec){ .tv_sec = (time_t)(time / LEAT_SEC),
                              .tv_nsec = (long)(time % LEAT_SEC) };
}

#endif
