/* SPDX-License-Identifier: MIT */
/* Sockets of streams, local ones and TCP: connections, their halves and their ends. */
#include "conform/script.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct call {
    int     fd;
    size_t  bytes;
    char    data[64];
    ssize_t result;
};

static int call_recv(void *arg)
{
    struct call *call = arg;

    call->result = do_recv(call->fd, call->data, call->bytes, 0);
    return 0;
}

static int call_accept(void *arg)
{
    struct call *call = arg;

    call->result = do_accept(call->fd);
    return 0;
}

static void note_recv(struct script *script, const char *what, int fd, size_t bytes, int flags)
{
    char data[256];

    note_bytes(script, what, do_recv(fd, data, bytes, flags), data);
}

static void close_both(const int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

/* ---- a pair of local sockets ---- */

SCRIPT(pair_carries_both_ways)
{
    int fds[2];

    script_pair(script, fds);
    note(script, "send", do_send(fds[0], "ping", 4, 0));
    note_recv(script, "receive", fds[1], 100, 0);
    note(script, "send", do_send(fds[1], "pong pong", 9, 0));
    note_recv(script, "peek", fds[0], 4, MSG_PEEK);
    note_recv(script, "receive", fds[0], 4, 0);
    note_read(script, "read of the rest", fds[0], 100);
    note(script, "write", do_write(fds[0], "by write", 8));
    note_recv(script, "receive", fds[1], 100, 0);
    close_both(fds);
}

SCRIPT(pair_half_closed_still_carries_the_other_way)
{
    int fds[2];

    script_pair(script, fds);
    note(script, "send", do_send(fds[0], "last", 4, 0));
    note(script, "shutdown", shutdown(fds[0], SHUT_WR));
    note_recv(script, "receive", fds[1], 100, 0);
    note_recv(script, "receive at the end", fds[1], 100, 0);
    note(script, "send after the shutdown", do_send(fds[0], "x", 1, 0));
    note(script, "send of the other", do_send(fds[1], "answer", 6, 0));
    note_recv(script, "receive", fds[0], 100, 0);
    note(script, "poll of the half closed", do_poll(fds[1], POLLIN));
    close_both(fds);
}

SCRIPT(pair_whose_reading_is_shut_refuses_the_peers_bytes)
{
    int fds[2];

    script_pair(script, fds);
    note(script, "shutdown", shutdown(fds[0], SHUT_RD));
    note_recv(script, "receive", fds[0], 100, 0);
    note(script, "send of the peer", do_send(fds[1], "x", 1, 0));
    close_both(fds);
}

SCRIPT(pair_whose_peer_is_gone)
{
    int fds[2];

    script_pair(script, fds);
    note(script, "send", do_send(fds[1], "left", 4, 0));
    close(fds[1]);
    note(script, "poll", do_poll(fds[0], POLLIN | POLLOUT));
    note_recv(script, "receive of what it left", fds[0], 100, 0);
    note_recv(script, "receive at the end", fds[0], 100, 0);
    note(script, "send", do_send(fds[0], "x", 1, 0));
    close(fds[0]);
}

SCRIPT(pair_whose_peer_left_without_reading_is_reset)
{
    int fds[2];

    script_pair(script, fds);
    note(script, "send", do_send(fds[0], "never read", 10, 0));
    close(fds[1]);
    note_recv(script, "receive", fds[0], 100, 0);
    note_recv(script, "receive again", fds[0], 100, 0);
    note(script, "send", do_send(fds[0], "x", 1, 0));
    close(fds[0]);
}

SCRIPT(pair_receive_waits)
{
    struct call call = { .bytes = 64 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pair(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_recv, &call);
    note(script, "send", do_send(fds[1], "late", 4, 0));
    note(script, "join", leat_scope_join(&scope));
    note_bytes(script, "receive", call.result, call.data);
    close_both(fds);
}

SCRIPT(pair_receive_that_waits_ends_with_the_peer)
{
    struct call call = { .bytes = 64 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pair(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_recv, &call);
    close(fds[1]);
    note(script, "join", leat_scope_join(&scope));
    note(script, "receive", call.result);
    close(fds[0]);
}

SCRIPT(pair_receive_that_is_cancelled_loses_nothing)
{
    struct call call = { .bytes = 64 };
    int fds[2];
    LEAT_SCOPE(scope);

    script_pair(script, fds);
    call.fd = fds[0];
    script_begin(&scope, call_recv, &call);
    leat_scope_cancel(&scope);
    note(script, "join", leat_scope_join(&scope));
    note(script, "receive", call.result);
    note(script, "send", do_send(fds[1], "kept", 4, 0));
    note_recv(script, "receive", fds[0], 100, 0);
    close_both(fds);
}

SCRIPT(pair_asked_not_to_wait_does_not)
{
    int fds[2];

    script_pair(script, fds);
    note_recv(script, "receive", fds[0], 100, MSG_DONTWAIT);
    note(script, "send", do_send(fds[1], "there", 5, MSG_DONTWAIT));
    note_recv(script, "receive", fds[0], 100, MSG_DONTWAIT);
    note_recv(script, "receive", fds[0], 100, MSG_DONTWAIT);
    close_both(fds);
}

SCRIPT(pair_of_packets_keeps_their_bounds)
{
    int fds[2];

    script_expect(script, "socketpair",
                  socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    note(script, "send", do_send(fds[0], "first", 5, 0));
    note(script, "send", do_send(fds[0], "second", 6, 0));
    note_recv(script, "receive", fds[1], 100, 0);
    note_recv(script, "receive of a part", fds[1], 3, 0);
    close(fds[0]);
    note_recv(script, "receive at the end", fds[1], 100, 0);
    close(fds[1]);
}

/* ---- local sockets with names ---- */

static struct sockaddr_un local(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

static int do_connect(int fd, const void *address, socklen_t bytes)
{
    struct leat__op op = { .code = LEAT__OP_CONNECT, .fd = fd, .address = address,
                           .address_bytes = bytes };

    return leat__op_run(&op);
}

static int local_socket(struct script *script)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    script_expect(script, "socket", fd >= 0);
    return fd;
}

SCRIPT(local_connections_are_accepted_in_turn)
{
    struct sockaddr_un address = local(script_path(script, "socket"));
    int listener = local_socket(script), one = local_socket(script), two = local_socket(script);
    int first, second;

    note(script, "bind", bind(listener, (struct sockaddr *)&address, sizeof address));
    note(script, "listen", listen(listener, 4));
    note(script, "connect", do_connect(one, &address, sizeof address));
    note(script, "connect", do_connect(two, &address, sizeof address));
    note(script, "send before the accept", do_send(one, "one", 3, 0));
    note(script, "send before the accept", do_send(two, "two", 3, 0));
    first = do_accept(listener);
    second = do_accept(listener);
    note_recv(script, "receive", first, 100, 0);
    note_recv(script, "receive", second, 100, 0);
    note(script, "connect again", do_connect(one, &address, sizeof address));
    close(first);
    close(second);
    close(one);
    close(two);
    close(listener);
    unlink(address.sun_path);
}

SCRIPT(local_connect_to_nothing_is_refused)
{
    struct sockaddr_un address = local(script_path(script, "socket"));
    struct sockaddr_un missing = local(script_path(script, "missing"));
    int bound = local_socket(script), fd = local_socket(script);

    note(script, "bind", bind(bound, (struct sockaddr *)&address, sizeof address));
    note(script, "connect to who does not listen", do_connect(fd, &address, sizeof address));
    note(script, "connect to a name that is not", do_connect(fd, &missing, sizeof missing));
    close(bound);
    note(script, "connect to who is gone", do_connect(fd, &address, sizeof address));
    note(script, "bind to a name that is taken",
         bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0);
    close(fd);
    unlink(address.sun_path);
}

SCRIPT(local_listener_that_is_full_refuses)
{
    struct sockaddr_un address = local(script_path(script, "socket"));
    int listener = local_socket(script), fds[3];

    note(script, "bind", bind(listener, (struct sockaddr *)&address, sizeof address));
    note(script, "listen", listen(listener, 0));
    for (int i = 0; i < 3; i++) {
        fds[i] = local_socket(script);
        note(script, "connect", do_connect(fds[i], &address, sizeof address));
    }
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(listener);
    unlink(address.sun_path);
}

SCRIPT(local_accept_waits)
{
    struct sockaddr_un address = local(script_path(script, "socket"));
    struct call call = { 0 };
    int listener = local_socket(script), fd = local_socket(script);
    LEAT_SCOPE(scope);

    note(script, "bind", bind(listener, (struct sockaddr *)&address, sizeof address));
    note(script, "listen", listen(listener, 4));
    call.fd = listener;
    script_begin(&scope, call_accept, &call);
    note(script, "connect", do_connect(fd, &address, sizeof address));
    note(script, "join", leat_scope_join(&scope));
    script_expect(script, "a descriptor", call.result >= 0);
    note(script, "send", do_send((int)call.result, "hello", 5, 0));
    note_recv(script, "receive", fd, 100, 0);
    close((int)call.result);
    close(fd);
    close(listener);
    unlink(address.sun_path);
}

SCRIPT(local_accept_that_is_cancelled_leaves_the_connection)
{
    struct sockaddr_un address = local(script_path(script, "socket"));
    struct call call = { 0 };
    int listener = local_socket(script), fd = local_socket(script), accepted;
    LEAT_SCOPE(scope);

    note(script, "bind", bind(listener, (struct sockaddr *)&address, sizeof address));
    note(script, "listen", listen(listener, 4));
    call.fd = listener;
    script_begin(&scope, call_accept, &call);
    leat_scope_cancel(&scope);
    note(script, "join", leat_scope_join(&scope));
    note(script, "accept", call.result);
    note(script, "connect", do_connect(fd, &address, sizeof address));
    accepted = do_accept(listener);
    script_expect(script, "a descriptor", accepted >= 0);
    close(accepted);
    note_recv(script, "receive", fd, 100, 0);
    close(fd);
    close(listener);
    unlink(address.sun_path);
}

SCRIPT(local_calls_out_of_turn)
{
    struct sockaddr_un address = local(script_path(script, "socket"));
    int fd = local_socket(script);

    note(script, "send before a connect", do_send(fd, "x", 1, 0));
    note(script, "receive before a connect", do_recv(fd, &address, 1, 0));
    note(script, "poll before a connect", do_poll(fd, POLLIN | POLLOUT));
    note(script, "accept without listening", do_accept(fd));
    note(script, "shutdown", shutdown(fd, SHUT_RDWR) < 0 ? -errno : 0);
    close(fd);
}

/* ---- TCP ---- */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int tcp_socket(struct script *script)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    script_expect(script, "socket", fd >= 0);
    return fd;
}

/* Bound to a port of its own, which *ret gets. */
static int tcp_bound(struct script *script, struct sockaddr_in *ret)
{
    socklen_t bytes = sizeof *ret;
    int fd = tcp_socket(script);

    *ret = loopback(0);
    script_expect(script, "bind", bind(fd, (struct sockaddr *)ret, sizeof *ret) == 0);
    script_expect(script, "getsockname", getsockname(fd, (struct sockaddr *)ret, &bytes) == 0 &&
                                             ret->sin_port != 0 && bytes == sizeof *ret);
    return fd;
}

/* fds[0] connected, fds[1] accepted. */
void script_tcp(struct script *script, int fds[2])
{
    struct sockaddr_in address;
    int listener = tcp_bound(script, &address);

    script_expect(script, "listen", listen(listener, 4) == 0);
    fds[0] = tcp_socket(script);
    script_expect(script, "connect", do_connect(fds[0], &address, sizeof address) == 0);
    fds[1] = do_accept(listener);
    script_expect(script, "accept", fds[1] >= 0);
    close(listener);
}

SCRIPT(tcp_carries_both_ways)
{
    struct sockaddr_in here, there;
    socklen_t bytes = sizeof here;
    int fds[2];

    script_tcp(script, fds);
    note(script, "getsockname", getsockname(fds[0], (struct sockaddr *)&here, &bytes));
    note(script, "getpeername", getpeername(fds[1], (struct sockaddr *)&there, &bytes));
    note(script, "they are the same", memcmp(&here, &there, sizeof here) == 0);
    note(script, "send", do_send(fds[0], "ping", 4, 0));
    note_recv(script, "receive", fds[1], 100, 0);
    note(script, "send", do_send(fds[1], "pong", 4, 0));
    note_recv(script, "receive", fds[0], 100, 0);
    close_both(fds);
}

SCRIPT(tcp_connect_to_nobody_is_refused)
{
    struct sockaddr_in address;
    int bound = tcp_bound(script, &address), fd = tcp_socket(script);

    note(script, "connect to who does not listen", do_connect(fd, &address, sizeof address));
    close(fd);
    fd = tcp_socket(script);
    close(bound);
    note(script, "connect to who is gone", do_connect(fd, &address, sizeof address));
    close(fd);
}

SCRIPT(tcp_port_that_is_taken_is_refused)
{
    struct sockaddr_in address;
    int listener = tcp_bound(script, &address), fd = tcp_socket(script);

    note(script, "listen", listen(listener, 4));
    note(script, "bind", bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0);
    close(fd);
    close(listener);
}

SCRIPT(tcp_half_closed_still_carries_the_other_way)
{
    int fds[2];

    script_tcp(script, fds);
    note(script, "send", do_send(fds[0], "last", 4, 0));
    note(script, "shutdown", shutdown(fds[0], SHUT_WR));
    note_recv(script, "receive", fds[1], 100, 0);
    note_recv(script, "receive at the end", fds[1], 100, 0);
    note(script, "send after the shutdown", do_send(fds[0], "x", 1, 0));
    note(script, "send of the other", do_send(fds[1], "answer", 6, 0));
    close(fds[1]);
    note_recv(script, "receive", fds[0], 100, 0);
    note_recv(script, "receive at the end", fds[0], 100, 0);
    close(fds[0]);
}

SCRIPT(tcp_reset_by_the_peer)
{
    struct linger linger = { .l_onoff = 1, .l_linger = 0 };
    int fds[2];

    script_tcp(script, fds);
    note(script, "send", do_send(fds[1], "lost", 4, 0));
    note(script, "linger", setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    close(fds[1]);
    note_recv(script, "receive", fds[0], 100, 0);
    note_recv(script, "receive again", fds[0], 100, 0);
    note(script, "send", do_send(fds[0], "x", 1, 0));
    close(fds[0]);
}

SCRIPT(tcp_peer_that_left_without_reading_resets)
{
    int fds[2];

    script_tcp(script, fds);
    note(script, "send", do_send(fds[0], "never read", 10, 0));
    note(script, "poll of the other", do_poll(fds[1], POLLIN));
    close(fds[1]);
    note_recv(script, "receive", fds[0], 100, 0);
    note_recv(script, "receive again", fds[0], 100, 0);
    close(fds[0]);
}

SCRIPT(tcp_receive_waits_and_ends_with_the_peer)
{
    struct call call = { .bytes = 64 };
    int fds[2];

    script_tcp(script, fds);
    call.fd = fds[0];
    for (int round = 0; round < 2; round++) {
        LEAT_SCOPE(scope);

        script_begin(&scope, call_recv, &call);
        if (round == 0)
            note(script, "send", do_send(fds[1], "late", 4, 0));
        else
            close(fds[1]);
        note(script, "join", leat_scope_join(&scope));
        note_bytes(script, "receive", call.result, call.data);
    }
    close(fds[0]);
}

SCRIPT(tcp_calls_out_of_turn)
{
    struct sockaddr_in address;
    char data[8];
    int fd = tcp_socket(script), listener = tcp_bound(script, &address);

    note(script, "send before a connect", do_send(fd, "x", 1, 0));
    note(script, "receive before a connect", do_recv(fd, data, 1, 0));
    note(script, "poll before a connect", do_poll(fd, POLLIN | POLLOUT));
    note(script, "accept without listening", do_accept(fd));
    note(script, "shutdown", shutdown(fd, SHUT_RDWR) < 0 ? -errno : 0);
    note(script, "listen", listen(listener, 4));
    note(script, "connect", do_connect(fd, &address, sizeof address));
    note(script, "connect again", do_connect(fd, &address, sizeof address));
    note(script, "read at a position",
         leat__op_run(&(struct leat__op){ .code = LEAT__OP_READ_AT, .fd = fd, .data = data,
                                          .bytes = 8, .direct = true }));
    close(fd);
    close(listener);
}

SCRIPT(bad_descriptors_are_refused)
{
    static const int bad[] = { -1, 987 };
    struct sockaddr_in address = loopback(9);
    char data[8];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct leat__op at = { .code = LEAT__OP_READ_AT, .fd = bad[i], .data = data, .bytes = 8 };
        struct leat__op sync = { .code = LEAT__OP_SYNC, .fd = bad[i] };

        note(script, "read", do_read(bad[i], data, 8));
        note(script, "write", do_write(bad[i], data, 8));
        note(script, "receive", do_recv(bad[i], data, 8, 0));
        note(script, "send", do_send(bad[i], data, 8, 0));
        note(script, "accept", do_accept(bad[i]));
        note(script, "connect", do_connect(bad[i], &address, sizeof address));
        note(script, "poll", do_poll(bad[i], POLLIN));
        note(script, "close", do_close(bad[i]));
        note(script, "read at a position", leat__op_run(&at));
        note(script, "sync", leat__op_run(&sync));
    }
}
