/* SPDX-License-Identifier: MIT */
/* The same calls from plain threads, outside of any runtime. */
#include "harness/test.h"
#include "io/stream.h"
#include "platform/sanitize.h"

#include <leat/io.h>
#include <leat/net.h>
#include <leat/task.h>
#include <leat/time.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_pair(struct leat_stream *ret[2])
{
    int fds[2];

    assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    assert_ok(leat_stream_open_fd(&ret[0], fds[0]));
    assert_ok(leat_stream_open_fd(&ret[1], fds[1]));
}

struct call {
    struct leat_stream *stream;
    ssize_t             result;
};

static void *read_later(void *arg)
{
    struct call *call = arg;
    char data[16];

    call->result = leat_read(call->stream, data, sizeof data);
    return NULL;
}

LEAT_TEST(thread_io, a_read_waits_for_the_writer)
{
    struct leat_stream *pair[2];
    struct call call;
    pthread_t thread;

    open_pair(pair);
    call.stream = pair[0];
    assert_ok(pthread_create(&thread, NULL, read_later, &call));
    expect_ok(leat_sleep(5 * LEAT_MSEC));
    expect_err(leat_write(pair[1], "hello", 5), 5);
    pthread_join(thread, NULL);
    expect_err(call.result, 5);
    leat_close_stream(pair[0]);
    leat_close_stream(pair[1]);
}

LEAT_TEST(thread_io, a_read_ends_at_its_deadline)
{
    struct leat_stream *pair[2];
    leat_time begin = leat_now();

    open_pair(pair);
    {
        LEAT_LIMIT(10 * LEAT_MSEC);
        expect_err(leat_read(pair[0], (char[1]){ 0 }, 1), -ETIMEDOUT);
    }
    expect_ge(leat_now() - begin, 10 * LEAT_MSEC);
    leat_close_stream(pair[0]);
    leat_close_stream(pair[1]);
}

LEAT_TEST(thread_io, a_shutdown_or_a_close_ends_a_pending_read)
{
    for (int round = 0; round < 4; round++) {
        struct leat_stream *pair[2];
        struct call call;
        pthread_t thread;
        int fds[2];

        if (round & 1) {
            assert_ok(pipe2(fds, O_CLOEXEC));
            assert_ok(leat_stream_open_fd(&pair[0], fds[0]));
            assert_ok(leat_stream_open_fd(&pair[1], fds[1]));
        } else {
            open_pair(pair);
        }
        call.stream = pair[0];
        assert_ok(pthread_create(&thread, NULL, read_later, &call));
        while (load_acquire(&pair[0]->gate.word) < LEAT__GATE_COUNT)
            leat_yield();
        expect_ok(leat_sleep(5 * LEAT_MSEC));
        if (round & 2)
            leat_close_stream(pair[0]);
        else
            leat_shutdown(pair[0]);
        pthread_join(thread, NULL);
        expect(call.result == 0 || call.result == -ECANCELED);
        if (!(round & 2))
            leat_close_stream(pair[0]);
        leat_close_stream(pair[1]);
    }
}

/* A thread that reads inside of a scope, and how often it slept for that. */
struct reader {
    struct leat_stream *stream;
    struct leat_scope  *scope;
    LEAT_ATOMIC(bool)   reads;
    ssize_t             result;
    long                sleeps;
};

static long sleeps_so_far(void)
{
    struct rusage usage;

    expect_ok(getrusage(RUSAGE_THREAD, &usage));
    return usage.ru_nvcsw;
}

static void *read_in_a_scope(void *arg)
{
    struct reader *reader = arg;
    LEAT_SCOPE(scope);

    reader->scope = &scope;
    reader->sleeps = sleeps_so_far();
    store_release(&reader->reads, true); /* pairs with the load in end_read */
    reader->result = leat_read(reader->stream, (char[1]){ 0 }, 1);
    reader->sleeps = sleeps_so_far() - reader->sleeps;
    expect_ok(leat_scope_join(&scope));
    return NULL;
}

