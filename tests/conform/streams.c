/* SPDX-License-Identifier: MIT */
/* The public calls of the io room: streams, listeners, shutdowns, closes. */
#include "conform/script.h"

#include <leat/net.h>
#include <leat/select.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct leat_stream *stream_of(struct script *script, int fd)
{
    struct leat_stream *stream = NULL;

    script_expect(script, "a stream", leat_stream_open_fd(&stream, fd) == 0);
    return stream;
}

static void stream_pair(struct script *script, struct leat_stream *ret[2])
{
    int fds[2];

    script_pair(script, fds);
    ret[0] = stream_of(script, fds[0]);
    ret[1] = stream_of(script, fds[1]);
}

static void note_stream(struct script *script, const char *what, struct leat_stream *stream,
                        size_t bytes)
{
    char data[256];

    note_bytes(script, what, leat_read(stream, data, bytes), data);
}

struct call {
    struct leat_stream   *stream;
    struct leat_listener *listener;
    char                  data[64];
    ssize_t               result;
};

static int call_read(void *arg)
{
    struct call *call = arg;

    call->result = leat_read(call->stream, call->data, sizeof call->data);
    return 0;
}

static int call_accept(void *arg)
{
    struct call *call = arg;

    call->result = leat_accept(call->listener, &call->stream);
    return 0;
}

SCRIPT(stream_reads_and_writes)
{
    struct leat_stream *streams[2];
    char data[16];

    stream_pair(script, streams);
    note(script, "write nothing", leat_write(streams[0], "", 0));
    note(script, "read nothing", leat_read(streams[1], data, 0));
    note(script, "write", leat_write(streams[0], "some", 4));
    note(script, "write all", leat_write_all(streams[0], " bytes and more", 15));
    note_bytes(script, "read in full", leat_read_full(streams[1], data, 10), data);
    note_stream(script, "read", streams[1], 4);
    note_stream(script, "read", streams[1], 100);
    note(script, "write", leat_write(streams[0], "end", 3));
    note(script, "shutdown of writing", leat_shutdown_write(streams[0]));
    note_bytes(script, "read in full, to the end", leat_read_full(streams[1], data, 10), data);
    note_stream(script, "read", streams[1], 100);
    note(script, "write", leat_write(streams[0], "x", 1));
    leat_close_stream(streams[0]);
    note(script, "write to nobody", leat_write(streams[1], "x", 1));
    leat_close_stream(streams[1]);
}

SCRIPT(stream_that_is_shut_ends_its_read)
{
    struct leat_stream *streams[2];
    struct call call;
    LEAT_SCOPE(scope);

    stream_pair(script, streams);
    call.stream = streams[0];
    script_begin(&scope, call_read, &call);
    leat_shutdown(streams[0]);
    note(script, "join", leat_scope_join(&scope));
    note(script, "the read has ended", call.result == 0 || call.result == -ECANCELED);
    note_stream(script, "read after it", streams[0], 10);
    note(script, "write after it", leat_write(streams[0], "x", 1));
    note_stream(script, "read of the peer", streams[1], 10);
    leat_close_stream(streams[0]);
    leat_close_stream(streams[1]);
}

SCRIPT(stream_that_is_closed_ends_its_read)
{
    struct leat_stream *streams[2];
    struct call call;
    LEAT_SCOPE(scope);

    stream_pair(script, streams);
    call.stream = streams[0];
    script_begin(&scope, call_read, &call);
    leat_close_stream(streams[0]);
    note(script, "join", leat_scope_join(&scope));
    note(script, "read", call.result);
    note_stream(script, "read of the peer", streams[1], 10);
    leat_close_stream(streams[1]);
}

SCRIPT(stream_of_a_pipe)
{
    struct leat_stream *reader, *writer;
    struct call call;
    int fds[2];

    script_pipe(script, fds);
    reader = stream_of(script, fds[0]);
    writer = stream_of(script, fds[1]);
    note(script, "write", leat_write_all(writer, "through a pipe", 14));
    note_stream(script, "read", reader, 7);
    note_stream(script, "read", reader, 100);
    note(script, "shutdown of writing", leat_shutdown_write(writer));
    note_stream(script, "read of the end for writing", writer, 10);
    note(script, "write to the end for reading", leat_write(reader, "x", 1));
    {
        LEAT_SCOPE(scope);

        call.stream = reader;
        script_begin(&scope, call_read, &call);
        leat_shutdown(reader);
        note(script, "join", leat_scope_join(&scope));
        note(script, "read of a pipe that was shut", call.result);
    }
    leat_close_stream(reader);
    note(script, "write to nobody", leat_write(writer, "x", 1));
    leat_close_stream(writer);
}

SCRIPT(stream_of_a_bad_descriptor_is_refused)
{
    struct leat_stream *stream;

    note(script, "of none", leat_stream_open_fd(&stream, -1));
    note(script, "of one that is not open", leat_stream_open_fd(&stream, 987));
}

/* ---- listeners ---- */

