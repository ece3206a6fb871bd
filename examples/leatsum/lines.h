/* SPDX-License-Identifier: MIT */
/* A file or standard input, line by line. */
#ifndef LEATSUM_LINES_H
#define LEATSUM_LINES_H

#include <leat/leat.h>

#include <stdbool.h>
#include <stddef.h>

struct lines {
    struct leat_stream *stream;
    char               *buffer;
    size_t              size;
    size_t              begin, end; /* of what is read and not given out */
    size_t              searched;   /* bytes from begin that hold no newline */
    bool                ended;
};

/* NULL is standard input. Returns 0 or -errno. */
int  lines_open(struct lines *lines, const char *name);
void lines_close(struct lines *lines);

/* The next line without its newline, zero-terminated, the caller's to change until the next call.
 * Returns 0, -ENODATA at the end, -ENOMEM, -ECANCELED or what reading returned. */
int lines_next(struct lines *lines, char **ret, size_t *ret_bytes);

#endif
