/* SPDX-License-Identifier: MIT */
/* report.c: see report.h. */
#define _GNU_SOURCE
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper.h"

/* "Two workers against one, any row": at most this many times slower. */
static const double two_workers_limit = 1.1;

struct report {
    const struct question *question;
    struct outcome        *outcomes;
    FILE                  *out, *json;
    struct tally          *tally;
};

void tally_open(struct tally *tally)
{
    *tally = (struct tally){ 0 };
    tally->losses_out = open_memstream(&tally->losses, &tally->losses_bytes);
    if (!tally->losses_out)
        perf_die("report", errno);
}

void tally_close(struct tally *tally)
{
    fclose(tally->losses_out);
    free(tally->losses);
}

static bool is_peer(const char *subject)
{
    return strcmp(subject, "leat") != 0 && strcmp(subject, "floor") != 0;
}

static const struct outcome *outcome_find(const struct report *report, const char *subject,
                                          int workers)
{
    for (size_t i = 0; i < report->question->entry_count; i++) {
        const struct entry *entry = &report->question->entries[i];

        if (strcmp(entry->subject, subject) == 0 && entry->workers == workers &&
            report->outcomes[i].end == CHILD_OK)
            return &report->outcomes[i];
    }
    return NULL;
}

/* The best outcome of subject, or of all peers where subject is NULL; of those with this number of
 * workers if any ran, else of those with any. Returns its entry's index or -1. */
static int best_find(const struct report *report, const char *subject, int workers)
{
    const struct question *question = report->question;

    for (int pass = 0; pass < 2; pass++) {
        int best = -1;

        for (size_t i = 0; i < question->entry_count; i++) {
            const struct entry *entry = &question->entries[i];
            bool named = subject ? strcmp(entry->subject, subject) == 0 : is_peer(entry->subject);

            if (!named || (pass == 0 && entry->workers != workers) ||
                report->outcomes[i].end != CHILD_OK)
                continue;
            if (best < 0 || (report->outcomes[i].median < report->outcomes[best].median) ==
                                question_wants_less(question))
                best = (int)i;
        }
        if (best >= 0)
            return best;
    }
    return -1;
}

/* against is NULL where leat's own figure is judged. */
static void describe(char *ret, size_t bytes, int workers, const char *against)
{
    snprintf(ret, bytes, "leat, %d worker%s%s%s", workers, workers == 1 ? "" : "s",
             against ? " / " : "", against ? against : "");
}

static void verdict_json(const struct report *report, int workers, const char *against,
                         double ratio, double limit, bool held)
{
    if (!report->json)
        return;
    fputs("{\"question\":", report->json);
    perf_json_string(report->json, report->question->name);
    fprintf(report->json, ",\"workers\":%d,\"against\":", workers);
    if (against)
        perf_json_string(report->json, against);
    else
        fputs("null", report->json);
    fprintf(report->json, ",\"ratio\":%.4g,\"limit\":%.4g,\"held\":%s}\n", ratio, limit,
            held ? "true" : "false");
}

/* Print, count and record one ratio. */
static void verdict(const struct report *report, int workers, const char *against, double ratio,
                    double limit, bool strictly)
{
    bool        less = question_wants_less(report->question);
    bool        held = less ? (strictly ? ratio < limit : ratio <= limit)
                            : (strictly ? ratio > limit : ratio >= limit);
    const char *relation =
        less ? (strictly ? "below" : "at most") : (strictly ? "above" : "at least");
    char what[96];

    describe(what, sizeof what, workers, against);
    fprintf(report->out, "    %-40s %8.3g   target: %s %.3g   %s\n", what, ratio, relation, limit,
            held ? "held" : "LOST");
    if (held) {
        report->tally->held++;
    } else {
        report->tally->lost++;
        fprintf(report->tally->losses_out, "    %s: %s is %.3g, target %s %.3g\n",
                report->question->name, what, ratio, relation, limit);
    }
    verdict_json(report, workers, against, ratio, limit, held);
}

static void unjudged(const struct report *report, int workers, const char *against)
{
    char what[96];

    describe(what, sizeof what, workers, against);
    fprintf(report->out, "    %-40s        -   not judged\n", what);
    report->tally->unjudged++;
}

static void judge_target(const struct report *report, const struct target *target)
{
    const struct outcome *leat = outcome_find(report, "leat", target->workers);
    bool                  any_peer = target->against && strcmp(target->against, "peer") == 0;
    int                   against;
    char                  name[64];

    if (!target->against && leat) {
        verdict(report, target->workers, NULL, leat->median, target->reach, false);
        return;
    }
    against = target->against
                  ? best_find(report, any_peer ? NULL : target->against, target->workers)
                  : -1;
    if (!leat || against < 0) {
        unjudged(report, target->workers, any_peer ? "best peer" : target->against);
        return;
    }
    snprintf(name, sizeof name, "%s%s", report->question->entries[against].subject,
             any_peer ? " (best peer)" : "");
    verdict(report, target->workers, name, leat->median / report->outcomes[against].median,
            target->reach / target->printed, false);
}

