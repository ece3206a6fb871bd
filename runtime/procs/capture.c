/* SPDX-License-Identifier: MIT */
/* What workers print, line by line into the log. A task for each pipe, which ends with the pipe or,
 * when something that the worker forked still holds it, with the worker. */
#include "procs/pool.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 480 /* a longer one is logged in pieces; leat_log takes 511 */

struct leat__capture {
    struct leat__proc  *worker; /* its place; another life may have begun in it */
    struct leat_procs  *procs;
    struct leat_stream *stream;
    uint32_t            id;
    unsigned            which;
    size_t              bytes;
    char                line[LINE_MAX_BYTES];
};

void leat__procs_log(struct leat_procs *procs, enum leat_log_level level, const char *format, ...)
{
    char line[LINE_MAX_BYTES + 32];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (procs->options.log)
        procs->options.log(procs->options.log_arg, level, line);
    else
        leat_log(level, "%s", line);
}

static void log_line(struct leat__capture *capture, const char *line, size_t bytes)
{
    leat__procs_log(capture->procs, capture->which == 0 ? LEAT_LOG_INFO : LEAT_LOG_WARN,
                    "worker %u: %.*s", capture->id, (int)bytes, line);
}

/* More bytes are in the buffer: log the lines that are whole. */
static void take(struct leat__capture *capture, size_t more)
{
    char *begin = capture->line, *end = begin + capture->bytes + more, *newline;

    while ((newline = memchr(begin, '\n', (size_t)(end - begin))) != NULL) {
        log_line(capture, begin, (size_t)(newline - begin));
        begin = newline + 1;
    }
    capture->bytes = (size_t)(end - begin);
    if (capture->bytes == sizeof capture->line) {
        log_line(capture, begin, capture->bytes);
        capture->bytes = 0;
    }
    memmove(capture->line, begin, capture->bytes);
}

static size_t room(const struct leat__capture *capture)
{
    return sizeof capture->line - capture->bytes;
}

/* What is still in the pipe of a worker that is dead. */
static void drain(struct leat__capture *capture)
{
    struct pollfd readable = { .fd = leat_stream_fd(capture->stream), .events = POLLIN };

    while (poll(&readable, 1, 0) > 0) {
        ssize_t got = read(readable.fd, capture->line + capture->bytes, room(capture));

        if (got <= 0)
            return;
        take(capture, (size_t)got);
    }
}

static int run_capture(void *arg)
{
    struct leat__capture *capture = arg;
    struct leat_procs *procs = capture->procs;
    ssize_t got;

    while ((got = leat_read(capture->stream, capture->line + capture->bytes, room(capture))) > 0)
        take(capture, (size_t)got);
    if (got < 0)
        drain(capture);
    if (capture->bytes > 0)
        log_line(capture, capture->line, capture->bytes);
    pthread_mutex_lock(&procs->lock);
    if (capture->worker->capture[capture->which] == capture)
        capture->worker->capture[capture->which] = NULL;
    pthread_mutex_unlock(&procs->lock);
    leat_close_stream(capture->stream);
    free(capture);
    return 0;
}

int leat__capture_start(struct leat__proc *worker, unsigned which, int fd)
{
    struct leat_procs *procs = worker->procs;
    struct leat__capture *capture = calloc(1, sizeof *capture);
    int err = capture ? leat_stream_open_fd(&capture->stream, fd) : -ENOMEM;

    if (err) {
        free(capture);
        close(fd);
        return err;
    }
    capture->worker = worker;
    capture->procs = procs;
    capture->which = which;
    pthread_mutex_lock(&procs->lock);
    capture->id = procs->next_id;
    worker->capture[which] = capture;
    pthread_mutex_unlock(&procs->lock);
    err = leat_spawn(&procs->scope, run_capture, capture);
    if (err) {
        pthread_mutex_lock(&procs->lock);
        worker->capture[which] = NULL;
        pthread_mutex_unlock(&procs->lock);
        leat_close_stream(capture->stream);
        free(capture);
    }
    return err;
}

void leat__capture_stop(struct leat__proc *worker)
{
    for (unsigned which = 0; which < 2; which++) {
        if (worker->capture[which])
            leat_shutdown(worker->capture[which]->stream);
        worker->capture[which] = NULL;
    }
}
