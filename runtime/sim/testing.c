/* SPDX-License-Identifier: MIT */
/* The public half, for programs under test: see leat/testing.h. */
#include "sim/campaign.h"
#include "sim/faults.h"
#include "sim/override.h"

#include "base/clamp.h"

#include <leat/error.h>
#include <leat/runtime.h>
#include <leat/testing.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- in a simulation ---- */

void leat_sim_fail(const char *format, ...)
{
    char sentence[400];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    leat__sim_fail("%s", sentence);
}

uint32_t leat_sim_choose(uint32_t n)
{
    return leat__sim_choose(n);
}

uint32_t leat_sim_size(void)
{
    return leat__sim_on ? leat__sim_config()->size : 1;
}

uint32_t leat_sim_capacity(void)
{
    return leat__sim_on ? leat__sim_config()->capacity : 1;
}

bool leat_sim_has_faults(void)
{
    const struct leat__sim_config *config = leat__sim_config();

    return leat__sim_on && (config->fault_at > 0 || config->no_memory + config->no_thread +
                                                            config->io_error + config->io_short +
                                                            config->death >
                                                        0);
}

void leat_sim_point(void)
{
    if (leat__sim_on)
        leat__sim_point();
}

/* Blocked, not spinning, since threads that compute side by side take the time of one, not a step
 * each in turn: then what is measured beside them is the runtime's, not the simulation's. */
void leat_sim_compute(leat_time length)
{
    leat_time end = leat_after(length);

    while (leat_now() < end)
        if (leat__sim_on)
            (void)leat__sim_block(&end, end, "computes", false);
}

/* ---- running ---- */

struct program {
    int (*fn)(void *arg);
    int (*check)(void *arg);
    void *arg;
};

static int root(void *arg)
{
    struct program *program = arg;
    int result = program->fn(program->arg);

    return result == 0 && program->check ? program->check(program->arg) : result;
}

static int run_program(void *arg)
{
    return leat_run(root, arg, NULL);
}

static bool as_found; /* by leat_sim_main's option: nothing smaller is looked for */

/* The lines of the file LEAT_SIM_SEEDS: "suite.name 17:workers=2  # why". */
static int run_kept(const struct leat__sim_job *job, const struct leat_sim_options *options,
                    struct leat_sim_report *report)
{
    const char *path = getenv("LEAT_SIM_SEEDS");
    FILE *file = path && options->name ? fopen(path, "re") : NULL;
    char line[600], name[200], seed[300];
    int err = 0;

    while (file && !err && fgets(line, sizeof line, file))
        if (sscanf(line, "%199s %299s", name, seed) == 2 && strcmp(name, options->name) == 0)
            err = leat__sim_one(job, seed, options->faults, options->here, report);
    if (file)
        fclose(file);
    return err;
}

int leat__sim_campaign(const struct leat__sim_job *job, const struct leat_sim_options *options)
{
    static struct leat_sim_report mine;
    struct leat_sim_report *report = options->report ? options->report : &mine;
    const char *only = getenv("LEAT_SIM");
    uint64_t first = options->seed ? options->seed : 1;
    struct leat__sim_config config;
    int err;

    memset(report, 0, sizeof *report);
    if (only && *only && leat__sim_parse(&config, only) != 0) {
        fprintf(stderr, "leat: LEAT_SIM=%s: expected a seed, or a seed:name=value,...\n", only);
        return -EINVAL;
    }
    if (only && *only) {
        err = leat__sim_one(job, only, options->faults, true, report);
    } else {
        err = run_kept(job, options, report);
        if (!err)
            err = leat__sim_seeds(job, first, options->seeds ? options->seeds : 1, options->with,
                                  options->faults, options->here, report);
    }
    if (!report->text[0] || options->brief)
        return err;
    leat__sim_tell(options->name, report);
    if (options->here || (only && *only))
        abort(); /* what it broke is in this process */
    if (as_found)
        return err;
    leat__sim_shrink(job, options->with, options->faults, report);
    leat__sim_tell_smaller(options->name, report);
    return err;
}

int leat_sim_run(int (*fn)(void *arg), void *arg, const struct leat_sim_options *options)
{
    const struct leat_sim_options none = { .size = sizeof none };
    struct program program = { fn, options ? options->check : NULL, arg };
    const struct leat__sim_job job = { .fn = run_program, .arg = &program,
                                       .failed = options ? options->failed : NULL };

    if (options && options->size != sizeof *options)
        return -EINVAL;
    return leat__sim_campaign(&job, options ? options : &none);
}

int leat_sim_fault_everywhere(int (*fn)(void *arg), void *arg,
                              const struct leat_sim_options *options)
{
    const struct leat_sim_options none = { .size = sizeof none };
    struct program program = { fn, options ? options->check : NULL, arg };
    const struct leat__sim_job job = { .fn = run_program, .arg = &program,
                                       .failed = options ? options->failed : NULL,
                                       .each_fault = true };

    if (options && options->size != sizeof *options)
        return -EINVAL;
    return leat__sim_campaign(&job, options ? options : &none);
}

/* ---- tests that register themselves ---- */

static struct leat_sim_test *tests, **tests_end = &tests;

void leat_sim_register(struct leat_sim_test *test)
{
    *tests_end = test;
    tests_end = &test->next;
}

const struct leat_sim_test *leat_sim_tests(void)
{
    return tests;
}

const struct leat_sim_test *leat_sim_test_next(const struct leat_sim_test *test)
{
    return test->next;
}

