/* SPDX-License-Identifier: MIT */
/*
 * helper.h: what every program of the performance suite shares: its arguments, clocks, the lines
 * it prints, and the arithmetic of medians, which the runner uses too.
 *
 *   static void spawn_all(void *data) { ... }
 *
 *   int main(int argc, char **argv)
 *   {
 *       struct perf_args args = perf_args_parse(argc, argv);
 *       perf_repeat_ns(&args, TASKS, spawn_all, NULL);
 *   }
 *
 * A subject is a program of its own, called as `SUBJECT QUESTION WORKERS SAMPLES`. It prints one
 * line `sample VALUE` per sample in the question's unit, and may print `check HEX`, a value that
 * must be the same for all subjects of the question, so that nobody wins by doing less. It exits
 * with 0, or with PERF_SKIP after `skip REASON` where this machine cannot answer the question.
 */
#ifndef LEAT_PERF_HELPER_H
#define LEAT_PERF_HELPER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
#define PERF_NORETURN [[noreturn]]
extern "C" {
#else
#define PERF_NORETURN _Noreturn
#endif

enum { PERF_SKIP = 77 };

struct perf_args {
    const char *question;
    int         workers;
    int         samples;
};

/* Ends the program with a usage line when the arguments are not a subject's. */
struct perf_args perf_args_parse(int argc, char **argv);

int64_t perf_now_ns(void); /* CLOCK_MONOTONIC */
int64_t perf_cpu_ns(void); /* user and system time of this process and its reaped children */

/* Bind the calling thread; without effect on a machine that has no such CPU. */
void perf_bind(int cpu);
int  perf_cpu_count(void);

/* Resident memory of this process now, with its page tables. */
int64_t perf_resident_bytes(void);

/* Skip the question where the machine has less memory free: it would measure the swap, or worse. */
void perf_need_memory(double gigabytes);

/* A small generator with a seed of its own, the same numbers in every subject. state is not 0. */
uint64_t perf_random(uint64_t *state);

void perf_sample(double value);
void perf_check_value(uint64_t value);

PERF_NORETURN void perf_skip(const char *reason);
PERF_NORETURN void perf_die(const char *what, int err); /* err: an errno value, or 0 */

/* Run body once unreported, so that memory and caches are warm, then once per sample; each sample
 * is the wall time in nanoseconds divided by the number of things a body does. */
void perf_repeat_ns(const struct perf_args *args, double per, void (*body)(void *), void *data);

/* Sorts the values. The median of an even number is the mean of the middle two; of none, 0. */
double perf_median(double *values, size_t count);

/* Sorts the values. The one that 99 of a hundred do not exceed; of none, 0. */
double perf_p99(double *values, size_t count);

struct perf_result {
    const char *question, *subject, *unit, *better;
    int         workers;
    double      median, min, max;
    size_t      runs;
};

/* One JSON object and a newline. */
void perf_result_print(FILE *out, const struct perf_result *result);

/* A JSON string, quotes included. */
void perf_json_string(FILE *out, const char *text);

#ifdef __cplusplus
}
#endif

#endif
