/* SPDX-License-Identifier: MIT */
/* Each operation fails, is short, comes late, or is cancelled before or after it was done: the n-th
 * one, for every n (RELIABILITY R6). What must hold: an error or the right bytes, nothing lost,
 * nothing left open (the harness counts descriptors), no hang (it has a watchdog). */
#include "harness/test.h"
#include "reactor/fault.h"

#include <leat/file.h>
#include <leat/io.h>
#include <leat/net.h>
#include <leat/task.h>

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define N_MAX 20

static struct {
    struct leat__fault  fault;
    int                 nth;  /* the operation to harm, from 0; -1: every one */
    int                 only; /* of this code alone; -1: of any */
    _Atomic int         seen;
} plan;

static void harm(const struct leat__op *op, struct leat__fault *ret)
{
    int number;

    if (plan.only >= 0 && (int)op->code != plan.only)
        return;
    number = atomic_fetch_add(&plan.seen, 1);
    if (plan.nth < 0 || number == plan.nth)
        *ret = plan.fault;
}

static void begin_harm(struct leat__fault fault, int nth, int only)
{
    plan.fault = fault;
    plan.nth = nth;
    plan.only = only;
    atomic_store(&plan.seen, 0);
    leat__fault_set(harm);
}

/* Returns how many operations there were. */
static int end_harm(void)
{
    leat__fault_set(NULL);
    return atomic_load(&plan.seen);
}

/* ---- the scenario: a server, a client, and a file ---- */

static const char text[] = "a line of some length, so that it can be cut in many places\n";
#define TEXT_BYTES (sizeof text - 1)

static int serve(void *arg)
{
    struct leat_listener *listener = arg;
    struct leat_stream *conn;
    char data[32];
    ssize_t n = leat_accept(listener, &conn);

    if (n)
        return (int)n;
    while ((n = leat_read(conn, data, sizeof data)) > 0)
        if ((n = leat_write_all(conn, data, (size_t)n)) < 0)
            break;
    leat_close_stream(conn);
    return (int)n;
}

static int talk(uint16_t port, char *ret)
{
    struct leat_stream *conn;
    ssize_t n = leat_tcp_connect(&conn, "127.0.0.1", port);

    if (n)
        return (int)n;
    n = leat_write_all(conn, text, TEXT_BYTES);
    if (n >= 0)
        n = leat_shutdown_write(conn);
    if (n == 0)
        n = leat_read_full(conn, ret, TEXT_BYTES);
    leat_close_stream(conn);
    return n < 0 ? (int)n : n == TEXT_BYTES ? 0 : -EPIPE; /* the other side has closed */
}

static int write_whole(struct leat_file *file, const char *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = leat_file_write(file, data + done, bytes - done, done);

        if (n < 0)
            return (int)n;
        done += (size_t)n;
    }
    return leat_file_sync(file);
}

static int read_whole(struct leat_file *file, char *data, size_t bytes)
{
    for (size_t done = 0; done < bytes;) {
        ssize_t n = leat_file_read(file, data + done, bytes - done, done);

        if (n <= 0)
            return n < 0 ? (int)n : -EIO;
        done += (size_t)n;
    }
    return 0;
}

static int keep(const char *path, char *data)
{
    struct leat_file file;
    struct stat status;
    int err, closed;

    err = leat_file_open(&file, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (err)
        return err;
    err = write_whole(&file, data, TEXT_BYTES);
    if (!err)
        err = leat_file_stat(&file, &status);
    if (!err && status.st_size != (off_t)TEXT_BYTES)
        err = -EIO;
    memset(data, 0, TEXT_BYTES);
    if (!err)
        err = read_whole(&file, data, TEXT_BYTES);
    closed = leat_file_close(&file);
    return err ? err : closed;
}

/* Returns 0 when the text came through all of it unharmed, an error otherwise. */
static int scenario(const char *path)
{
    struct leat_listener *listener;
    char data[TEXT_BYTES] = "";
    int err = leat_tcp_listen(&listener, "127.0.0.1", 0);
    int joined;
    LEAT_SCOPE(scope, .deadline = leat_after(20 * LEAT_SEC));

    if (err)
        return err;
    leat_spawn(&scope, serve, listener);
    err = talk(leat_listener_port(listener), data);
    if (err)
        leat_scope_cancel(&scope);
    joined = leat_scope_join(&scope);
    leat_close_listener(listener);
    if (err == 0 && joined == 0)
        err = keep(path, data);
    if (err == 0 && joined == 0 && memcmp(data, text, TEXT_BYTES) != 0)
        test_fail("the text was changed on its way");
    return err ? err : joined;
}

static const char *file_path(void)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/kept", test_tempdir());
    return path;
}

