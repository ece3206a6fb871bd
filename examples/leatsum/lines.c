/* SPDX-License-Identifier: MIT */
/* getline() for tasks: it suspends the task where stdio would block the worker. */
#include "lines.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int lines_open(struct lines *lines, const char *name)
{
    int fd, err;

    memset(lines, 0, sizeof *lines);
    if (name != NULL)
        return leat_stream_open_file(&lines->stream, name, O_RDONLY, 0);
    fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    err = leat_stream_open_fd(&lines->stream, fd);
    if (err < 0)
        close(fd);
    return err;
}

void lines_close(struct lines *lines)
{
    leat_close_stream(lines->stream);
    free(lines->buffer);
}

/* Make room behind `end`, for a zero as well, and read into it. */
static int read_more(struct lines *lines)
{
    ssize_t n;

    if (lines->begin > 0) {
        memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
        lines->end -= lines->begin;
        lines->begin = 0;
    }
    if (lines->size - lines->end < 2) {
        size_t size = lines->size > 0 ? 2 * lines->size : (size_t)64 << 10;
        char  *buffer = realloc(lines->buffer, size);

        if (buffer == NULL)
            return -ENOMEM;
        lines->buffer = buffer;
        lines->size = size;
    }
    n = leat_read(lines->stream, lines->buffer + lines->end, lines->size - lines->end - 1);
    if (n < 0)
        return (int)n;
    lines->ended = n == 0;
    lines->end += (size_t)n;
    return 0;
}

int lines_next(struct lines *lines, char **ret, size_t *ret_bytes)
{
    for (;;) {
        size_t bytes = lines->end - lines->begin;
        char  *line = bytes > 0 ? lines->buffer + lines->begin : NULL; /* no buffer yet */
        char  *newline = NULL;
        int    err;

        if (bytes > lines->searched)
            newline = memchr(line + lines->searched, '\n', bytes - lines->searched);
        if (newline != NULL || (lines->ended && bytes > 0)) {
            *ret = line;
            *ret_bytes = newline != NULL ? (size_t)(newline - line) : bytes;
            line[*ret_bytes] = '\0';
            lines->begin += *ret_bytes + (newline != NULL ? 1 : 0);
            lines->searched = 0;
            return 0;
        }
        if (lines->ended)
            return -ENODATA;
        lines->searched = bytes;
        err = read_more(lines);
        if (err < 0)
            return err;
    }
}
