/* SPDX-License-Identifier: MIT */
/*
 * report.h: from the values of one question's runs to a table, its verdicts and JSON lines.
 *
 * Only ratios within one run count, since machines drift: leat against the floor or the best peer,
 * two workers against one. A loss is printed like a win.
 */
#ifndef LEAT_PERF_RUNNER_REPORT_H
#define LEAT_PERF_RUNNER_REPORT_H

#include <stdio.h>

#include "child.h"
#include "manifest.h"

enum { RUNS_MAX = 1000 };

/* What is known of one entry of a question. */
struct outcome {
    enum child_end end;
    char           reason[160];
    double         values[RUNS_MAX];
    size_t         count;
    double         median, min, max; /* set by report_question */
    bool           has_check;
    uint64_t       check;
};

struct tally {
    unsigned held, lost, unjudged, failed;
    char    *losses; /* one line each */
    size_t   losses_bytes;
    FILE    *losses_out; /* opened on the two above by tally_open */
};

void tally_open(struct tally *tally);
void tally_close(struct tally *tally);

/* json may be NULL. */
void report_question(const struct question *question, struct outcome *outcomes, FILE *out,
                     FILE *json, struct tally *tally);

/* The last lines: how many targets were held, and each that was not. */
void report_tally(struct tally *tally, FILE *out);

#endif