static bool has_peer_target(const struct question *question, int workers)
{
    for (size_t i = 0; i < question->target_count; i++) {
        const struct target *target = &question->targets[i];

        if (target->against && !strcmp(target->against, "peer") && target->workers == workers)
            return true;
    }
    return false;
}

/* Beating every peer that runs is expected on every row besides. */
static void judge_peers(const struct report *report)
{
    const struct question *question = report->question;

    for (size_t i = 0; i < question->entry_count; i++) {
        const struct entry *entry = &question->entries[i];
        int                 peer = best_find(report, NULL, entry->workers);
        char                name[64];

        if (strcmp(entry->subject, "leat") != 0 || has_peer_target(question, entry->workers))
            continue;
        if (report->outcomes[i].end != CHILD_OK || peer < 0) {
            unjudged(report, entry->workers, "best peer");
            continue;
        }
        snprintf(name, sizeof name, "%s (best peer)", question->entries[peer].subject);
        verdict(report, entry->workers, name,
                report->outcomes[i].median / report->outcomes[peer].median, 1, true);
    }
}

static void judge_workers(const struct report *report)
{
    const struct outcome *one = outcome_find(report, "leat", 1);
    const struct outcome *two = outcome_find(report, "leat", 2);

    if (!one || !two)
        return;
    verdict(report, 2, "leat, 1 worker", two->median / one->median,
            question_wants_less(report->question) ? two_workers_limit : 1 / two_workers_limit,
            false);
}

/* Subjects that computed something say what; it must be the same thing. */
static void compare_checks(const struct report *report)
{
    const struct question *question = report->question;
    const struct outcome  *first = NULL;

    for (size_t i = 0; i < question->entry_count; i++) {
        struct outcome *outcome = &report->outcomes[i];

        if (outcome->end != CHILD_OK || !outcome->has_check)
            continue;
        if (!first) {
            first = outcome;
        } else if (outcome->check != first->check) {
            outcome->end = CHILD_FAILED;
            snprintf(outcome->reason, sizeof outcome->reason,
                     "its result %016llx is not the first subject's, %016llx",
                     (unsigned long long)outcome->check, (unsigned long long)first->check);
        }
    }
}

static void print_absent(const struct report *report, const struct entry *entry,
                         const struct outcome *outcome)
{
    bool failed = outcome->end == CHILD_FAILED;

    fprintf(report->out, "  %-10s %7d   %s: %s\n", entry->subject, entry->workers,
            failed ? "FAILED" : "skipped", outcome->reason);
    if (failed)
        report->tally->failed++;
    if (!report->json)
        return;
    fputs("{\"question\":", report->json);
    perf_json_string(report->json, report->question->name);
    fputs(",\"subject\":", report->json);
    perf_json_string(report->json, entry->subject);
    fprintf(report->json, ",\"workers\":%d,\"%s\":", entry->workers, failed ? "failed" : "skipped");
    perf_json_string(report->json, outcome->reason);
    fputs("}\n", report->json);
}

static void print_present(const struct report *report, const struct entry *entry,
                          const struct outcome *outcome)
{
    const struct question *question = report->question;

    fprintf(report->out, "  %-10s %7d %12.4g %12.4g .. %.4g\n", entry->subject, entry->workers,
            outcome->median, outcome->min, outcome->max);
    if (report->json)
        perf_result_print(report->json,
                          &(struct perf_result){ question->name, entry->subject, question->unit,
                                                 question->better, entry->workers, outcome->median,
                                                 outcome->min, outcome->max, outcome->count });
}

void report_question(const struct question *question, struct outcome *outcomes, FILE *out,
                     FILE *json, struct tally *tally)
{
    struct report report = { question, outcomes, out, json, tally };

    compare_checks(&report);
    fprintf(out, "\n%s: %s (%s, %s is better)\n", question->name, question->sentence,
            question->unit, question->better);
    fprintf(out, "  %-10s %7s %12s %12s .. max\n", "subject", "workers", "median", "min");
    for (size_t i = 0; i < question->entry_count; i++) {
        struct outcome *outcome = &outcomes[i];

        if (outcome->end != CHILD_OK) {
            print_absent(&report, &question->entries[i], outcome);
            continue;
        }
        outcome->median = perf_median(outcome->values, outcome->count); /* sorts them */
        outcome->min = outcome->values[0];
        outcome->max = outcome->values[outcome->count - 1];
        print_present(&report, &question->entries[i], outcome);
    }
    for (size_t i = 0; i < question->target_count; i++)
        judge_target(&report, &question->targets[i]);
    judge_peers(&report);
    judge_workers(&report);
    fflush(out);
    if (json)
        fflush(json);
}

void report_tally(struct tally *tally, FILE *out)
{
    fflush(tally->losses_out);
    fprintf(out, "\n%u targets held, %u lost, %u not judged; %u subjects failed\n", tally->held,
            tally->lost, tally->unjudged, tally->failed);
    fputs(tally->losses, out);
}