static int run_body(void *arg)
{
    const struct leat_sim_test *test = arg;

    test->body();
    return 0;
}

static int run_test(const struct leat_sim_test *test, struct leat_sim_options *options)
{
    char name[256];

    snprintf(name, sizeof name, "%s.%s", test->suite, test->name);
    options->name = name;
    return leat_sim_run(run_body, (void *)(uintptr_t)test, options);
}

int leat_sim_test_run(const struct leat_sim_test *test, bool (*failed)(void))
{
    struct leat_sim_options options = test->options;

    options.failed = failed;
    return run_test(test, &options);
}

/* ---- a program of them ---- */

struct wanted {
    uint64_t seeds, seed;
    bool     hashes, hunt, list, as_found, faults;
    char   **names;
    int      count;
};

static bool is_wanted(const struct wanted *wanted, const char *name)
{
    for (int i = 0; i < wanted->count; i++) {
        const char *part = wanted->names[i];

        if (strchr(part, '.') ? strcmp(name, part) != 0 : !strstr(name, part))
            return false;
    }
    return true;
}

static void print_hashes(const struct leat_sim_test *test, const char *name,
                         struct leat_sim_options *options)
{
    uint64_t last = options->seed + options->seeds;
    struct leat_sim_report *report = options->report;

    options->seeds = 1;
    for (; options->seed < last; options->seed += 100)
        if (run_test(test, options) == 0)
            printf("%s %" PRIu64 " %016" PRIx64 "\n", name, options->seed, report->hash);
}

#define HUNT_SEEDS 100

/* Returns the exit status: 1 when one failed. */
static int hunt(const struct wanted *wanted)
{
    static struct leat_sim_report report;
    uint64_t seeds = 0, limit = wanted->seeds ? wanted->seeds : 1, first = 1;

    for (; seeds < limit; first += HUNT_SEEDS) {
        uint64_t before = seeds;

        for (const struct leat_sim_test *test = tests; test && seeds < limit; test = test->next) {
            struct leat_sim_options options = test->options;
            char name[256];

            snprintf(name, sizeof name, "%s.%s", test->suite, test->name);
            if (!is_wanted(wanted, name))
                continue;
            options.report = &report;
            options.brief = true;
            options.seed = first;
            options.seeds = HUNT_SEEDS;
            if (run_test(test, &options) != 0) {
                report.text[strcspn(report.text, "(\n")] = '\0';
                printf("hunt seeds=%" PRIu64 " found=1 by=%s seed=%" PRIu64 " \"%s\"\n",
                       seeds + report.seeds + 1, name, report.seed, report.text);
                return 1;
            }
            seeds += report.seeds;
        }
        if (seeds == before)
            break; /* none is wanted */
    }
    printf("hunt seeds=%" PRIu64 " found=0\n", seeds);
    return 0;
}

static bool parse(struct wanted *wanted, int argc, char **argv)
{
    int i = 1;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--hashes") == 0)
            wanted->hashes = true;
        else if (strcmp(argv[i], "--hunt") == 0)
            wanted->hunt = true;
        else if (strcmp(argv[i], "--list") == 0)
            wanted->list = true;
        else if (strcmp(argv[i], "--faults") == 0)
            wanted->faults = true;
        else if (strcmp(argv[i], "--as-found") == 0)
            wanted->as_found = true;
        else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc)
            wanted->seeds = strtoull(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            wanted->seed = strtoull(argv[++i], NULL, 0);
        else
            return false;
    }
    wanted->names = argv + i;
    wanted->count = argc - i;
    return true;
}

int leat_sim_main(int argc, char **argv)
{
    static struct leat_sim_report report;
    struct wanted wanted = { 0 };
    uint64_t seeds = 0, points = 0, count = 0, failed = 0, found = 0;

    if (!parse(&wanted, argc, argv)) {
        fprintf(stderr,
                "usage: %s [--seeds N] [--seed N] [--as-found] [--faults] [--hashes] [--hunt] "
                "[--list] [NAME...]\n",
                program_invocation_short_name);
        return 2;
    }
    as_found = wanted.as_found;
    leat__sim_by_name = true;
    if (wanted.hunt)
        return hunt(&wanted);
    for (const struct leat_sim_test *test = tests; test; test = test->next)
        count++;
    for (const struct leat_sim_test *test = tests; test; test = test->next) {
        struct leat_sim_options options = test->options;
        char name[256];

        snprintf(name, sizeof name, "%s.%s", test->suite, test->name);
        if (!is_wanted(&wanted, name))
            continue;
        found++;
        if (wanted.list) {
            printf("%s\n", name);
            continue;
        }
        options.report = &report;
        options.seed = wanted.seed ? wanted.seed : 1;
        if (wanted.seeds)
            options.seeds = wanted.count ? wanted.seeds : (wanted.seeds + count - 1) / count;
        if (!options.seeds)
            options.seeds = 1;
        if (wanted.hashes) {
            print_hashes(test, name, &options);
            continue;
        }
        failed += run_test(test, &options) != 0;
        seeds += report.seeds;
        points += report.points;
    }
    if (wanted.count > 0 && found == 0) {
        fprintf(stderr, "%s: no test has such a name: see --list\n",
                program_invocation_short_name);
        return 2;
    }
    if (!wanted.list && !wanted.hashes) {
        leat__sim_faults_print(wanted.faults);
        printf("sim seeds=%" PRIu64 " fail=%" PRIu64 " truncated=0 points=%" PRIu64 "\n", seeds,
               failed, points);
    }
    return failed > 0;
}
