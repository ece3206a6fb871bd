/* SPDX-License-Identifier: MIT */
/* Every kind of I/O call, of several tasks side by side, when a fifth of them fail, and others come
 * late, in another order, in part, or are given up: here each errno that a call may give does occur
 * (runtime/sim/faults.h). Whatever a call says, it did: what was read is what was written there,
 * bytes of a pipe are none less and none more, and each descriptor is closed. */
#include "sim/scenarios/scenario.h"

#include <fcntl.h>
#include <sys/stat.h>

#define ROUNDS     12
#define BYTES_MAX  64
#define FILE_BYTES 400

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(1 + i % 251);
}

static void fill(unsigned char *data, size_t from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = byte_at(from + i);
}

static bool is_filled(const unsigned char *data, size_t from, ssize_t bytes, bool holes)
{
    for (ssize_t i = 0; i < bytes; i++)
        if (data[i] != byte_at(from + (size_t)i) && !(holes && data[i] == 0))
            return false;
    return true;
}

/* For LEAT_LIMIT around a call: it is given up while it is in flight, or has time. */
static leat_time patience(void)
{
    return leat_sim_choose(3) ? LEAT_MINUTE : (leat_time)leat_sim_choose(3000) * LEAT_USEC;
}

/* ---- files ---- */

static const char *draw_path(void)
{
    static const char *const paths[] = { "/tmp/one", "/tmp/two", "/tmp", "/tmp/one/below",
                                         "/tmp/three" };

    return paths[leat_sim_choose(sizeof paths / sizeof paths[0])];
}

static int draw_flags(void)
{
    static const int flags[] = { O_RDONLY, O_RDWR, O_WRONLY | O_CREAT, O_RDWR | O_CREAT,
                                 O_RDWR | O_CREAT | O_EXCL };

    return flags[leat_sim_choose(sizeof flags / sizeof flags[0])];
}

static void use_file(struct leat_file *file)
{
    unsigned char data[BYTES_MAX];
    size_t bytes = 1 + leat_sim_choose(BYTES_MAX), from = leat_sim_choose(FILE_BYTES);
    struct stat st;
    ssize_t n;
    LEAT_LIMIT(patience());

    switch (leat_sim_choose(4)) {
    case 0:
        fill(data, from, bytes);
        n = leat_file_write(file, data, bytes, from);
        leat_sim_expect(n != 0 && n <= (ssize_t)bytes);
        break;
    case 1: (void)!leat_file_sync(file); break;
    case 2:
        if (leat_file_stat(file, &st) == 0)
            leat_sim_expect(S_ISDIR(st.st_mode) || st.st_size <= FILE_BYTES + BYTES_MAX);
        break;
    default:
        n = leat_file_read(file, data, bytes, from);
        leat_sim_expect(n <= (ssize_t)bytes && is_filled(data, from, n, true));
        break;
    }
}

/* What could be listed is there. */
static void walks(void)
{
    const struct leat_walk_entry *entry;
    struct leat_walk *walk;
    uint32_t count = 0;
    LEAT_LIMIT(patience());

    if (leat_walk_open(&walk, "/tmp", NULL) != 0)
        return;
    while (leat_walk_next(walk, &entry) == 0) {
        count++;
        leat_sim_expect(entry->type == LEAT_WALK_FILE || entry->type == LEAT_WALK_ERROR);
        leat_sim_expect(strncmp(entry->path, "/tmp", 4) == 0);
    }
    leat_walk_close(walk);
    leat_sim_expect(count <= 4); /* three files, and what the folder gave */
}

static int uses_files(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct leat_file file;
        struct stat st;
        LEAT_LIMIT(patience());

        walks();
        (void)!leat_file_stat_path(draw_path(), leat_sim_choose(2), &st);
        if (leat_file_open(&file, draw_path(), draw_flags(), 0644) != 0)
            continue;
        for (uint32_t k = 2 * ROUNDS; k > 0; k--)
            use_file(&file);
        (void)leat_file_close(&file);
    }
    return 0;
}

