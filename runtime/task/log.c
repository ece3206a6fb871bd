/* SPDX-License-Identifier: MIT */
/* Lines for the program's log. */
#include "task/runtime.h"

#include <stdarg.h>
#include <stdio.h>

void leat__log(struct leat__runtime *runtime, enum leat_log_level level, const char *format, ...)
{
    char line[512];
    va_list args;

    if (level > runtime->log_level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    runtime->log(runtime->log_arg, level, line);
}