/* It sleeps once, not to look now and then whether it was ended. */
static void end_read(bool by_cancel)
{
    struct reader reader = { .result = 1 };
    struct leat_stream *pair[2];
    pthread_t thread;

    open_pair(pair);
    reader.stream = pair[0];
    assert_ok(pthread_create(&thread, NULL, read_in_a_scope, &reader));
    while (!load_acquire(&reader.reads)) /* pairs with the store */
        leat_yield();
    expect_ok(leat_sleep(400 * LEAT_MSEC));
    if (by_cancel)
        leat_scope_cancel(reader.scope);
    else
        leat_shutdown(pair[0]);
    pthread_join(thread, NULL);
    if (by_cancel)
        expect_err(reader.result, -ECANCELED);
    else
        expect(reader.result == 0 || reader.result == -ECANCELED);
    if (!TEST_EMULATED) /* whose own sleeps are counted, too */
        expect_le(reader.sleeps, 6);
    leat_close_stream(pair[0]);
    leat_close_stream(pair[1]);
}

LEAT_TEST(thread_io, a_waiting_read_is_woken_by_a_cancel_and_by_a_shutdown)
{
    end_read(true);
    end_read(false);
}

static void read_without_descriptors(void)
{
    struct rlimit limit = { 0 };
    struct leat_stream *pair[2];
    struct call call;
    pthread_t thread;

    open_pair(pair);
    limit.rlim_cur = limit.rlim_max = (rlim_t)leat_stream_fd(pair[1]) + 1;
    assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
    call.stream = pair[0];
    assert_ok(pthread_create(&thread, NULL, read_later, &call));
    expect_ok(leat_sleep(5 * LEAT_MSEC));
    leat_shutdown(pair[0]);
    pthread_join(thread, NULL);
    expect(call.result == 0 || call.result == -ECANCELED);
    leat_close_stream(pair[0]);
    leat_close_stream(pair[1]);
}

LEAT_TEST(thread_io, a_pending_read_ends_though_no_descriptor_is_left)
{
    if (LEAT__TSAN)
        test_skip("ThreadSanitizer allows no threads after a fork");
    expect_child_ok(read_without_descriptors);
}

struct peer {
    struct leat_listener *listener;
    int                   result;
};

static void *accept_and_answer(void *arg)
{
    struct peer *peer = arg;
    struct leat_stream *conn;
    char data[4];

    peer->result = leat_accept(peer->listener, &conn);
    if (peer->result)
        return NULL;
    if (leat_read_full(conn, data, 4) != 4 || leat_write_all(conn, data, 4) != 4)
        peer->result = -EIO;
    leat_close_stream(conn);
    return NULL;
}

LEAT_TEST(thread_io, threads_connect_and_accept)
{
    struct peer peer = { 0 };
    struct leat_stream *conn;
    pthread_t thread;
    char data[4] = "";

    assert_ok(leat_tcp_listen(&peer.listener, "127.0.0.1", 0));
    assert_ok(pthread_create(&thread, NULL, accept_and_answer, &peer));
    assert_ok(leat_tcp_connect(&conn, "127.0.0.1", leat_listener_port(peer.listener)));
    expect_err(leat_write_all(conn, "ping", 4), 4);
    expect_err(leat_read_full(conn, data, 4), 4);
    expect_mem_eq(data, "ping", 4);
    expect_err(leat_read(conn, data, 4), 0);
    pthread_join(thread, NULL);
    expect_ok(peer.result);
    leat_close_stream(conn);
    leat_close_listener(peer.listener);
}

LEAT_TEST(thread_io, a_full_pipe_takes_all_in_the_end)
{
    static char data[300000], got[300000];
    struct leat_stream *ends[2];
    struct call call = { 0 };
    int fds[2];

    assert_ok(pipe2(fds, O_CLOEXEC));
    assert_ok(leat_stream_open_fd(&ends[0], fds[0]));
    assert_ok(leat_stream_open_fd(&ends[1], fds[1]));
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 31);
    /* One thread plays both sides: the writer stops at its deadline when the pipe is full. */
    for (size_t sent = 0, read = 0; read < sizeof data;) {
        LEAT_LIMIT(20 * LEAT_MSEC);
        if (sent < sizeof data) {
            call.result = leat_write(ends[1], data + sent, sizeof data - sent);
            expect(call.result > 0 || call.result == -ETIMEDOUT);
            sent += call.result > 0 ? (size_t)call.result : 0;
        }
        call.result = leat_read(ends[0], got + read, sizeof got - read);
        expect(call.result > 0 || call.result == -ETIMEDOUT);
        read += call.result > 0 ? (size_t)call.result : 0;
    }
    expect_mem_eq(got, data, sizeof data);
    leat_close_stream(ends[0]);
    leat_close_stream(ends[1]);
}
