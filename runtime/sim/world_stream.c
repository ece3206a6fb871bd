/* SPDX-License-Identifier: MIT */
/* What is sent over the sockets of world_socket.c: bytes, and packets, which may come with open
 * files. */
#include "sim/world.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Before a packet: its length, and how many open files came with it. */
struct packet {
    uint32_t bytes, passed;
};

static struct leat__world_open *next_passed(struct leat__world_socket *socket)
{
    struct leat__world_passed *first = socket->passed;
    struct leat__world_open *open = first->open;

    socket->passed = first->next;
    free(first);
    return open;
}

void leat__world_passed_drop(struct leat__world_socket *socket)
{
    while (socket->passed)
        leat__world_open_drop(next_passed(socket));
}

static int take_packet(struct leat__world_socket *socket, void *data, size_t bytes,
                       uint32_t *ret_passed)
{
    struct packet packet;
    size_t got;

    (void)leat__world_bytes_get(&socket->in, &packet, sizeof packet, false);
    got = leat__world_bytes_get(&socket->in, data, bytes < packet.bytes ? bytes : packet.bytes,
                                false);
    for (size_t i = got; i < packet.bytes; i++)
        (void)leat__world_bytes_get(&socket->in, &(char){ 0 }, 1, false);
    *ret_passed = packet.passed;
    return (int)got;
}

/* Who reads so gets none of the open files. */
static int recv_packet(struct leat__world_socket *socket, void *data, size_t bytes, bool peek)
{
    uint32_t passed;
    int got;

    if (peek)
        return -EOPNOTSUPP;
    got = take_packet(socket, data, bytes, &passed);
    for (; passed > 0; passed--)
        leat__world_open_drop(next_passed(socket));
    return got;
}

int leat__world_receive(struct leat__world_socket *socket, void *data, size_t bytes, int *fds,
                        size_t *count)
{
    size_t most = *count;
    uint32_t passed;
    int got;

    *count = 0;
    if (socket->type != SOCK_SEQPACKET || socket->in.count == 0)
        return leat__world_recv(socket, data, bytes, 0);
    got = take_packet(socket, data, bytes, &passed);
    for (; passed > 0; passed--) {
        struct leat__world_open *open = next_passed(socket);
        int fd = -1;

        if (*count < most)
            fd = leat__world_fd_new(open);
        else
            leat__world_open_drop(open);
        if (fd >= 0)
            fds[(*count)++] = fd;
    }
    leat__world_changed();
    return got;
}

static int take_error(struct leat__world_socket *socket)
{
    int err = socket->error;

    socket->error = 0;
    return err;
}

int leat__world_recv(struct leat__world_socket *socket, void *data, size_t bytes, int flags)
{
    bool peek = (flags & MSG_PEEK) != 0;
    int result;

    if (socket->state != LEAT__WORLD_CONNECTED)
        return leat__world_is_local(socket) ? -EINVAL : -ENOTCONN;
    if (socket->in.count > 0 && bytes > 0) {
        if (socket->type == SOCK_SEQPACKET)
            result = recv_packet(socket, data, bytes, peek);
        else
            result = (int)leat__world_bytes_get(&socket->in, data, bytes, peek);
        if (!peek)
            leat__world_changed();
        return result;
    }
    if (socket->error == -EPIPE && socket->ended)
        return 0; /* the end, which came before: an error is for who writes */
    if (socket->error)
        return take_error(socket);
    return socket->ended || socket->shut_reading || bytes == 0 ? 0 : -EAGAIN;
}

static size_t send_bytes(struct leat__world_socket *socket, const void *data, size_t bytes,
                         uint32_t passed)
{
    struct leat__world_bytes *to = &socket->peer->in;
    const struct packet packet = { (uint32_t)bytes, passed };

    if (socket->type != SOCK_SEQPACKET)
        return leat__world_bytes_put(to, data, bytes);
    if (to->room - to->count < bytes + sizeof packet)
        return 0;
    (void)leat__world_bytes_put(to, &packet, sizeof packet);
    return leat__world_bytes_put(to, data, bytes);
}

/* The kernel takes it, as much as its buffer holds. A peer that is gone answers with a reset. */
static int send_into_nothing(struct leat__world_socket *socket, size_t bytes)
{
    size_t room = leat__world.buffer_bytes - socket->swallowed;

    if (room == 0)
        return -EAGAIN;
    if (bytes > room)
        bytes = room;
    socket->swallowed += bytes;
    leat__world.sent += bytes;
    leat__world.lost += bytes;
    socket->closed = !socket->half_open;
    if (socket->closed)
        socket->error = -EPIPE; /* the next one to write is told */
    return (int)bytes;
}

static int send_with(struct leat__world_socket *socket, const void *data, size_t bytes,
                     uint32_t passed)
{
    size_t sent;

    if (leat__world_is_local(socket) && (socket->shut_writing || socket->closed))
        return -EPIPE; /* and a reset stays to be read */
    if (socket->error)
        return take_error(socket);
    if (socket->shut_writing)
        return -EPIPE;
    if (socket->state != LEAT__WORLD_CONNECTED)
        return leat__world_is_local(socket) ? -ENOTCONN : -EPIPE;
    if (socket->closed)
        return -EPIPE;
    if (socket->half_open || !socket->peer)
        return send_into_nothing(socket, bytes);
    if (socket->type == SOCK_SEQPACKET && bytes + sizeof(struct packet) > socket->peer->in.room)
        return -EMSGSIZE;
    if (!leat__world_is_local(socket) && socket->peer->shut_reading &&
        socket->peer->shut_writing && bytes > 0) {
        leat__world.sent += bytes;
        leat__world.lost += bytes;
        leat__world_refuse(socket);
        return (int)bytes;
    }
    sent = send_bytes(socket, data, bytes, passed);
    if (sent == 0 && bytes > 0)
        return -EAGAIN;
    leat__world_changed();
    return (int)sent;
}

int leat__world_send(struct leat__world_socket *socket, const void *data, size_t bytes)
{
    return send_with(socket, data, bytes, 0);
}

int leat__world_pass(struct leat__world_socket *socket, const void *data, size_t bytes,
                     const int *fds, size_t count)
{
    struct leat__world_socket *peer = socket->peer;
    struct leat__world_passed **at;
    int sent;

    for (size_t i = 0; i < count; i++)
        if (!leat__world_open_at(fds[i]))
            return -EBADF;
    sent = send_with(socket, data, bytes, (uint32_t)count);
    if (sent < 0)
        return sent;
    for (at = &peer->passed; *at; at = &(*at)->next)
        continue;
    for (size_t i = 0; i < count; i++, at = &(*at)->next) {
        *at = leat__world_alloc(NULL, sizeof **at);
        **at = (struct leat__world_passed){ NULL, leat__world_open_at(fds[i]) };
        (*at)->open->refs++;
    }
    return sent;
}
