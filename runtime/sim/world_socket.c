/* SPDX-License-Identifier: MIT */
/* Sockets in memory: local streams and packets, and TCP over a loopback that knows no network
 * beyond. An address is reached by its port; whether the host is one of ours is not asked. See
 * world.h. */
#include "sim/world.h"

#include "sim/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define FIRST_PORT 32768

#define PACKETS_BYTES_MIN 256

/* How long TCP sends again into nothing before it gives up. */
#define GIVE_UP (924 * LEAT_SEC)

static struct leat__world_socket *make(int family, int type)
{
    struct leat__world_socket *socket = leat__world_alloc(NULL, sizeof *socket);

    *socket = (struct leat__world_socket){ .family = family, .type = type };
    socket->local.ss_family = (sa_family_t)family;
    socket->local_bytes = family == AF_INET    ? sizeof(struct sockaddr_in)
                          : family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                               : sizeof(sa_family_t);
    return socket;
}

static int give_fd(struct leat__world_socket *socket)
{
    struct leat__world_open *open = leat__world_open_new(LEAT__WORLD_OPEN_SOCKET, O_RDWR);

    open->socket = socket;
    return leat__world_fd_new(open);
}

int leat__world_socket_new(int family, int type)
{
    bool ours = (family == AF_UNIX && (type == SOCK_STREAM || type == SOCK_SEQPACKET)) ||
                ((family == AF_INET || family == AF_INET6) && type == SOCK_STREAM);

    return ours ? give_fd(make(family, type)) : -EAFNOSUPPORT;
}

/* A small one still takes a packet. */
static size_t room(const struct leat__world_socket *socket)
{
    return socket->type == SOCK_SEQPACKET && leat__world.buffer_bytes < PACKETS_BYTES_MIN
               ? PACKETS_BYTES_MIN
               : leat__world.buffer_bytes;
}

static void join(struct leat__world_socket *one, struct leat__world_socket *two)
{
    one->peer = two;
    two->peer = one;
    one->state = LEAT__WORLD_CONNECTED;
    two->state = LEAT__WORLD_CONNECTED;
    leat__world_bytes_init(&one->in, room(one));
    leat__world_bytes_init(&two->in, room(two));
}

int leat__world_socket_pair(int type, int fds[2])
{
    struct leat__world_socket *one = make(AF_UNIX, type), *two = make(AF_UNIX, type);

    join(one, two);
    fds[0] = give_fd(one);
    fds[1] = give_fd(two); /* where the first failed, its peer is gone by now */
    if (fds[0] >= 0 && fds[1] >= 0)
        return 0;
    (void)leat__world_close(fds[0]);
    (void)leat__world_close(fds[1]);
    return -EMFILE;
}

/* ---- names ---- */

static uint16_t *port_of(struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6
               ? &((struct sockaddr_in6 *)(void *)address)->sin6_port
               : &((struct sockaddr_in *)(void *)address)->sin_port;
}

static bool is_free(uint16_t port)
{
    for (size_t i = 0; i < leat__world.named_count; i++)
        if (*port_of(&leat__world.named[i]->local) == htons(port))
            return false;
    return true;
}

/* The socket has a name from now on, in which 0 stands for any free port. */
static int take_port(struct leat__world_socket *socket)
{
    uint16_t *port = port_of(&socket->local);

    if (*port != 0 && !is_free(ntohs(*port)))
        return -EADDRINUSE;
    if (leat__world.named_count == LEAT__WORLD_FDS_MAX)
        return -EADDRINUSE;
    while (*port == 0) {
        leat__world.port = leat__world.port < FIRST_PORT ? FIRST_PORT
                                                         : (uint16_t)(leat__world.port + 1);
        if (leat__world.port >= FIRST_PORT && is_free(leat__world.port))
            *port = htons(leat__world.port);
    }
    socket->bound = true;
    leat__world.named[leat__world.named_count++] = socket;
    return 0;
}

static void give_port_back(struct leat__world_socket *socket)
{
    for (size_t i = 0; i < leat__world.named_count; i++)
        if (leat__world.named[i] == socket)
            leat__world.named[i--] = leat__world.named[--leat__world.named_count];
}

static int take_address(struct sockaddr_storage *ret, socklen_t *ret_bytes, int family,
                        const struct sockaddr *address, socklen_t bytes)
{
    socklen_t least = family == AF_INET    ? sizeof(struct sockaddr_in)
                      : family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                           : sizeof(sa_family_t) + 1;

    if (bytes < least || bytes > sizeof *ret)
        return -EINVAL;
    if (address->sa_family != family)
        return -EAFNOSUPPORT;
    memset(ret, 0, sizeof *ret);
    memcpy(ret, address, bytes);
    *ret_bytes = family == AF_UNIX ? bytes : least;
    return 0;
}

static const char *path_of(const struct sockaddr_storage *address)
{
    return ((const struct sockaddr_un *)(const void *)address)->sun_path;
}

