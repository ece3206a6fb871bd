/* SPDX-License-Identifier: MIT */
/* Pipes: bytes, ends, cancels, polls. */
#include "conform/script.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* A call on a descriptor that a child makes, and what it returned. */
struct call {
    int     fd;
    size_t  bytes;
    char    data[8192];
    ssize_t result;
};

static int call_read(void *arg)
{
    struct call *call = arg;

    call->result = do_read(call->fd, call->data, call->bytes);
    return 0;
}

static int call_write(void *arg)
{
    struct call *call = arg;

    call->result = do_write(call->fd, call->data, call->bytes);
    return 0;
}

static int call_poll(void *arg)
{
    struct call *call = arg;

    call->result = do_poll(call->fd, (int)call->bytes);
    return 0;
}

static void close_both(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

SCRIPT(pipe_gives_what_was_written_and_then_its_end)
{
    int fds[2];

    script_pipe(script, fds);
    note(script, "write", do_write(fds[1], "hello", 5));
    note(script, "write", do_write(fds[1], "world", 5));
    note_read(script, "read of less than is there", fds[0], 3);
    note_read(script, "read of more than is there", fds[0], 100);
    note(script, "write", do_write(fds[1], "last", 4));
    close(fds[1]);
    note_read(script, "read after the close", fds[0], 100);
    note_read(script, "read at the end", fds[0], 100);
    note_read(script, "and again", fds[0], 100);
    close(fds[0]);
}

SCRIPT(pipe_read_waits_for_bytes)
{
    struct call call = { .bytes = 100 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_read, &call);
    note(script, "write", do_write(fds[1], "late", 4));
    note(script, "join", leat_scope_join(&scope));
    note_bytes(script, "read", call.result, call.data);
    close_both(fds);
}

SCRIPT(pipe_read_waits_for_the_end)
{
    struct call call = { .bytes = 100 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_read, &call);
    close(fds[1]);
    note(script, "join", leat_scope_join(&scope));
    note(script, "read", call.result);
    close(fds[0]);
}

SCRIPT(pipe_without_a_reader_refuses_bytes)
{
    int fds[2];

    script_pipe(script, fds);
    close(fds[0]);
    note(script, "write", do_write(fds[1], "hello", 5));
    note(script, "write again", do_write(fds[1], "hello", 5));
    note(script, "poll for writing", do_poll(fds[1], POLLOUT));
    close(fds[1]);
}

/* Filled to the brim by writes that do not wait. */
static size_t fill(int fd)
{
    char data[512];
    size_t bytes = 0;
    ssize_t n;
    int flags = fcntl(fd, F_GETFL);

    memset(data, 'x', sizeof data);
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while ((n = write(fd, data, sizeof data)) > 0)
        bytes += (size_t)n;
    (void)fcntl(fd, F_SETFL, flags);
    return bytes;
}

SCRIPT(pipe_that_is_full_makes_a_write_wait)
{
    struct call call = { .bytes = 4 };
    char data[8192];
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    memcpy(call.data, "more", 4);
    call.fd = fds[1];
    note(script, "capacity", fcntl(fds[1], F_SETPIPE_SZ, 4096));
    note(script, "bytes until it is full", (long long)fill(fds[1]));
    script_begin(&scope, call_write, &call);
    note_bytes(script, "read of all", do_read(fds[0], data, sizeof data), data);
    note(script, "join", leat_scope_join(&scope));
    note(script, "write", call.result);
    note_read(script, "read", fds[0], 100);
    close_both(fds);
}

SCRIPT(pipe_write_that_waits_ends_when_the_reader_goes)
{
    struct call call = { .bytes = 4 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    call.fd = fds[1];
    (void)fill(fds[1]);
    script_begin(&scope, call_write, &call);
    close(fds[0]);
    note(script, "join", leat_scope_join(&scope));
    note(script, "write", call.result);
    close(fds[1]);
}

SCRIPT(pipe_takes_a_part_of_what_does_not_fit)
{
    char data[8192];
    struct leat__op op = { .code = LEAT__OP_WRITE, .source = data, .bytes = sizeof data,
                           .direct = true };
    int fds[2];

    script_pipe(script, fds);
    memset(data, 'y', sizeof data);
    note(script, "capacity", fcntl(fds[1], F_SETPIPE_SZ, 4096));
    op.fd = fds[1];
    note(script, "write of twice the capacity", leat__op_run(&op));
    note_bytes(script, "read", do_read(fds[0], data, sizeof data), data);
    close_both(fds);
}

/* A child writes it all while we read: whatever the parts are, the bytes are the same. */
static int write_everything(void *arg)
{
    struct call *call = arg;
    size_t done = 0;

    while (done < call->bytes) {
        int n = do_write(call->fd, call->data + done, call->bytes - done);

        if (n < 0)
            return n;
        done += (size_t)n;
    }
    close(call->fd);
    return 0;
}

SCRIPT(pipe_carries_more_than_its_capacity)
{
    struct call call = { .bytes = sizeof call.data };
    char data[sizeof call.data];
    size_t done = 0;
    int fds[2], n;
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    note(script, "capacity", fcntl(fds[1], F_SETPIPE_SZ, 4096));
    for (size_t i = 0; i < sizeof call.data; i++)
        call.data[i] = (char)('a' + i % 26);
    call.fd = fds[1];
    leat_spawn(&scope, write_everything, &call);
    while ((n = do_read(fds[0], data + done, sizeof data - done < 100 ? sizeof data - done : 100)) >
           0)
        done += (size_t)n;
    note(script, "join", leat_scope_join(&scope));
    note_bytes(script, "bytes", (long long)done, data);
    note(script, "end", do_read(fds[0], data, 1));
    close(fds[0]);
}

SCRIPT(pipe_read_that_is_cancelled_loses_nothing)
{
    struct call call = { .bytes = 100 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_read, &call);
    leat_scope_cancel(&scope);
    note(script, "join", leat_scope_join(&scope));
    note(script, "read", call.result);
    note(script, "write", do_write(fds[1], "kept", 4));
    note_read(script, "read", fds[0], 100);
    close_both(fds);
}

SCRIPT(pipe_read_ends_at_its_deadline)
{
    char data[8];
    int fds[2];

    script_pipe(script, fds);
    {
        LEAT_LIMIT(LEAT_MSEC);

        note(script, "read", do_read(fds[0], data, sizeof data));
        note(script, "and at once", do_read(fds[0], data, sizeof data));
    }
    note(script, "write", do_write(fds[1], "kept", 4));
    note_read(script, "read", fds[0], 100);
    close_both(fds);
}

/* Cancelled and written to in one turn: either may win, and no byte is lost. */
SCRIPT(pipe_bytes_survive_a_race_of_cancel_and_write)
{
    size_t kept = 0;

    for (int round = 0; round < 50; round++) {
        struct call call = { .bytes = 100 };
        char data[16];
        int fds[2], left = 0;
        LEAT_SCOPE(scope);

        script_pipe(script, fds);
        call.fd = fds[0];
        script_begin(&scope, call_read, &call);
        if (round % 2)
            leat_scope_cancel(&scope);
        script_expect(script, "write", write(fds[1], "bytes", 5) == 5);
        if (round % 2 == 0)
            leat_scope_cancel(&scope);
        (void)leat_scope_join(&scope);
        script_expect(script, "the read has an end", call.result == 5 || call.result == -ECANCELED);
        close(fds[1]);
        while (call.result < 0 && (left = do_read(fds[0], data, sizeof data)) > 0)
            kept += (size_t)left;
        kept += call.result > 0 ? (size_t)call.result : 0;
        close(fds[0]);
    }
    note(script, "bytes", (long long)kept);
}

SCRIPT(pipe_polls)
{
    int fds[2];

    script_pipe(script, fds);
    note(script, "empty, for writing", do_poll(fds[1], POLLOUT));
    note(script, "write", do_write(fds[1], "hello", 5));
    note(script, "with bytes, for reading", do_poll(fds[0], POLLIN));
    close(fds[1]);
    note(script, "with bytes, without a writer", do_poll(fds[0], POLLIN));
    note_read(script, "read", fds[0], 100);
    note(script, "empty, without a writer", do_poll(fds[0], POLLIN));
    close(fds[0]);
}

SCRIPT(pipe_poll_waits)
{
    struct call call = { .bytes = POLLIN };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_poll, &call);
    note(script, "write", do_write(fds[1], "x", 1));
    note(script, "join", leat_scope_join(&scope));
    note(script, "poll", call.result);
    close_both(fds);
}

SCRIPT(pipe_poll_that_is_cancelled)
{
    struct call call = { .bytes = POLLIN };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_poll, &call);
    leat_scope_cancel(&scope);
    note(script, "join", leat_scope_join(&scope));
    note(script, "poll", call.result);
    close_both(fds);
}

