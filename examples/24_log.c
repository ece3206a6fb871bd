/* SPDX-License-Identifier: MIT */
/* Timed contexts: what was done, how it ended and how long it took, in the program's log. A failure
 * or a slow one is a warning; what went well in time is a debug line. */
#include <leat/leat.h>

#include <stdio.h>
#include <string.h>

/* The program's log, here without the times, which differ from run to run. */
static void log_line(void *arg, enum leat_log_level level, const char *line)
{
    const char *time = strstr(line, " after ");
    (void)arg;

    if (!time)
        time = strstr(line, " in ");
    if (level == LEAT_LOG_WARN && time && strncmp(line, "load", 4) == 0)
        printf("%.*s\n", (int)(time - line), line);
}

static int load(const char *what, leat_time takes, int result)
{
    LEAT_SPAN(span, what, .slow = 10 * LEAT_MSEC);
    int err = leat_sleep(takes);

    return leat_span_end(&span, err < 0 ? err : result);
}

static int app(void *arg)
{
    (void)arg;
    (void)load("load the index", 20 * LEAT_MSEC, 0);
    (void)load("load the cache", 0, -ENOENT);
    return leat_cancelled();
}

int main(void)
{
    return leat_main(app, NULL, LEAT_OPTIONS(.log = log_line));
}