int leat__world_bind(struct leat__world_socket *socket, const struct sockaddr *address,
                     socklen_t bytes)
{
    struct sockaddr_storage name;
    socklen_t name_bytes;
    int err;

    if (socket->bound || socket->state != LEAT__WORLD_FRESH)
        return -EINVAL;
    err = take_address(&name, &name_bytes, socket->family, address, bytes);
    if (err)
        return err;
    if (leat__world_is_local(socket)) {
        err = leat__world_make(path_of(&name), LEAT__WORLD_NAME, 0755, NULL, &socket->name);
        if (err)
            return err == -EEXIST ? -EADDRINUSE : err;
        socket->name->bound = socket;
        socket->name->refs++;
        socket->bound = true;
    }
    socket->local = name;
    socket->local_bytes = name_bytes;
    return leat__world_is_local(socket) ? 0 : take_port(socket);
}

int leat__world_listen(struct leat__world_socket *socket, int backlog)
{
    if (socket->state == LEAT__WORLD_CONNECTED)
        return -EINVAL;
    if (!socket->bound) {
        int err = leat__world_is_local(socket) ? -EINVAL : take_port(socket);

        if (err)
            return err;
    }
    socket->state = LEAT__WORLD_LISTENS;
    socket->backlog = backlog;
    return 0;
}

/* ---- connections ---- */

/* Who listens there. Returns 0 or why there is nobody. */
static int find_listener(const struct leat__world_socket *socket,
                         struct sockaddr_storage *address, struct leat__world_socket **ret)
{
    struct leat__node *node;

    if (leat__world_is_local(socket)) {
        int err = leat__world_find(path_of(address), &node);

        if (err)
            return err;
        *ret = node->kind == LEAT__WORLD_NAME ? node->bound : NULL;
        return *ret && (*ret)->state == LEAT__WORLD_LISTENS ? 0 : -ECONNREFUSED;
    }
    for (size_t i = 0; i < leat__world.named_count; i++) {
        struct leat__world_socket *other = leat__world.named[i];

        if (other->state == LEAT__WORLD_LISTENS &&
            *port_of(&other->local) == *port_of(address) &&
            (other->family == socket->family || (other->family == AF_INET6 && !other->only_six))) {
            *ret = other;
            return 0;
        }
    }
    return -ECONNREFUSED;
}

/* The accepting side, which stands in the listener's queue until it is accepted. */
static void enqueue(struct leat__world_socket *listener, struct leat__world_socket *socket)
{
    struct leat__world_socket *other = make(listener->family, listener->type), **at;

    other->local = listener->local;
    other->local_bytes = listener->local_bytes;
    if (!leat__world_is_local(listener) && listener->family == socket->family) {
        socket->local = socket->remote; /* over the loopback both ends have one host */
        *port_of(&socket->local) = 0;
    }
    if (!leat__world_is_local(socket) && !socket->bound)
        (void)take_port(socket); /* without one it has none to tell, and works all the same */
    other->remote = socket->local;
    other->remote_bytes = socket->local_bytes;
    join(socket, other);
    for (at = &listener->queue; *at; at = &(*at)->next)
        continue;
    *at = other;
    listener->queued++;
    leat__world_changed();
}

int leat__world_connect(struct leat__world_socket *socket, const struct sockaddr *address,
                        socklen_t bytes)
{
    struct leat__world_socket *listener = NULL;
    bool begun = socket->begun;
    int err;

    socket->begun = false;
    if (socket->state == LEAT__WORLD_CONNECTED)
        return begun ? 0 : -EISCONN;
    if (socket->state == LEAT__WORLD_LISTENS)
        return leat__world_is_local(socket) ? -EINVAL : -EISCONN;
    err = take_address(&socket->remote, &socket->remote_bytes, socket->family, address, bytes);
    if (!err)
        err = find_listener(socket, &socket->remote, &listener);
    if (err)
        return err;
    if (listener->type != socket->type)
        return -EPROTOTYPE;
    if (listener->queued > listener->backlog) {
        if (leat__world_is_local(socket))
            return -ENOBUFS; /* as leat__op_attempt has it */
        socket->begun = true; /* asked again and again */
        return -EAGAIN;
    }
    enqueue(listener, socket);
    return 0;
}

int leat__world_accept(struct leat__world_socket *socket, int flags)
{
    struct leat__world_socket *first = socket->queue;
    int fd;

    (void)flags;
    if (socket->state != LEAT__WORLD_LISTENS)
        return -EINVAL;
    if (!first)
        return -EAGAIN;
    if (leat__world.open_count == LEAT__WORLD_FDS_MAX)
        return -EMFILE; /* and it stays in the queue */
    socket->queue = first->next;
    socket->queued--;
    fd = give_fd(first);
    leat__world_changed();
    return fd;
}

/* ---- ends ---- */

