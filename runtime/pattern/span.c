/* SPDX-License-Identifier: MIT */
/* One line in the log for each thing that was done: its name, how long it took, how it ended. */
#include <leat/error.h>
#include <leat/pattern.h>
#include <leat/runtime.h>

#include <stdio.h>

void leat_span_begin(struct leat_span *span, const char *name,
                     const struct leat_span_options *options)
{
    *span = (struct leat_span){ .name = name, .slow = LEAT_NEVER, .began = leat_now() };
    if (options && options->slow)
        span->slow = options->slow;
    if (options)
        span->quiet = options->quiet;
}

/* Three digits and a unit that a person would choose. */
static void print_duration(char *text, size_t bytes, leat_time duration)
{
    static const struct {
        leat_time   unit;
        const char *name;
    } units[] = { { LEAT_SEC, "s" }, { LEAT_MSEC, "ms" }, { LEAT_USEC, "us" }, { 1, "ns" } };
    size_t i = 0;

    while (i < 3 && duration < units[i].unit)
        i++;
    snprintf(text, bytes, "%.3g %s", (double)duration / (double)units[i].unit, units[i].name);
}

static leat_time finish(struct leat_span *span, char *text, size_t bytes)
{
    leat_time duration = leat_now() - span->began;

    print_duration(text, bytes, duration);
    span->ended = true;
    return duration;
}

int leat_span_end(struct leat_span *span, int result)
{
    char duration[32];
    bool slow;

    if (span->ended)
        return result;
    slow = finish(span, duration, sizeof duration) > span->slow;
    if (result < 0)
        leat_log(span->quiet ? LEAT_LOG_DEBUG : LEAT_LOG_WARN, "%s: %s (%s) after %s", span->name,
                 leat_error_name(result), leat_error_text(result), duration);
    else
        leat_log(slow ? LEAT_LOG_WARN : LEAT_LOG_DEBUG, "%s: %s in %s", span->name,
                 slow ? "slow, done" : "done", duration);
    return result;
}

void leat_span_cleanup(struct leat_span *span)
{
    char duration[32];

    if (span->ended)
        return;
    finish(span, duration, sizeof duration);
    leat_log(LEAT_LOG_WARN, "%s: left without an end after %s", span->name, duration);
}