static void tcp_streams(struct script *script, struct leat_stream *ret[2])
{
    struct leat_listener *listener;

    script_expect(script, "listen", leat_tcp_listen(&listener, "127.0.0.1", 0) == 0);
    script_expect(script, "connect",
                  leat_tcp_connect(&ret[0], "127.0.0.1", leat_listener_port(listener)) == 0);
    script_expect(script, "accept", leat_accept(listener, &ret[1]) == 0);
    leat_close_listener(listener);
}

SCRIPT(tcp_streams_carry_lines)
{
    struct leat_stream *streams[2];
    char data[32];

    tcp_streams(script, streams);
    for (int i = 0; i < 3; i++) {
        note(script, "write", leat_write_all(streams[0], "request\n", 8));
        note_bytes(script, "read", leat_read_full(streams[1], data, 8), data);
        note(script, "write", leat_write_all(streams[1], "response\n", 9));
        note_bytes(script, "read", leat_read_full(streams[0], data, 9), data);
    }
    leat_close_stream(streams[0]);
    note_stream(script, "read at the end", streams[1], 10);
    leat_close_stream(streams[1]);
}

SCRIPT(tcp_listener_that_is_closed_ends_its_accept)
{
    struct call call = { 0 };
    uint16_t port;
    LEAT_SCOPE(scope);

    note(script, "listen", leat_tcp_listen(&call.listener, "127.0.0.1", 0));
    port = leat_listener_port(call.listener);
    script_begin(&scope, call_accept, &call);
    leat_close_listener(call.listener);
    note(script, "join", leat_scope_join(&scope));
    note(script, "accept", call.result);
    note(script, "connect", leat_tcp_connect(&call.stream, "127.0.0.1", port));
}

SCRIPT(tcp_listener_on_a_port_that_is_taken)
{
    struct leat_listener *one, *two;
    uint16_t port;

    note(script, "listen", leat_tcp_listen(&one, "127.0.0.1", 0));
    port = leat_listener_port(one);
    note(script, "listen again", leat_tcp_listen(&two, "127.0.0.1", port));
    leat_close_listener(one);
    note(script, "listen once it is free", leat_tcp_listen(&one, "127.0.0.1", port));
    leat_close_listener(one);
}

SCRIPT(tcp_many_connections)
{
    struct leat_listener *listener;
    struct leat_stream *clients[16], *servers[16];
    char data[2];
    unsigned sum = 0;

    note(script, "listen", leat_tcp_listen(&listener, "127.0.0.1", 0));
    for (int i = 0; i < 16; i++) {
        char name = (char)('a' + i);

        script_expect(script, "connect", leat_tcp_connect(&clients[i], "127.0.0.1",
                                                          leat_listener_port(listener)) == 0);
        script_expect(script, "write", leat_write_all(clients[i], &name, 1) == 1);
    }
    for (int i = 0; i < 16; i++) {
        script_expect(script, "accept", leat_accept(listener, &servers[i]) == 0);
        script_expect(script, "read", leat_read(servers[i], data, 1) == 1);
        sum += (unsigned)(data[0] - 'a');
        script_expect(script, "write", leat_write_all(servers[i], data, 1) == 1);
    }
    note(script, "sum of what the servers got", sum);
    for (int i = 0; i < 16; i++) {
        script_expect(script, "read", leat_read(clients[i], data, 1) == 1 && data[0] == 'a' + i);
        leat_close_stream(clients[i]);
        leat_close_stream(servers[i]);
    }
    leat_close_listener(listener);
}

SCRIPT(select_sees_descriptors)
{
    int fds[2];

    script_pair(script, fds);
    note(script, "readable or not", leat_select(LEAT_READABLE(fds[0]), LEAT_DEFAULT));
    note(script, "writable", leat_select(LEAT_READABLE(fds[0]), LEAT_WRITABLE(fds[0])));
    note(script, "send", do_send(fds[1], "x", 1, 0));
    note(script, "readable", leat_select(LEAT_READABLE(fds[0]), LEAT_AFTER(LEAT_SEC)));
    note_read(script, "read", fds[0], 10);
    note(script, "nothing", leat_select(LEAT_READABLE(fds[0]), LEAT_AFTER(LEAT_MSEC)));
    close(fds[1]);
    note(script, "an end", leat_select(LEAT_READABLE(fds[0]), LEAT_AFTER(LEAT_SEC)));
    close(fds[0]);
}

/* That its peer sends no more makes a full socket no readier to be written to. */
SCRIPT(select_of_a_full_socket_whose_peer_is_half_closed)
{
    char data[4096] = "";
    int fds[2];

    script_pair(script, fds);
    while (write(fds[0], data, sizeof data) > 0)
        continue;
    note(script, "shutdown of the peer", shutdown(fds[1], SHUT_WR));
    note(script, "writable or not", leat_select(LEAT_WRITABLE(fds[0]), LEAT_AFTER(2 * LEAT_MSEC)));
    while (do_recv(fds[1], data, sizeof data, MSG_DONTWAIT) > 0)
        continue;
    note(script, "writable", leat_select(LEAT_WRITABLE(fds[0]), LEAT_AFTER(LEAT_MINUTE)));
    note(script, "readable", leat_select(LEAT_READABLE(fds[0]), LEAT_AFTER(LEAT_MINUTE)));
    close(fds[0]);
    close(fds[1]);
}
