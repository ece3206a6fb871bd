/* SPDX-License-Identifier: MIT */
/* Streams over sockets, pipes, files and terminals, from tasks. */
#include "harness/test.h"
#include "io/stream.h"

#include <leat/file.h>
#include <leat/io.h>
#include <leat/runtime.h>
#include <leat/task.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { A, B };

static void open_pair(struct leat_stream *ret[2])
{
    int fds[2];

    assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    assert_ok(leat_stream_open_fd(&ret[A], fds[0]));
    assert_ok(leat_stream_open_fd(&ret[B], fds[1]));
}

/* ret[A] is the end to read from. */
static void open_pipe(struct leat_stream *ret[2])
{
    int fds[2];

    assert_ok(pipe2(fds, O_CLOEXEC));
    assert_ok(leat_stream_open_fd(&ret[A], fds[0]));
    assert_ok(leat_stream_open_fd(&ret[B], fds[1]));
}

static void close_pair(struct leat_stream *pair[2])
{
    leat_close_stream(pair[A]);
    leat_close_stream(pair[B]);
}

/* What the byte at a place of every test's data is. */
static unsigned char byte_at(size_t place)
{
    return (unsigned char)(place * 131 + (place >> 8) * 7);
}

struct transfer {
    struct leat_stream *stream;
    size_t              bytes;
    size_t              piece;
    ssize_t             result;
    size_t              wrong;
    bool                close;
};

static int write_task(void *arg)
{
    struct transfer *t = arg;
    unsigned char *data = malloc(t->bytes + 1);

    for (size_t i = 0; i < t->bytes; i++)
        data[i] = byte_at(i);
    t->result = leat_write_all(t->stream, data, t->bytes);
    free(data);
    if (t->close)
        leat_close_stream(t->stream);
    return t->result < 0 ? (int)t->result : 0;
}

static int read_task(void *arg)
{
    struct transfer *t = arg;
    unsigned char *piece = malloc(t->piece);
    ssize_t got = 1;

    t->result = 0;
    while (got > 0 && (size_t)t->result < t->bytes) {
        got = leat_read(t->stream, piece, t->piece);
        for (ssize_t i = 0; i < got; i++)
            t->wrong += piece[i] != byte_at((size_t)(t->result + i));
        t->result += got > 0 ? got : 0;
    }
    free(piece);
    return got < 0 ? (int)got : 0;
}

static void check_transfer(struct leat_stream *from, struct leat_stream *to, size_t bytes,
                           size_t piece)
{
    struct transfer out = { .stream = from, .bytes = bytes };
    struct transfer in = { .stream = to, .bytes = bytes, .piece = piece };
    LEAT_SCOPE(scope);

    leat_spawn(&scope, write_task, &out);
    leat_spawn(&scope, read_task, &in);
    expect_ok(leat_scope_join(&scope));
    expect_eq(out.result, (ssize_t)bytes);
    expect_eq(in.result, (ssize_t)bytes);
    expect_eq(in.wrong, (size_t)0);
}

LEAT_TEST_TASK(stream, bytes_written_to_a_socket_are_read_at_its_other_end)
{
    struct leat_stream *pair[2];

    open_pair(pair);
    check_transfer(pair[A], pair[B], 1, 10);
    check_transfer(pair[B], pair[A], 4096, 100);
    check_transfer(pair[A], pair[B], 4 << 20, 1 << 16);
    check_transfer(pair[A], pair[B], 100000, 7);
    close_pair(pair);
}

LEAT_TEST_TASK(stream, bytes_written_to_a_pipe_are_read_at_its_other_end)
{
    struct leat_stream *pipe[2];

    open_pipe(pipe);
    check_transfer(pipe[B], pipe[A], 1, 10);
    check_transfer(pipe[B], pipe[A], 3 << 20, 1 << 16);
    check_transfer(pipe[B], pipe[A], 300000, 333);
    close_pair(pipe);
}

