/* SPDX-License-Identifier: MIT */
/* helper.c: see helper.h. */
#define _GNU_SOURCE
#include "helper.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct perf_args perf_args_parse(int argc, char **argv)
{
    struct perf_args args = { 0 };

    if (argc >= 4) {
        args.question = argv[1];
        args.workers = atoi(argv[2]);
        args.samples = atoi(argv[3]);
    }
    if (args.workers < 1 || args.samples < 1) {
        fprintf(stderr, "usage: %s QUESTION WORKERS SAMPLES (perf/run calls it so)\n", argv[0]);
        exit(2);
    }
    return args;
}

int64_t perf_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t timeval_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

int64_t perf_cpu_ns(void)
{
    struct rusage self, children;

    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    return timeval_ns(self.ru_utime) + timeval_ns(self.ru_stime) + timeval_ns(children.ru_utime) +
           timeval_ns(children.ru_stime);
}

int perf_cpu_count(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

void perf_bind(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)sched_setaffinity(0, sizeof set, &set);
}

static int64_t page_table_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "re");
    char  line[256];
    long  kib = -1;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmPTE: %ld", &kib) == 1)
            break;
    if (kib < 0)
        perf_skip("/proc/self/status does not tell of page tables");
    fclose(file);
    return kib * 1024;
}

int64_t perf_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long  pages = -1;

    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        perf_skip("/proc/self/statm cannot be read");
    fclose(file);
    return (int64_t)pages * sysconf(_SC_PAGESIZE) + page_table_bytes();
}

void perf_need_memory(double gigabytes)
{
    FILE *file = fopen("/proc/meminfo", "re");
    char  line[128], reason[96];
    double kilobytes;

    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "MemAvailable: %lf", &kilobytes) != 1 || kilobytes >= gigabytes * 1e6)
            continue;
        snprintf(reason, sizeof reason, "%.1f GB of memory are needed, %.1f GB are free",
                 gigabytes, kilobytes / 1e6);
        perf_skip(reason);
    }
    if (file)
        fclose(file);
}

uint64_t perf_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void perf_sample(double value)
{
    printf("sample %.9g\n", value);
    fflush(stdout);
}

void perf_check_value(uint64_t value)
{
    printf("check %016llx\n", (unsigned long long)value);
    fflush(stdout);
}

void perf_skip(const char *reason)
{
    printf("skip %s\n", reason);
    fflush(stdout);
    exit(PERF_SKIP);
}

void perf_die(const char *what, int err)
{
    if (err)
        fprintf(stderr, "perf: %s: %s\n", what, strerror(err));
    else
        fprintf(stderr, "perf: %s\n", what);
    exit(1);
}

void perf_repeat_ns(const struct perf_args *args, double per, void (*body)(void *), void *data)
{
    body(data);
    for (int i = 0; i < args->samples; i++) {
        int64_t start = perf_now_ns();

        body(data);
        perf_sample((double)(perf_now_ns() - start) / per);
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

double perf_median(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_doubles);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

double perf_p99(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_doubles);
    return values[(count * 99 - 1) / 100];
}

void perf_json_string(FILE *out, const char *text)
{
    putc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ')
            fprintf(out, "\\u%04x", (unsigned char)*c);
        else
            putc(*c, out);
    }
    putc('"', out);
}

void perf_result_print(FILE *out, const struct perf_result *result)
{
    fputs("{\"question\":", out);
    perf_json_string(out, result->question);
    fputs(",\"subject\":", out);
    perf_json_string(out, result->subject);
    fprintf(out, ",\"workers\":%d,\"unit\":", result->workers);
    perf_json_string(out, result->unit);
    fputs(",\"better\":", out);
    perf_json_string(out, result->better);
    fprintf(out, ",\"median\":%.6g,\"min\":%.6g,\"max\":%.6g,\"runs\":%zu}\n", result->median,
            result->min, result->max, result->runs);
}
