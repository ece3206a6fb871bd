/* SPDX-License-Identifier: MIT */
/* The end of a failed check. Written by hand instead of with stdio: it may run in a signal handler,
 * on a small stack, or with the heap's lock held. */
#include "base/check.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct line {
    char text[512];
    size_t bytes;
};

static void append(struct line *line, const char *text)
{
    size_t bytes = strlen(text);
    size_t room = sizeof line->text - line->bytes;

    if (bytes > room)
        bytes = room;
    memcpy(line->text + line->bytes, text, bytes);
    line->bytes += bytes;
}

static void append_number(struct line *line, unsigned n)
{
    char digits[12];
    char *at = digits + sizeof digits;

    *--at = '\0';
    do
        *--at = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    append(line, at);
}

void leat__check_failed(const char *sentence, const char *file, int line_number)
{
    struct line line = { .bytes = 0 };
    const char *slash = strrchr(file, '/');
    ssize_t written;

    append(&line, "leat: ");
    append(&line, sentence);
    append(&line, " (");
    append(&line, slash ? slash + 1 : file);
    append(&line, ":");
    append_number(&line, (unsigned)line_number);
    append(&line, ")\n");
    written = write(STDERR_FILENO, line.text, line.bytes);
    (void)written; /* nobody is left to tell */
    abort();
}
