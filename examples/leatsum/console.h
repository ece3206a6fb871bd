/* SPDX-License-Identifier: MIT */
/* Standard output and standard error: lines, messages, and the progress line, which must not get
 * mixed up on a terminal. Both are written through streams, so a reader that is slow, stopped or
 * gone holds up nothing but the task that writes. */
#ifndef LEATSUM_CONSOLE_H
#define LEATSUM_CONSOLE_H

#include <leat/leat.h>

#include <stdbool.h>
#include <stddef.h>

#define CONSOLE_BUFFER ((size_t)64 << 10)

struct console {
    struct leat_stream   *out, *err; /* NULL when closed or not to be had */
    struct leat_semaphore turn;      /* whose permit allows to write */
    bool                  drawn;     /* the progress line is on the screen */
    bool                  mixed;     /* both are one terminal, or look like it */
    int                   out_err;   /* the first failure of standard output; sticks */
    size_t                used;      /* bytes in `buffer` .. */
    size_t                sent;      /* .. and how many of them are written */
    char                  buffer[CONSOLE_BUFFER];
};

int  console_open(struct console *console);
void console_close(struct console *console);

/* Append to standard output, which is written when the buffer is full or flushed.
 * Returns 0, the error that standard output has failed with, or -ECANCELED: nothing of what fits
 * the buffer was appended. */
int console_put(struct console *console, const char *data, size_t bytes);
int console_flush(struct console *console);

/* Write "leatsum: ", the message and a newline to standard error, after what was put before.
 * A failure of standard error is nobody's concern; returns -ECANCELED or what flush returns. */
int console_say(struct console *console, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* console_say with the name quoted and what went wrong with it: NAME: No such file or directory. */
int console_say_name(struct console *console, const char *name, const char *problem);

/* Replace the progress line; NULL erases it. */
void console_draw(struct console *console, const char *line);

#endif
