/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>

#define REDRAW (200 * LEAT_MSEC)

static double seconds(leat_time time)
{
    return (double)time / (double)LEAT_SEC;
}

int progress_show(void *arg)
{
    struct progress     *progress = arg;
    const struct counts *counts = progress->counts;
    uint64_t             bytes_before = 0;
    leat_time            before = progress->start;

    while (leat_sleep(REDRAW) == 0) {
        leat_time now = leat_now();
        uint64_t  done = counts->done, found = counts->found, bytes = counts->bytes;
        char      line[160];

        snprintf(line, sizeof line,
                 "%" PRIu64 " files, %.1f MB done; %.1f MB/s; %" PRIu64 " files in flight", done,
                 (double)bytes / 1e6, (double)(bytes - bytes_before) / 1e6 / seconds(now - before),
                 found > done ? found - done : 0);
        console_draw(progress->console, line);
        bytes_before = bytes;
        before = now;
    }
    return 0;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return 0;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int progress_summary(const struct progress *progress, uint64_t files, uint64_t bytes)
{
    double            wall = seconds(leat_now() - progress->start);
    struct leat_stats stats;
    int               err = leat_stats_read(&stats);

    if (err < 0)
        return err;
    return console_say(progress->console,
                       "%" PRIu64 " files, %.1f MB, %.3f s, %.3f CPU s, %.1f MB/s; %s, "
                       "%u workers, %" PRIu64 " steals, %" PRIu64 " parks",
                       files, (double)bytes / 1e6, wall, cpu_seconds(),
                       wall > 0 ? (double)bytes / 1e6 / wall : 0.0, stats.reactor, stats.workers,
                       stats.steals, stats.parks);
}