LEAT_TEST_TASK(stream, a_pipe_that_somebody_made_non_blocking_works_too)
{
    struct leat_stream *pipe[2];

    open_pipe(pipe);
    assert_ok(fcntl(leat_stream_fd(pipe[A]), F_SETFL, O_NONBLOCK));
    assert_ok(fcntl(leat_stream_fd(pipe[B]), F_SETFL, O_NONBLOCK));
    check_transfer(pipe[B], pipe[A], 1 << 20, 5000);
    close_pair(pipe);
}

LEAT_TEST_TASK(stream, the_flags_of_a_pipe_are_left_as_they_were)
{
    struct leat_stream *pipe[2];

    open_pipe(pipe);
    check_transfer(pipe[B], pipe[A], 1 << 18, 5000);
    expect_eq(fcntl(leat_stream_fd(pipe[A]), F_GETFL) & O_NONBLOCK, 0);
    expect_eq(fcntl(leat_stream_fd(pipe[B]), F_GETFL) & O_NONBLOCK, 0);
    close_pair(pipe);
}

LEAT_TEST_TASK(stream, a_file_stream_reads_what_was_written_and_then_ends)
{
    struct leat_stream *stream;
    char path[512], data[200];

    snprintf(path, sizeof path, "%s/file", test_tempdir());
    assert_ok(leat_stream_open_file(&stream, path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    expect_err(leat_write_all(stream, "one ", 4), 4);
    expect_err(leat_write_all(stream, "two", 3), 3);
    leat_close_stream(stream);
    assert_ok(leat_stream_open_file(&stream, path, O_RDONLY, 0));
    expect_err(leat_read(stream, data, 3), 3);
    expect_err(leat_read_full(stream, data + 3, sizeof data - 3), 4);
    expect_mem_eq(data, "one two", 7);
    expect_err(leat_read(stream, data, sizeof data), 0);
    leat_close_stream(stream);
    expect_err(leat_stream_open_file(&stream, path, O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
}

LEAT_TEST_TASK(stream, a_terminal_is_read_and_written)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave;
    struct leat_stream *ends[2];
    char line[16] = "";

    if (master < 0)
        test_skip("no pseudo-terminals here");
    assert_ok(grantpt(master));
    assert_ok(unlockpt(master));
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_ge(slave, 0);
    assert_ok(leat_stream_open_fd(&ends[A], master));
    assert_ok(leat_stream_open_fd(&ends[B], slave));
    expect_err(leat_write_all(ends[A], "typed\n", 6), 6);
    expect_err(leat_read(ends[B], line, sizeof line), 6);
    expect_mem_eq(line, "typed\n", 6);
    close_pair(ends);
}

LEAT_TEST_TASK(stream, a_read_returns_zero_when_the_peer_has_closed)
{
    struct leat_stream *pair[2];
    char data[8];

    open_pair(pair);
    expect_err(leat_write(pair[A], "bye", 3), 3);
    leat_close_stream(pair[A]);
    expect_err(leat_read_full(pair[B], data, sizeof data), 3);
    expect_err(leat_read(pair[B], data, sizeof data), 0);
    leat_close_stream(pair[B]);
}

LEAT_TEST_TASK(stream, a_write_to_a_closed_peer_is_an_error_and_no_signal)
{
    struct leat_stream *pair[2];

    open_pair(pair);
    leat_close_stream(pair[A]);
    expect_err(leat_write_all(pair[B], "x", 1), -EPIPE);
    leat_close_stream(pair[B]);
    open_pipe(pair);
    leat_close_stream(pair[A]);
    expect_err(leat_write_all(pair[B], "x", 1), -EPIPE);
    leat_close_stream(pair[B]);
}

LEAT_TEST_TASK(stream, shutdown_write_is_the_peers_end)
{
    struct leat_stream *pair[2];
    char data[4];

    open_pair(pair);
    expect_ok(leat_shutdown_write(pair[A]));
    expect_err(leat_read(pair[B], data, sizeof data), 0);
    expect_err(leat_write(pair[B], "back", 4), 4);
    expect_err(leat_read(pair[A], data, sizeof data), 4);
    close_pair(pair);
    open_pipe(pair);
    expect_err(leat_shutdown_write(pair[B]), -ENOTSOCK);
    close_pair(pair);
}

LEAT_TEST(stream, only_open_descriptors_become_streams)
{
    struct leat_stream *stream = NULL;

    expect_err(leat_stream_open_fd(&stream, -1), -EBADF);
    expect_null(stream);
}

/* ---- cancel, shutdown, close ---- */

struct pending {
    struct leat_stream *stream;
    _Atomic bool        ended;
    ssize_t             result;
};

static int pending_read(void *arg)
{
    struct pending *p = arg;
    char data[16];

    p->result = leat_read(p->stream, data, sizeof data);
    atomic_store(&p->ended, true);
    return 0;
}

static int pending_write(void *arg)
{
    struct pending *p = arg;
    char *data = calloc(1, 8 << 20);

    p->result = leat_write_all(p->stream, data, 8 << 20);
    free(data);
    atomic_store(&p->ended, true);
    return 0;
}

/* Whether a call is in the stream: a close before it would be the test's own bug. */
static bool is_used(struct leat_stream *stream)
{
    return load_acquire(&stream->gate.word) >= LEAT__GATE_COUNT;
}

static void begin_pending(struct leat_scope *scope, leat_task_fn *fn, struct pending *pending)
{
    leat_spawn(scope, fn, pending);
    while (!is_used(pending->stream))
        leat_yield();
    expect_ok(leat_sleep(2 * LEAT_MSEC));
}

LEAT_TEST_TASK(stream, a_deadline_ends_a_read_and_consumes_nothing)
{
    struct leat_stream *pair[2];
    char data[8];

    open_pair(pair);
    for (int i = 0; i < 20; i++) {
        LEAT_LIMIT(LEAT_MSEC / 4);
        expect_err(leat_read(pair[A], data, sizeof data), -ETIMEDOUT);
    }
    expect_err(leat_write(pair[B], "later", 5), 5);
    expect_err(leat_read(pair[A], data, sizeof data), 5);
    close_pair(pair);
}

LEAT_TEST_TASK(stream, a_shutdown_ends_pending_reads_and_writes)
{
    for (int round = 0; round < 4; round++) {
        bool pipes = round & 1, writing = round & 2;
        struct leat_stream *pair[2];
        struct pending pending = { 0 };
        LEAT_SCOPE(scope);

        if (pipes)
            open_pipe(pair);
        else
            open_pair(pair);
        pending.stream = pair[writing ? B : A];
        begin_pending(&scope, writing ? pending_write : pending_read, &pending);
        expect(!atomic_load(&pending.ended));
        leat_shutdown(pending.stream);
        leat_shutdown(pending.stream);
        expect_ok(leat_scope_join(&scope));
        expect(pending.result == -ECANCELED || pending.result == (writing ? -EPIPE : 0));
        expect_err(leat_read(pending.stream, (char[1]){ 0 }, 1), -ECANCELED);
        close_pair(pair);
    }
}

LEAT_TEST_TASK(stream, close_waits_for_a_pending_call_of_another_task)
{
    for (int i = 0; i < 20; i++) {
        struct leat_stream *pair[2];
        struct pending pending = { 0 };
        LEAT_SCOPE(scope);

        if (i & 1)
            open_pipe(pair);
        else
            open_pair(pair);
        pending.stream = pair[A];
        begin_pending(&scope, pending_read, &pending);
        leat_close_stream(pair[A]);
        /* the call is out of the stream, though perhaps not yet back in its task */
        expect_ok(leat_scope_join(&scope));
        expect_err(pending.result, -ECANCELED);
        leat_close_stream(pair[B]);
    }
}

LEAT_TEST_TASK(stream, a_descriptor_that_is_reused_gets_its_own_bytes)
{
    for (int i = 0; i < 200; i++) {
        struct leat_stream *pair[2];
        char data[2] = "";

        open_pair(pair);
        {
            LEAT_LIMIT(i % 3 == 0 ? LEAT_USEC : LEAT_NSEC);
            (void)!leat_read(pair[A], data, 1);
        }
        data[0] = (char)('a' + i % 26);
        expect_err(leat_write(pair[B], data, 1), 1);
        data[0] = 0;
        {
            LEAT_LIMIT(5 * LEAT_SEC);
            expect_err(leat_read(pair[A], data, 1), 1);
        }
        expect_eq(data[0], (char)('a' + i % 26));
        close_pair(pair);
    }
}

LEAT_TEST_TASK(stream, a_reader_and_a_writer_wait_on_one_socket)
{
    struct leat_stream *pair[2];
    struct pending reader = { 0 }, writer = { 0 };
    char *data = malloc(8 << 20);
    LEAT_SCOPE(scope);

    open_pair(pair);
    reader.stream = writer.stream = pair[A];
    leat_spawn(&scope, pending_read, &reader);
    leat_spawn(&scope, pending_write, &writer);
    expect_ok(leat_sleep(2 * LEAT_MSEC));
    expect_err(leat_read_full(pair[B], data, 8 << 20), 8 << 20);
    expect_err(leat_write(pair[B], "now", 3), 3);
    expect_ok(leat_scope_join(&scope));
    expect_err(reader.result, 3);
    expect_err(writer.result, 8 << 20);
    free(data);
    close_pair(pair);
}

/* A reader whose calls keep running out of time sees every byte, in order. */
struct impatient {
    struct leat_stream *stream;
    size_t              bytes, wrong;
    unsigned            timeouts;
    struct leat_stream *other; /* the writer's side */
};

static int read_impatiently(void *arg)
{
    struct impatient *reader = arg;
    unsigned char data[64];
    ssize_t n = 1;

    for (unsigned i = 0; n != 0; i++) {
        LEAT_LIMIT((leat_time)(i * 7919 % 90) * LEAT_USEC);
        n = leat_read(reader->stream, data, 1 + i % sizeof data);
        if (n == -ETIMEDOUT) {
            __atomic_add_fetch(&reader->timeouts, 1, __ATOMIC_RELAXED);
            continue;
        }
        if (n < 0)
            return (int)n;
        for (ssize_t j = 0; j < n; j++)
            reader->wrong += data[j] != byte_at(reader->bytes + (size_t)j);
        reader->bytes += (size_t)n;
    }
    return 0;
}

static int write_now_and_then(void *arg)
{
    struct impatient *reader = arg;
    struct leat_stream *stream = reader->other;
    size_t sent = 0;

    while (sent < 20000) {
        unsigned char data[50];
        ssize_t n;

        for (size_t i = 0; i < sizeof data; i++)
            data[i] = byte_at(sent + i);
        n = leat_write_all(stream, data, sizeof data);
        if (n < 0)
            return (int)n;
        sent += (size_t)n;
        if (sent % 3 == 0)
            leat_sleep((leat_time)(sent % 61) * LEAT_USEC);
        else if (sent % 3 == 1)
            leat_yield();
    }
    /* a reader that came late found all of it there, and waits only now */
    while (__atomic_load_n(&reader->timeouts, __ATOMIC_RELAXED) == 0)
        leat_sleep(LEAT_MSEC);
    leat_close_stream(stream);
    return 0;
}

LEAT_TEST_TASK(stream, reads_that_run_out_of_time_lose_no_byte)
{
    for (int pipes = 0; pipes < 2; pipes++) {
        struct leat_stream *pair[2];
        struct impatient reader = { 0 };
        LEAT_SCOPE(scope);

        if (pipes)
            open_pipe(pair);
        else
            open_pair(pair);
        reader.stream = pair[A];
        reader.other = pair[B];
        leat_spawn(&scope, read_impatiently, &reader);
        leat_spawn(&scope, write_now_and_then, &reader);
        expect_ok(leat_scope_join(&scope));
        expect_eq(reader.bytes, (size_t)20000);
        expect_eq(reader.wrong, (size_t)0);
        expect_gt(reader.timeouts, 0u);
        leat_close_stream(pair[A]);
    }
}

/* ---- many at once ---- */

#define MANY 1000

static int read_one(void *arg)
{
    struct leat_stream *stream = arg;
    char data;
    ssize_t n = leat_read(stream, &data, 1);

    return n == 1 && data == '!' ? 0 : n < 0 ? (int)n : -EIO;
}

LEAT_TEST_TASK(stream, a_thousand_reads_are_pending_at_once)
{
    static struct leat_stream *pairs[MANY][2];
    struct rlimit limit;
    LEAT_SCOPE(scope);

    assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_cur < 2 * MANY + 100) {
        limit.rlim_cur = limit.rlim_max;
        if (limit.rlim_max < 2 * MANY + 100 || setrlimit(RLIMIT_NOFILE, &limit) < 0)
            test_skip("too few descriptors allowed");
    }
    for (int i = 0; i < MANY; i++) {
        open_pair(pairs[i]);
        leat_spawn(&scope, read_one, pairs[i][A]);
    }
    leat_sleep(5 * LEAT_MSEC);
    for (int i = MANY - 1; i >= 0; i--)
        expect_err(leat_write(pairs[i][B], "!", 1), 1);
    expect_ok(leat_scope_join(&scope));
    for (int i = 0; i < MANY; i++)
        close_pair(pairs[i]);
}

LEAT_TEST_TASK(stream, a_thousand_pending_reads_are_cancelled_at_once)
{
    static struct leat_stream *pairs[100][2];

    for (int i = 0; i < 100; i++)
        open_pair(pairs[i]);
    for (int round = 0; round < 10; round++) {
        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
        for (int i = 0; i < 100; i++)
            leat_spawn(&scope, read_one, pairs[i][round & 1]);
        leat_sleep(LEAT_MSEC);
        leat_scope_cancel(&scope);
        expect_err(leat_scope_join(&scope), -ECANCELED);
    }
    for (int i = 0; i < 100; i++)
        close_pair(pairs[i]);
}

/* ---- a caller's bug ---- */

static int two_readers(void *arg)
{
    struct leat_stream *pair[2];
    struct pending pending = { 0 };
    LEAT_SCOPE(scope);

    (void)arg;
    open_pair(pair);
    pending.stream = pair[A];
    begin_pending(&scope, pending_read, &pending);
    return (int)leat_read(pair[A], (char[1]){ 0 }, 1);
}

static void run_two_readers(void)
{
    exit(leat_run(two_readers, NULL, LEAT_OPTIONS(.workers = 1)));
}

LEAT_TEST(stream, a_second_reader_is_told_so)
{
    expect_dies(run_two_readers, SIGABRT, "let only one task at a time read from a stream");
}

LEAT_TEST_TASK(stream, none_is_made_of_a_directory_or_of_a_socket_that_listens)
{
    struct leat_stream *stream = NULL;
    int dir = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_ge(dir, 0);
    assert_ge(fd, 0);
    expect_err(leat_stream_open_fd(&stream, dir), -EISDIR);
    expect_ok(bind(fd, &(const struct sockaddr){ .sa_family = AF_UNIX }, sizeof(sa_family_t)));
    expect_ok(listen(fd, 1));
    expect_err(leat_stream_open_fd(&stream, fd), -EINVAL);
    expect_null(stream);
    close(dir);
    close(fd);
}