/* At its own position, from the beginning. */
static int streams_files(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        bool writes = leat_sim_choose(2);
        unsigned char data[BYTES_MAX];
        struct leat_stream *stream;
        size_t at = 0;
        ssize_t n = 1;

        if (leat_stream_open_file(&stream, writes ? "/tmp/two" : draw_path(),
                                  writes ? O_WRONLY | O_CREAT : O_RDONLY, 0644) != 0)
            continue;
        for (uint32_t k = leat_sim_choose(8); k > 0 && n != 0; k--) {
            LEAT_LIMIT(patience());

            fill(data, at, sizeof data);
            n = writes ? leat_write(stream, data, sizeof data)
                       : leat_read(stream, data, sizeof data);
            leat_sim_expect(n <= (ssize_t)sizeof data && is_filled(data, at, n, true));
            at += n > 0 ? (size_t)n : 0;
        }
        leat_close_stream(stream);
    }
    return 0;
}

/* ---- pipes ---- */

struct pipe_ends {
    struct leat_stream *reader, *writer;
    int                 fd; /* the reader's */
    size_t              sent, got;
    bool                gone; /* the reader */
};

static int writes_pipe(void *arg)
{
    struct pipe_ends *ends = arg;
    unsigned char data[BYTES_MAX];

    for (uint32_t i = 0; i < 2 * ROUNDS; i++) {
        size_t bytes = 1 + leat_sim_choose(BYTES_MAX);
        ssize_t n;
        LEAT_LIMIT(patience());

        fill(data, ends->sent, bytes);
        n = leat_write(ends->writer, data, bytes);
        leat_sim_expect(n <= (ssize_t)bytes && (n != -EPIPE || ends->gone));
        ends->sent += n > 0 ? (size_t)n : 0;
        if (n == -EPIPE)
            break;
    }
    leat_close_stream(ends->writer);
    return 0;
}

/* Through a select's readiness now and then. */
static ssize_t reads_some(struct pipe_ends *ends, unsigned char *data)
{
    size_t bytes = 1 + leat_sim_choose(BYTES_MAX);
    LEAT_LIMIT(patience());

    if (leat_sim_choose(2)) {
        struct leat_case cases[2] = { leat_case_readable(ends->fd),
                                      leat_case_at(leat_after(patience())) };
        int index = leat_select_cases(cases, 2);

        if (index != 0 || cases[0].result != 0)
            return -EAGAIN;
    }
    return leat_read(ends->reader, data, bytes);
}

static int reads_pipe(void *arg)
{
    struct pipe_ends *ends = arg;
    unsigned char data[BYTES_MAX];
    bool early = leat_sim_choose(3) == 0;
    ssize_t n = 1;

    while (n != 0 && !(early && ends->got > BYTES_MAX)) {
        n = reads_some(ends, data);
        leat_sim_expect(is_filled(data, ends->got, n, false));
        ends->got += n > 0 ? (size_t)n : 0;
    }
    ends->gone = n != 0;
    leat_close_stream(ends->reader);
    return 0;
}

static int uses_pipes(void *arg)
{
    struct pipe_ends ends = { 0 };
    int fds[2], err = leat_sim_pipe(fds);
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    (void)arg;
    if (err)
        return 0;
    ends.fd = fds[0];
    if (leat_stream_open_fd(&ends.reader, fds[0]) != 0) {
        (void)leat_sim_close(fds[0]);
        (void)leat_sim_close(fds[1]);
        return 0;
    }
    if (leat_stream_open_fd(&ends.writer, fds[1]) != 0) {
        leat_close_stream(ends.reader);
        (void)leat_sim_close(fds[1]);
        return 0;
    }
    if (leat_spawn(&scope, reads_pipe, &ends) != 0)
        leat_close_stream(ends.reader), ends.gone = true;
    (void)writes_pipe(&ends);
    (void)leat_scope_join(&scope);
    leat_sim_expect(ends.got <= ends.sent && (ends.gone || ends.got == ends.sent));
    return 0;
}

/* ---- connections ---- */

