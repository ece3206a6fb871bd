/* SPDX-License-Identifier: MIT */
/* The start report: what was found, what was chosen, and why. */
#ifndef LEAT_RUN_REPORT_H
#define LEAT_RUN_REPORT_H

#include "platform/cpu.h"
#include "platform/limits.h"

#include <leat/runtime.h>

struct leat__report {
    const struct leat__cpus   *cpus;
    const struct leat_options *options; /* as resolved */
    struct leat__limits        limits;
    const char *reactor, *guard, *context; /* names */
    const char *fallback; /* why not io_uring; NULL: it is, or epoll was asked for */
    bool        driven, bound;
};

/* Calls line(arg, text) for each line of the report. */
void leat__report_put(const struct leat__report *report, void (*line)(void *arg, const char *text),
                      void *arg);

#endif