/* Two readers wait; who is served is the kernel's to say, that both are is not. */
SCRIPT(pipe_with_two_readers_serves_both)
{
    struct call one = { .bytes = 1 }, two = { .bytes = 1 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pipe(script, fds);
    one.fd = two.fd = fds[0];
    script_begin(&scope, call_read, &one);
    script_begin(&scope, call_read, &two);
    note(script, "write", do_write(fds[1], "zz", 2));
    note(script, "join", leat_scope_join(&scope));
    note_bytes(script, "one", one.result, one.data);
    note_bytes(script, "two", two.result, two.data);
    close_both(fds);
}

SCRIPT(pipe_calls_of_other_kinds_are_refused)
{
    char data[8];
    int fds[2];
    struct leat__op at = { .code = LEAT__OP_READ_AT, .data = data, .bytes = 8,
                            .direct = true };
    struct leat__op sync = { .code = LEAT__OP_SYNC };

    script_pipe(script, fds);
    at.fd = sync.fd = fds[0];
    note(script, "write", do_write(fds[1], "x", 1));
    note(script, "read at a position", leat__op_run(&at));
    note(script, "sync", leat__op_run(&sync));
    note(script, "receive", do_recv(fds[0], data, 8, 0));
    note(script, "send", do_send(fds[1], "x", 1, 0));
    note(script, "accept", do_accept(fds[0]));
    note(script, "write to the end for reading", do_write(fds[0], "x", 1));
    note(script, "close", do_close(fds[0]));
    note(script, "close of the other", do_close(fds[1]));
}