/* Each side sends and receives what the other says, as long as there is a connection. */
static void talk(struct leat_stream *stream)
{
    unsigned char data[BYTES_MAX];
    size_t sent = 0, got = 0;
    ssize_t n = 1;

    for (uint32_t i = 0; i < ROUNDS && n != 0 && n != -EPIPE; i++) {
        size_t bytes = 1 + leat_sim_choose(BYTES_MAX);
        LEAT_LIMIT(patience());

        if (leat_sim_choose(2)) {
            fill(data, sent, bytes);
            n = leat_write(stream, data, bytes);
            leat_sim_expect(n != 0 && n <= (ssize_t)bytes);
            sent += n > 0 ? (size_t)n : 0;
        } else {
            n = leat_read(stream, data, bytes);
            leat_sim_expect(n <= (ssize_t)bytes && is_filled(data, got, n, false));
            got += n > 0 ? (size_t)n : 0;
        }
    }
    leat_close_stream(stream);
}

static int talks(void *arg)
{
    talk(*(struct leat_stream **)arg);
    return 0;
}

static int accepts(void *arg)
{
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    while (leat_cancelled() == 0) {
        struct leat_stream *stream;
        LEAT_LIMIT(patience());

        if (leat_accept(arg, &stream) == 0 &&
            leat_spawn_with(&scope, talks, &stream, sizeof stream) != 0)
            leat_close_stream(stream);
    }
    return leat_scope_join(&scope);
}

static int connects(void *arg)
{
    uint16_t port = leat_listener_port(arg);

    for (uint32_t i = 0; i < ROUNDS; i++) {
        struct leat_stream *stream;
        LEAT_LIMIT(patience());

        if (leat_tcp_connect(&stream, leat_sim_choose(2) ? "localhost" : "127.0.0.1", port) == 0)
            talk(stream);
    }
    return 0;
}

static int uses_connections(void *arg)
{
    struct leat_listener *listener;
    LEAT_SCOPE(server, .on_error = LEAT_COLLECT);

    (void)arg;
    if (leat_tcp_listen(&listener, "127.0.0.1", 0) != 0)
        return 0;
    if (leat_spawn(&server, accepts, listener) == 0) {
        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

        for (uint32_t i = leat_sim_choose(3); i > 0; i--)
            (void)leat_spawn(&scope, connects, listener);
        (void)connects(listener);
        (void)leat_scope_join(&scope);
    }
    leat_scope_cancel(&server);
    (void)leat_scope_join(&server);
    leat_close_listener(listener);
    return 0;
}

SCENARIO_OF(calls, .seeds = 200, .faults = true,
            .with = "io_error=200,io_short=200,io_late=300,reorder=1000,stall=0,"
                    "faults_end=360000000000000")
{
    static leat_task_fn *const uses[] = { uses_files, streams_files, uses_pipes,
                                          uses_connections };
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    for (uint32_t i = 0; i < 4; i++)
        (void)leat_spawn(&scope, uses[i], NULL);
    for (uint32_t i = leat_sim_choose(8); i > 0; i--) {
        (void)leat_spawn(&scope, uses_files, NULL);
        (void)leat_spawn(&scope, uses_pipes, NULL);
    }
    (void)leat_scope_join(&scope); /* not all could be started, perhaps */
}

/* Where calls that may sleep want a thread, and none can be had: they say so, but a file that is
 * closed is closed, or the world finds its descriptor at the end. */
SCENARIO_OF(files_without_threads, .seeds = 200, .faults = true,
            .with = "personality=1,no_thread=300,no_memory=0,faults_end=360000000000000")
{
    for (uint32_t i = 0; i < 3; i++) {
        struct leat_stream *stream;
        struct leat_file file;
        int err = leat_file_open(&file, "/tmp/one", O_RDWR | O_CREAT, 0644);

        if (!err) {
            (void)!leat_file_write(&file, "one", 3, 0);
            leat_sim_expect(leat_file_close(&file) != -EAGAIN);
        }
        err = leat_stream_open_file(&stream, "/tmp/one", O_WRONLY | O_CREAT, 0644);
        if (!err)
            leat_close_stream(stream);
    }
}
