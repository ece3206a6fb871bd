/* SPDX-License-Identifier: MIT */
/*
 * main.c: the runner. Asks each question of all its subjects in turn, A B C A B C and so on, so
 * that a machine that slows down slows all of them; one process is one run, and its value is the
 * median of its samples. perf/run builds everything and calls this.
 *
 * Why a C program: it needs wait4, process groups and medians, and nothing that is not installed
 * anyway to build leat.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "child.h"
#include "helper.h"
#include "machine.h"
#include "manifest.h"
#include "report.h"

enum { TIMEOUT_S = 60, QUICK_RUNS = 3, PRIORITY = -15 };

struct options {
    const char *source, *programs, *only, *json;
    bool        list, quick;
};

static _Noreturn void wrong_usage(void)
{
    fputs("perf: perf/run --help says what can be asked\n", stderr);
    exit(2);
}

static struct options options_parse(int argc, char **argv)
{
    static const struct option known[] = {
        { "source", required_argument, NULL, 's' },   /* from perf/run: where the manifests are */
        { "programs", required_argument, NULL, 'p' }, /* and where the programs were built */
        { "only", required_argument, NULL, 'o' },
        { "json", required_argument, NULL, 'j' },
        { "list", no_argument, NULL, 'l' },
        { "quick", no_argument, NULL, 'q' },
        { 0 },
    };
    struct options options = { .source = "perf", .programs = "build/perf/perf" };
    int            option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 's':
            options.source = optarg;
            break;
        case 'p':
            options.programs = optarg;
            break;
        case 'o':
            options.only = optarg;
            break;
        case 'j':
            options.json = optarg;
            break;
        case 'l':
            options.list = true;
            break;
        case 'q':
            options.quick = true;
            break;
        default:
            wrong_usage();
        }
    }
    if (optind != argc)
        wrong_usage();
    return options;
}

static char *program_path(const struct options *options, const struct question *question,
                          const char *program)
{
    char *path;

    if (asprintf(&path, "%s/%s/%s", options->programs, question->folder, program) < 0)
        perf_die("program path", ENOMEM);
    return path;
}

/* A program that was not built left its reason beside where it would be. */
static bool is_built(const char *path, struct outcome *outcome)
{
    char *beside;
    FILE *file;

    if (access(path, X_OK) == 0)
        return true;
    if (asprintf(&beside, "%s.skipped", path) < 0)
        perf_die("program path", ENOMEM);
    file = fopen(beside, "re");
    outcome->end = CHILD_FAILED;
    snprintf(outcome->reason, sizeof outcome->reason, "not built");
    if (file) {
        outcome->end = CHILD_SKIPPED;
        if (fgets(outcome->reason, sizeof outcome->reason, file))
            outcome->reason[strcspn(outcome->reason, "\n")] = '\0';
        fclose(file);
    }
    free(beside);
    return false;
}

static void keep(const struct question *question, struct child_output *output,
                 struct outcome *outcome)
{
    outcome->values[outcome->count++] = question->measure == MEASURE_PEAK_MEMORY
                                            ? output->peak_mb
                                            : perf_median(output->samples, output->sample_count);
    if (output->has_check && outcome->has_check && output->check != outcome->check) {
        outcome->end = CHILD_FAILED;
        snprintf(outcome->reason, sizeof outcome->reason, "its result differs between runs");
    }
    outcome->has_check = output->has_check;
    outcome->check = output->check;
}

/* Run one entry once; a warm-up run is not kept. */
static void run_entry(const struct options *options, const struct question *question,
                      const struct entry *entry, struct outcome *outcome, bool warmup)
{
    char        workers[16], samples[16];
    const char *argv[WORDS_MAX + 8];
    size_t      argc = 0;
    char       *subject = program_path(options, question, entry->subject);
    char       *through =
        question->through_count ? program_path(options, question, question->through[0]) : NULL;
    struct child_output output;

    snprintf(workers, sizeof workers, "%d", entry->workers);
    snprintf(samples, sizeof samples, "%d", options->quick ? 1 : question->samples);
    argv[argc++] = through ? through : subject;
    argv[argc++] = question->as;
    argv[argc++] = workers;
    argv[argc++] = samples;
    if (through) {
        argv[argc++] = subject;
        for (size_t i = 1; i < question->through_count; i++)
            argv[argc++] = question->through[i];
    }
    argv[argc] = NULL;
    if (is_built(argv[0], outcome) && is_built(subject, outcome)) {
        outcome->end = child_run(argv, TIMEOUT_S, &output);
        if (outcome->end != CHILD_OK)
            memcpy(outcome->reason, output.reason, sizeof outcome->reason);
        else if (!warmup)
            keep(question, &output, outcome);
    }
    free(through);
    free(subject);
}

static void ask(const struct options *options, const struct question *question, FILE *json,
                struct tally *tally)
{
    int runs = options->quick && question->runs > QUICK_RUNS ? QUICK_RUNS : question->runs;
    struct outcome *outcomes = calloc(question->entry_count, sizeof *outcomes);

    if (!outcomes)
        perf_die("results", ENOMEM);
    for (int run = -question->warmup; run < runs; run++)
        for (size_t i = 0; i < question->entry_count; i++)
            if (outcomes[i].end == CHILD_OK)
                run_entry(options, question, &question->entries[i], &outcomes[i], run < 0);
    report_question(question, outcomes, stdout, json, tally);
    free(outcomes);
}

static void list(const struct question *question)
{
    printf("%-20s %s; subjects:", question->name, question->sentence);
    for (size_t i = 0; i < question->entry_count; i++)
        printf(" %s/%d", question->entries[i].subject, question->entries[i].workers);
    putchar('\n');
}

static FILE *json_open(const char *path)
{
    FILE *json = path ? fopen(path, "we") : NULL;

    if (path && !json)
        perf_die(path, errno);
    if (json)
        machine_print_json(json);
    return json;
}

int main(int argc, char **argv)
{
    struct options          options = options_parse(argc, argv);
    static struct questions questions; /* static: reachable to the end, as leak checkers want it */
    struct tally            tally;
    unsigned                asked = 0, failed;
    FILE                   *json = NULL;
    regex_t                 only;

    questions = manifests_read(options.source);
    if (regcomp(&only, options.only ? options.only : "", REG_EXTENDED | REG_NOSUB)) {
        fprintf(stderr, "perf: --only: not a regular expression: %s\n", options.only);
        return 2;
    }
    if (!options.list) {
        child_handle_signals();
        (void)setpriority(PRIO_PROCESS, 0, PRIORITY); /* root only; recorded as it turns out */
        json = json_open(options.json);
        machine_print(stdout);
    }
    tally_open(&tally);
    for (size_t i = 0; i < questions.count; i++) {
        if (regexec(&only, questions.all[i].name, 0, NULL, 0) != 0)
            continue;
        asked++;
        if (options.list)
            list(&questions.all[i]);
        else
            ask(&options, &questions.all[i], json, &tally);
    }
    if (!options.list)
        report_tally(&tally, stdout);
    failed = tally.failed;
    tally_close(&tally);
    regfree(&only);
    if (json && fclose(json))
        perf_die(options.json, errno);
    if (asked == 0)
        fputs("perf: no question matches\n", stderr);
    return failed || asked == 0;
}
