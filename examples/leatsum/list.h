/* SPDX-License-Identifier: MIT */
/* The job of checking a list of sums. */
#ifndef LEATSUM_LIST_H
#define LEATSUM_LIST_H

#include "pipeline.h"

/* Sums per line come in the usual order or, from old BSD tools, with one blank before the name.
 * Which of the two is settled by the first line that shows it: mixing them would let a name with
 * a leading blank pass for another. */
enum list_style { LIST_UNDECIDED, LIST_USUAL, LIST_BSD_REVERSED };

struct list {
    const char     *name; /* of the list, "standard input" */
    enum list_style style;

    uint64_t lines_bad; /* not formatted as a sum */
    uint64_t lines_good;
    uint64_t files; /* that were read .. */
    uint64_t bytes; /* .. of so many bytes in all */
    uint64_t unreadable;
    uint64_t differing;
    uint64_t matching;
    bool     unread; /* the list itself could not be read */
};

/* Take a line apart, in place: its name and digest. Returns false when it is no sum. */
bool list_parse_line(char *line, size_t bytes, enum list_style *style, char **ret_name,
                     unsigned char digest[HASH_BYTES]);

source_fn list_source; /* arg: struct list */
print_fn  list_print;

/* What is said at a list's end. Returns 0 or -errno; *ret_passed is what the exit status tells. */
int list_conclude(struct pipeline *pipeline, const struct list *list, bool *ret_passed);

#endif
