/* SPDX-License-Identifier: MIT */
/* A write that was cancelled says nothing about how far it got unless it is made piece by piece,
 * so flush counts in `sent` what the kernel has taken. After an interrupt, the next flush goes on
 * exactly there, and what was printed stays valid to the last complete line. */
#include "console.h"

#include "names.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ERASE "\r\033[K"

/* A stream on a copy of the descriptor: closing it leaves the original open. */
static int open_copy(struct leat_stream **ret, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int err = copy < 0 ? -errno : leat_stream_open_fd(ret, copy);

    if (err < 0 && copy >= 0)
        close(copy);
    return err;
}

int console_open(struct console *console)
{
    memset(console, 0, offsetof(struct console, buffer));
    leat_semaphore_init(&console->turn, 1);
    console->mixed = isatty(STDOUT_FILENO) && isatty(STDERR_FILENO);
    if (open_copy(&console->err, STDERR_FILENO) < 0)
        console->err = NULL; /* then nobody is told anything */
    return open_copy(&console->out, STDOUT_FILENO);
}

void console_close(struct console *console)
{
    leat_close_stream(console->out);
    leat_close_stream(console->err);
}

static void write_err(struct console *console, const char *text, size_t bytes)
{
    if (console->err != NULL && leat_write_all(console->err, text, bytes) < 0)
        return; /* there is no place left to complain */
}

static void erase(struct console *console)
{
    if (console->drawn)
        write_err(console, ERASE, strlen(ERASE));
    console->drawn = false;
}

/* With the turn held. */
static int write_out(struct console *console)
{
    if (console->out_err == 0 && console->used > 0 && console->mixed)
        erase(console);
    while (console->out_err == 0 && console->sent < console->used) {
        ssize_t n = leat_write(console->out, console->buffer + console->sent,
                               console->used - console->sent);

        if (n == -ECANCELED || n == -ETIMEDOUT)
            return (int)n; /* to be continued */
        if (n < 0)
            console->out_err = (int)n;
        else
            console->sent += (size_t)n;
    }
    console->used = console->sent = 0;
    return console->out_err;
}

int console_flush(struct console *console)
{
    int err = leat_semaphore_acquire(&console->turn, 1);

    if (err < 0)
        return err;
    err = write_out(console);
    leat_semaphore_release(&console->turn, 1);
    return err;
}

int console_put(struct console *console, const char *data, size_t bytes)
{
    /* Room first: a line whose flush was cancelled is not there, rather than in part. */
    int err = bytes > CONSOLE_BUFFER - console->used ? console_flush(console) : 0;

    while (err == 0 && bytes > 0) {
        size_t room = CONSOLE_BUFFER - console->used;
        size_t step = bytes < room ? bytes : room;

        memcpy(console->buffer + console->used, data, step);
        console->used += step;
        data += step;
        bytes -= step;
        if (bytes > 0) /* it is longer than the buffer */
            err = console_flush(console);
    }
    return err < 0 ? err : console->out_err;
}

int console_say(struct console *console, const char *format, ...)
{
    va_list arguments;
    char   *message = NULL, *line = NULL;
    int     bytes, err;

    va_start(arguments, format);
    bytes = vasprintf(&message, format, arguments);
    va_end(arguments);
    if (bytes < 0)
        return -ENOMEM;
    bytes = asprintf(&line, "leatsum: %s\n", message);
    free(message);
    if (bytes < 0)
        return -ENOMEM;

    err = leat_semaphore_acquire(&console->turn, 1);
    if (err == 0) {
        err = write_out(console);
        erase(console);
        write_err(console, line, (size_t)bytes);
        leat_semaphore_release(&console->turn, 1);
    }
    free(line);
    return err;
}

int console_say_name(struct console *console, const char *name, const char *problem)
{
    char *quoted = name_quote(name);
    int   err;

    if (quoted == NULL)
        return -ENOMEM;
    err = console_say(console, "%s: %s", quoted, problem);
    free(quoted);
    return err;
}

void console_draw(struct console *console, const char *line)
{
    char text[256];
    int  bytes;

    if (leat_semaphore_acquire(&console->turn, 1) < 0)
        return;
    if (line == NULL) {
        erase(console);
    } else {
        bytes = snprintf(text, sizeof text, ERASE "%s", line);
        write_err(console, text, (size_t)bytes < sizeof text ? (size_t)bytes : sizeof text - 1);
        console->drawn = true;
    }
    leat_semaphore_release(&console->turn, 1);
}
