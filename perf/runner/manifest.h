/* SPDX-License-Identifier: MIT */
/*
 * manifest.h: the questions of the suite, read from perf/<folder>/manifest. perf/README.md
 * describes the format. Everything lives until the process ends.
 */
#ifndef LEAT_PERF_RUNNER_MANIFEST_H
#define LEAT_PERF_RUNNER_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

enum { ENTRIES_MAX = 16, TARGETS_MAX = 8, WORDS_MAX = 16 };

enum measure { MEASURE_SAMPLES, MEASURE_PEAK_MEMORY };

/* One subject with one number of workers. */
struct entry {
    const char *subject;
    int         workers;
};

/* leat / against must be at most (or at least, where higher is better) reach / printed. */
struct target {
    int         workers;
    const char *against; /* a subject; "peer", the best of the peers that ran; or NULL: leat's own
                            figure is judged, which suits units that no machine changes */
    double      printed, reach;
};

struct question {
    const char   *folder, *name, *sentence, *unit, *better;
    const char   *as; /* the question the programs are asked; mostly its own name */
    enum measure  measure;
    int           runs, samples, warmup;
    const char   *through[WORDS_MAX]; /* program and arguments that run the subject; or none */
    size_t        through_count;
    struct entry  entries[ENTRIES_MAX];
    size_t        entry_count;
    struct target targets[TARGETS_MAX];
    size_t        target_count;
};

struct questions {
    struct question *all;
    size_t           count;
};

/* Read source/<folder>/manifest of every folder that has one, in the order of their names. Ends the
 * program with file and line when one of them is wrong. */
struct questions manifests_read(const char *source);

bool question_wants_less(const struct question *question);

#endif