int leat__world_shutdown(struct leat__world_socket *socket, int how)
{
    if (socket->state != LEAT__WORLD_CONNECTED && !leat__world_is_local(socket))
        return -ENOTCONN;
    if (socket->closed && !leat__world_is_local(socket))
        return -ENOTCONN;
    if (how == SHUT_RD || how == SHUT_RDWR) {
        socket->shut_reading = true;
        if (socket->peer && leat__world_is_local(socket))
            socket->peer->shut_writing = true; /* which it hears of at once */
    }
    if (how == SHUT_WR || how == SHUT_RDWR) {
        socket->shut_writing = true;
        if (socket->peer && !socket->half_open)
            socket->peer->ended = true;
    }
    leat__world_changed();
    return 0;
}

static void give_up(void *arg)
{
    (void)arg;
    for (int i = 0; i < LEAT__WORLD_FDS_MAX; i++) {
        struct leat__world_open *open = leat__world.fds[i];

        if (!open || open->kind != LEAT__WORLD_OPEN_SOCKET || !open->socket->half_open)
            continue;
        open->socket->error = -ETIMEDOUT;
        open->socket->ended = true;
        open->socket->closed = true;
    }
    leat__world_changed();
}

static void lose(struct leat__world_socket *socket)
{
    leat__world.lost += socket->in.count;
    socket->in.count = 0;
    leat__world_passed_drop(socket);
}

/* Who has read the end of a connection already, or could, hears of a reset as EPIPE. */
static void cut(struct leat__world_socket *socket, int err)
{
    bool had_ended = socket->ended && !leat__world_is_local(socket);

    socket->error = err == -ECONNRESET && had_ended ? -EPIPE : err;
    socket->ended = true;
    socket->closed = true;
}

void leat__world_reset(struct leat__world_socket *socket)
{
    if (socket->state != LEAT__WORLD_CONNECTED)
        return;
    lose(socket);
    cut(socket, -ECONNRESET);
    if (socket->peer && !socket->half_open) {
        lose(socket->peer);
        cut(socket->peer, -ECONNRESET);
    }
    leat__world_changed();
}

void leat__world_refuse(struct leat__world_socket *socket)
{
    cut(socket->peer, -ECONNRESET); /* what it has not read stays to be read */
    cut(socket, -ECONNRESET);
    leat__world_changed();
}

void leat__world_half_open(struct leat__world_socket *socket)
{
    if (socket->state != LEAT__WORLD_CONNECTED || leat__world_is_local(socket) || socket->half_open)
        return;
    socket->half_open = true;
    if (socket->peer)
        socket->peer->half_open = true;
    leat__sim_at(leat__sim_now() + GIVE_UP, give_up, NULL);
}

/* What a close means to the peer. */
static void part(struct leat__world_socket *socket)
{
    struct leat__world_socket *peer = socket->peer;

    if (!peer)
        return;
    peer->peer = NULL;
    if (peer->half_open)
        return;
    if (socket->in.count > 0 || socket->linger_none)
        cut(peer, -ECONNRESET);
    peer->ended = true;
    if (leat__world_is_local(peer))
        peer->closed = true; /* it hears of it at once; TCP when it sends */
}

void leat__world_socket_drop(struct leat__world_socket *socket)
{
    struct leat__world_socket *waiting = socket->queue;

    while (waiting) {
        struct leat__world_socket *next = waiting->next;

        waiting->linger_none = true;
        leat__world_socket_drop(waiting);
        waiting = next;
    }
    part(socket);
    give_port_back(socket);
    if (socket->name) {
        socket->name->bound = NULL;
        socket->name->refs--;
        leat__world_node_drop(socket->name);
    }
    leat__world_passed_drop(socket);
    leat__world_bytes_lose(&socket->in);
    free(socket);
}

/* ---- polls ---- */

static bool has_room(const struct leat__world_socket *socket)
{
    if (socket->half_open || !socket->peer)
        return socket->swallowed < leat__world.buffer_bytes;
    return socket->peer->in.count < socket->peer->in.room;
}

unsigned leat__world_socket_events(const struct leat__world_socket *socket)
{
    bool gone = socket->closed ||
                ((socket->ended || socket->shut_reading) && socket->shut_writing);
    unsigned events = 0;

    if (socket->state == LEAT__WORLD_FRESH)
        return POLLHUP | (socket->begun ? 0u : POLLOUT);
    if (socket->state == LEAT__WORLD_LISTENS)
        return socket->queue ? POLLIN : 0u;
    if (socket->in.count > 0 || socket->ended || socket->shut_reading || socket->error)
        events |= POLLIN;
    if (socket->ended || socket->shut_reading)
        events |= POLLRDHUP;
    if (has_room(socket) || gone || socket->error || socket->shut_writing)
        events |= POLLOUT;
    return events | (gone ? POLLHUP : 0u) | (socket->error ? POLLERR : 0u);
}
