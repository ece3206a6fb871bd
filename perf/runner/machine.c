/* SPDX-License-Identifier: MIT */
/*
 * machine.c: see machine.h. Compilers and libraries are those that the subjects were built with, so
 * the build passes them in; the rest is asked for now. The machine's name is nobody's business.
 */
#define _GNU_SOURCE
#include "machine.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static void cpu_model(char *ret, size_t bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char  line[256];

    snprintf(ret, bytes, "unknown");
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        const char *value = strchr(line, ':');

        if (strncmp(line, "model name", 10) != 0 || !value)
            continue;
        snprintf(ret, bytes, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
        break;
    }
    fclose(file);
}

void machine_print(FILE *out)
{
    struct utsname name;
    char           model[128];

    uname(&name);
    cpu_model(model, sizeof model);
    fprintf(out, "%s, %d of %ld CPUs, %s %s, %s\n", model, perf_cpu_count(),
            sysconf(_SC_NPROCESSORS_CONF), name.sysname, name.release, COMPILER);
}

static void field(FILE *out, const char *key, const char *value)
{
    fprintf(out, ",\"%s\":", key);
    perf_json_string(out, value);
}

void machine_print_json(FILE *out)
{
    struct utsname name;
    char           model[128], when[32];
    time_t         now = time(NULL);
    struct tm      utc;

    uname(&name);
    cpu_model(model, sizeof model);
    gmtime_r(&now, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    fprintf(out, "{\"machine\":{\"cpus\":%d,\"cpus_configured\":%ld,\"nice\":%d", perf_cpu_count(),
            sysconf(_SC_NPROCESSORS_CONF), getpriority(PRIO_PROCESS, 0));
    field(out, "cpu", model);
    field(out, "arch", name.machine);
    field(out, "kernel", name.release);
    field(out, "compiler", COMPILER);
    field(out, "build", PERF_BUILD_TYPE);
    field(out, "go", PERF_GO_VERSION);
    field(out, "libuv", PERF_LIBUV_VERSION);
    field(out, "openssl", PERF_OPENSSL_VERSION);
    field(out, "time", when);
    fputs("}}\n", out);
}
