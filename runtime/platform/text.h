/* SPDX-License-Identifier: MIT */
/* Text put together without stdio: async-signal-safe, no allocation, no lock.
 *
 *     struct leat__text text = { .fd = STDERR_FILENO };
 *     leat__text_put(&text, "leat: task ");
 *     leat__text_number(&text, id);
 *     leat__text_flush(&text);
 */
#ifndef LEAT_PLATFORM_TEXT_H
#define LEAT_PLATFORM_TEXT_H

#include <leat/time.h>

#include <stddef.h>
#include <stdint.h>

struct leat__text {
    char   bytes[1024];
    size_t used;
    int    fd;  /* where a full buffer goes; -1: nowhere, and what is too much is cut off */
    int    err; /* the first of a write, negative */
};

void leat__text_put(struct leat__text *text, const char *string);
void leat__text_number(struct leat__text *text, uint64_t number);
void leat__text_hex(struct leat__text *text, uint64_t number);
void leat__text_seconds(struct leat__text *text, leat_time length); /* "12.345 s" */

/* In quotes, without what is not printable; at most 64 bytes; a name that is gone prints as "?". */
void leat__text_name(struct leat__text *text, const char *name);

void leat__text_flush(struct leat__text *text);

/* A descriptor for whole lines: the first error stays, and what comes after it is dropped. */
struct leat__lines {
    int fd, err;
};

/* lines: a struct leat__lines; so it serves where a function for each line is asked for. */
void leat__lines_put(void *lines, const char *line);

/* For fd -1: what was put so far, as a string that lives as long as `text`. */
const char *leat__text_string(struct leat__text *text);

#endif
