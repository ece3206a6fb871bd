/* SPDX-License-Identifier: MIT */
/* Lines for the program's log. */
#include "task/runtime.h"

#include <stdarg.h>
#include <stdio.h>

static void put(struct leat__runtime *runtime, enum leat_log_level level, const char *format,
                va_list args)
{
    char line[512];

    vsnprintf(line, sizeof line, format, args);
    if (runtime)
        runtime->log(runtime->log_arg, level, line);
    else
        fprintf(stderr, "%s\n", line);
}

void leat__log(struct leat__runtime *runtime, enum leat_log_level level, const char *format, ...)
{
    va_list args;

    if (level > runtime->log_level)
        return;
    va_start(args, format);
    put(runtime, level, format, args);
    va_end(args);
}

void leat_log(enum leat_log_level level, const char *format, ...)
{
    struct leat__runtime *runtime = leat__runtime_current();
    va_list args;

    if (level > (runtime ? runtime->log_level : LEAT_LOG_WARN))
        return;
    va_start(args, format);
    put(runtime, level, format, args);
    va_end(args);
}