/* ---- every n ---- */

LEAT_TEST_TASK(fault_io, any_operation_may_fail)
{
    static const int errors[] = { -EIO, -ENOMEM, -ENOBUFS, -ECONNRESET, -EPERM };
    const char *path = file_path();

    for (size_t e = 0; e < sizeof errors / sizeof errors[0]; e++) {
        int ops, failed = 0;

        begin_harm((struct leat__fault){ 0 }, -1, -1); /* how many there are, unharmed */
        expect_ok(scenario(path));
        ops = end_harm();
        for (int n = 0; n < ops && n < N_MAX; n++) {
            int err;

            begin_harm((struct leat__fault){ .result = errors[e] }, n, -1);
            err = scenario(path);
            (void)end_harm();
            failed += err != 0;
            if (err != 0 && err != errors[e] && err != -ECANCELED && err != -EPIPE &&
                err != -ECONNRESET && err != -ENOTCONN && err != -EIO)
                test_fail("operation %d failed with %d, and the scenario with %d", n, errors[e],
                          err);
        }
        expect_gt(failed, 5);
    }
    expect_ok(scenario(path));
}

LEAT_TEST_TASK(fault_io, every_operation_may_be_short)
{
    const char *path = file_path();

    for (size_t bytes = 1; bytes < 20; bytes += 3) {
        begin_harm((struct leat__fault){ .bytes_max = bytes }, -1, -1);
        expect_ok(scenario(path));
        expect_gt(end_harm(), 8);
    }
}

LEAT_TEST_TASK(fault_io, any_completion_may_be_late)
{
    const char *path = file_path();
    int ops = N_MAX;

    for (int n = -1; n < ops && n < N_MAX; n++) {
        begin_harm((struct leat__fault){ .late = 3 }, n, -1);
        expect_ok(scenario(path));
        ops = end_harm();
    }
}

LEAT_TEST_TASK(fault_io, a_crowded_ring_takes_them_all_in_the_end)
{
    begin_harm((struct leat__fault){ .crowded = true }, -1, -1);
    expect_ok(scenario(file_path()));
    expect_gt(end_harm(), 8);
}

LEAT_TEST_TASK(fault_io, a_result_of_not_yet_is_waited_for)
{
    for (int code = LEAT__OP_READ; code <= LEAT__OP_POLL; code++) {
        if (code != LEAT__OP_RECV && code != LEAT__OP_SEND && code != LEAT__OP_ACCEPT)
            continue;
        begin_harm((struct leat__fault){ .not_yet = true }, -1, code);
        expect_ok(scenario(file_path()));
        expect_gt(end_harm(), 0);
    }
}

LEAT_TEST_TASK(fault_io, nothing_needs_to_be_done_directly)
{
    begin_harm((struct leat__fault){ .ring = true }, -1, -1);
    expect_ok(scenario(file_path()));
    expect_gt(end_harm(), 5);
}

/* ---- cancels ---- */

struct call {
    struct leat_stream *stream;
    char                data[8];
    ssize_t             result;
};

static int read_in_time(void *arg)
{
    struct call *call = arg;

    LEAT_LIMIT(5 * LEAT_MSEC);
    call->result = leat_read(call->stream, call->data, sizeof call->data);
    return 0;
}

static void open_pair(struct leat_stream *ret[2])
{
    int fds[2];

    assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
    assert_ok(leat_stream_open_fd(&ret[0], fds[0]));
    assert_ok(leat_stream_open_fd(&ret[1], fds[1]));
}

