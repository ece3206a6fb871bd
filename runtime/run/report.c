/* SPDX-License-Identifier: MIT */
/* One line says what the runtime is; the others, why: for each choice what decided it, for each
 * limit what it will do to the program. On request only (LEAT_LOG=info, leat_start_report), so it
 * asks the system anew instead of keeping what it found. */
#include "run/report.h"
#include "lockfree/atomic.h"
#include "platform/switch.h"
#include "platform/text.h"
#include "run/assembly.h"
#include "sched/sched.h"

#include <leat/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct writer {
    void (*line)(void *arg, const char *text);
    void *arg;
};

__attribute__((format(printf, 2, 3))) static void put(const struct writer *writer,
                                                      const char *format, ...)
{
    char text[400];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    writer->line(writer->arg, text);
}

static void put_cpus(const struct leat__report *report, const struct writer *writer)
{
    const struct leat__cpus *cpus = report->cpus;
    char list[96], quota[96] = "no quota";

    if (cpus->quota > 0)
        snprintf(quota, sizeof quota, "a quota of %.3g", cpus->quota);
    put(writer, "CPUs: %u to use; affinity allows %u of %u (%s); cgroup %s with %s", cpus->count,
        cpus->allowed, cpus->total, leat__cpus_list(cpus, list, sizeof list),
        cpus->cgroup[0] ? cpus->cgroup : "unknown", quota);
    put(writer, "workers: %u, %s", report->options->workers,
        report->bound    ? "each bound to a CPU of its own"
        : report->driven ? "not bound: the first is the thread of an event loop"
                         : "not bound, since there are not as many as CPUs allowed");
}

static void put_reactor(const struct leat__report *report, const struct writer *writer)
{
    const char *why = report->options->reactor == LEAT_REACTOR_AUTO ? "the kernel allows it"
                                                                    : "asked for";

    put(writer, "reactor: %s, %s", report->reactor, report->fallback ? report->fallback : why);
}

static void put_guard(const struct leat__report *report, const struct writer *writer)
{
    const char *why = "overflows go unnoticed: this kernel lets neither madvise nor mprotect "
                      "guard a page";

    if (strcmp(report->guard, "madvise") == 0)
        why = "by markers in the page tables, any number of them";
    else if (strcmp(report->guard, "mprotect") == 0)
        why = "by a mapping each, since the kernel has no MADV_GUARD_INSTALL (Linux 6.13)";
    put(writer, "stacks: %zu KiB promised, guarded by %s: %s", report->options->stack_bytes / 1024,
        report->guard, why);
}

static void put_number(char *text, size_t bytes, uint64_t value)
{
    if (value == LEAT__LIMIT_NONE)
        snprintf(text, bytes, "none");
    else
        snprintf(text, bytes, "%llu", (unsigned long long)value);
}

static void put_limits(const struct leat__report *report, const struct writer *writer)
{
    const struct leat__limits *limits = &report->limits;
    char now[24], most[24];

    put_number(now, sizeof now, limits->nofile);
    put_number(most, sizeof most, limits->nofile_max);
    put(writer, "limit nofile: %s (may be raised to %s), so many files and connections at once",
        now, most);
    put_number(now, sizeof now, limits->threads);
    put(writer, "limit nproc: %s; up to %u threads of pools besides the workers", now,
        report->options->blocking_max + report->options->compute_threads);
    put_number(now, sizeof now, limits->memlock);
    put(writer, "limit memlock: %s bytes; counts for io_uring before Linux 5.12 only", now);
    if (limits->mappings == 0)
        put(writer, "limit max_map_count: unknown");
    else if (strcmp(report->guard, "mprotect") == 0)
        put(writer, "limit max_map_count: %llu, so stacks beyond %llu have no guard",
            (unsigned long long)limits->mappings,
            (unsigned long long)(limits->mappings / 8 * 3));
    else
        put(writer, "limit max_map_count: %llu; stacks take one for up to 1024 of them",
            (unsigned long long)limits->mappings);
}

void leat__report_put(const struct leat__report *report, void (*line)(void *arg, const char *text),
                      void *arg)
{
    const struct leat_options *options = report->options;
    const struct writer writer = { line, arg };

    put(&writer,
        "%u worker%s (%s), %s%s%s%s, stacks %zu KiB guarded by %s, switch by %s, seed %llu",
        options->workers, options->workers == 1 ? "" : "s", report->cpus->reason, report->reactor,
        report->fallback ? " (no io_uring: " : "", report->fallback ? report->fallback : "",
        report->fallback ? ")" : "", options->stack_bytes / 1024, report->guard, report->context,
        (unsigned long long)options->seed);
    put_cpus(report, &writer);
    put_reactor(report, &writer);
    put_guard(report, &writer);
    put_limits(report, &writer);
}

static void report_on(const struct leat__assembly *assembly,
                      void (*line)(void *arg, const char *text), void *arg)
{
    struct leat__report report = {
        .cpus = &assembly->cpus,
        .options = &assembly->options,
        .reactor = assembly->runtime.reactor,
        .guard = leat__sched_guard(assembly->runtime.sched),
        .context = leat__switch_name(),
        .fallback = assembly->fallback,
        .driven = assembly->driven,
        .bound = leat__assembly_binds(assembly),
    };

    leat__limits_read(&report.limits, NULL);
    leat__report_put(&report, line, arg);
}

static void to_log(void *arg, const char *text)
{
    leat__log(arg, LEAT_LOG_INFO, "%s", text);
}

void leat__assembly_report(struct leat__assembly *assembly)
{
    if (assembly->runtime.log_level >= LEAT_LOG_INFO)
        report_on(assembly, to_log, &assembly->runtime);
}

int leat_start_report(int fd)
{
    struct leat__runtime *runtime = leat__runtime_current();
    struct leat__lines lines = { .fd = fd };

    if (!runtime)
        return -EPERM;
    report_on((const struct leat__assembly *)(void *)runtime, leat__lines_put, &lines);
    return lines.err;
}
