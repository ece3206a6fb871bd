/* SPDX-License-Identifier: MIT */
/* When the timers of timer_late expire, and what is said of how late they were. */
#ifndef LEAT_PERF_TIMER_LATE_H
#define LEAT_PERF_TIMER_LATE_H

#include <stdint.h>

enum { LATE_TIMERS = 1000000 };

/* Once before: the first write to a page takes the kernel a microsecond or two, and the results are
 * written in random order, so that 2,000 pages came in the first 15 ms (3.4 ms late, measured). */
void late_touch(double ms[LATE_TIMERS]);

/* Random instants within two seconds after `base`. */
void late_times(int64_t when[LATE_TIMERS], int64_t base);

/* Ends the program where one is early; else a sample: what 99 of a hundred do not exceed. */
void late_report(double ms[LATE_TIMERS]);

#endif