/* The bytes are there, but the cancel is first: they stay for the next read. */
LEAT_TEST_TASK(fault_io, a_cancel_that_wins_leaves_the_bytes)
{
    for (int i = 0; i < 10; i++) {
        struct leat_stream *pair[2];
        struct call call = { 0 };

        open_pair(pair);
        call.stream = pair[0];
        expect_err(leat_write(pair[1], "bytes", 5), 5);
        begin_harm((struct leat__fault){ .cancel = LEAT__FAULT_CANCEL_WINS }, 0, LEAT__OP_RECV);
        expect_ok(read_in_time(&call));
        expect_eq(end_harm(), 1);
        expect_err(call.result, -ETIMEDOUT);
        expect_err(leat_read(pair[0], call.data, sizeof call.data), 5);
        expect_mem_eq(call.data, "bytes", 5);
        leat_close_stream(pair[0]);
        leat_close_stream(pair[1]);
    }
}

/* The deadline passes, the cancel comes too late: the bytes are returned. */
LEAT_TEST_TASK(fault_io, a_cancel_that_loses_returns_the_bytes)
{
    for (int i = 0; i < 10; i++) {
        struct leat_stream *pair[2];
        struct call call = { 0 };
        LEAT_SCOPE(scope);

        open_pair(pair);
        call.stream = pair[0];
        begin_harm((struct leat__fault){ .cancel = LEAT__FAULT_CANCEL_LOSES,
                                         .late = (uint8_t)(i % 3) },
                   0, LEAT__OP_RECV);
        leat_spawn(&scope, read_in_time, &call);
        expect_ok(leat_sleep(15 * LEAT_MSEC));
        expect_err(leat_write(pair[1], "bytes", 5), 5);
        expect_ok(leat_scope_join(&scope));
        expect_eq(end_harm(), 1);
        expect_err(call.result, 5);
        expect_mem_eq(call.data, "bytes", 5);
        leat_close_stream(pair[0]);
        leat_close_stream(pair[1]);
    }
}

static int read_patiently(void *arg)
{
    struct call *call = arg;

    call->result = leat_read(call->stream, call->data, sizeof call->data);
    return 0;
}

/* In the ring, waiting for room in it, or on its way: a cancel finds each. */
LEAT_TEST_TASK(fault_io, a_crowded_ring_cancels_them_all)
{
    for (int i = 0; i < 20; i++) {
        struct leat_stream *pair[2];
        struct call call = { 0 };
        LEAT_SCOPE(scope);

        open_pair(pair);
        call.stream = pair[0];
        begin_harm((struct leat__fault){ .crowded = true }, -1, LEAT__OP_RECV);
        leat_spawn(&scope, read_patiently, &call);
        if (i & 1)
            leat_sleep(LEAT_MSEC);
        else
            leat_yield();
        leat_scope_cancel(&scope);
        expect_ok(leat_scope_join(&scope));
        (void)end_harm();
        expect_err(call.result, -ECANCELED);
        leat_close_stream(pair[0]);
        leat_close_stream(pair[1]);
    }
}

static int run_scenario(void *arg)
{
    int err = scenario(arg);

    /* Who is cancelled first closes, and the other side may hear of that before its own cancel. */
    switch (err) {
    case 0:
    case -ECANCELED:
    case -ECONNRESET:
    case -ENOTCONN:
    case -EPIPE:
        return 0;
    default:
        test_fail("the scenario ended with %d", err);
        return err;
    }
}

/* The n-th operation is never begun; the rest of the program is told to end. */
LEAT_TEST_TASK(fault_io, any_operation_may_be_cancelled_before_it_begins)
{
    const char *path = file_path();
    int cancelled = 0;

    for (int n = 0; n < N_MAX; n++) {
        LEAT_SCOPE(scope);
        begin_harm((struct leat__fault){ .cancel = LEAT__FAULT_CANCEL_WINS }, n, -1);
        leat_spawn(&scope, run_scenario, (void *)(uintptr_t)path);
        expect_ok(leat_sleep(10 * LEAT_MSEC));
        leat_scope_cancel(&scope);
        cancelled += leat_scope_join(&scope) == 0;
        (void)end_harm();
    }
    expect_eq(cancelled, N_MAX);
}
