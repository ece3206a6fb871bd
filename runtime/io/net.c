/* SPDX-License-Identifier: MIT */
/* TCP: names to addresses, addresses to sockets, sockets to streams.
 *
 * One listening socket serves all workers: each waiting leat_accept is an operation on its own
 * worker's reactor. A socket per worker (SO_REUSEPORT) was rejected as the default: the kernel then
 * deals connections out by hash, and those dealt to a busy worker wait while another idles. */
#include <leat/net.h>

#include "base/check.h"
#include "blocking/pool.h"
#include "io/stream.h"
#include "reactor/gate.h"
#include "reactor/op.h"

#include <leat/task.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct leat_listener {
    struct leat__gate gate;
    int               fd;
    uint16_t          port;
};

/* ---- names ---- */

struct lookup {
    const char      *host; /* NULL: in `name`, where an owned copy has it */
    char             name[256]; /* no name is longer */
    char             service[8];
    struct addrinfo  hints;
    struct addrinfo *found; /* freed by freeaddrinfo */
    int              error; /* errno's value, for EAI_SYSTEM */
};

static int look_up(void *arg)
{
    struct lookup *lookup = arg;
    int result = getaddrinfo(lookup->host, lookup->service, &lookup->hints, &lookup->found);

    lookup->error = errno;
    return result; /* EAI_*; glibc's are negative, and none is mistaken for a cancel below */
}

static int error_of(int result, int error)
{
    switch (result) {
    case 0:
        return 0;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return error > 0 ? -error : -EIO;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -ENOENT;
    case EAI_AGAIN:
    case EAI_FAIL:
        return -EHOSTUNREACH; /* the name servers could not be asked */
    default:
        return -EINVAL;
    }
}

/* In a copy, which may be elsewhere than what it was made of. */
static int look_up_name(void *arg)
{
    struct lookup *lookup = arg;
    int result = getaddrinfo(lookup->name, lookup->service, &lookup->hints, &lookup->found);

    return error_of(result, errno);
}

static void drop_lookup(void *arg)
{
    struct lookup *lookup = arg;

    if (lookup->found)
        freeaddrinfo(lookup->found);
}

/* Numeric hosts need nobody to be asked, so they are done on the spot; names sleep in getaddrinfo,
 * on the blocking pool, and are left to it when the caller's scopes end: getaddrinfo(3) can't be
 * stopped. */
static int resolve(struct lookup *lookup, const char *host, uint16_t port, int flags)
{
    int result;

    *lookup = (struct lookup){ .host = host };
    snprintf(lookup->service, sizeof lookup->service, "%u", (unsigned)port);
    lookup->hints = (struct addrinfo){ .ai_family = AF_UNSPEC,
                                       .ai_socktype = SOCK_STREAM,
                                       .ai_protocol = IPPROTO_TCP,
                                       .ai_flags = flags | AI_NUMERICSERV | AI_NUMERICHOST };
    result = look_up(lookup);
    if (result != EAI_NONAME || host == NULL)
        return error_of(result, lookup->error);
    lookup->hints.ai_flags &= ~AI_NUMERICHOST;
    if (strlen(host) >= sizeof lookup->name)
        return -ENOENT;
    memcpy(lookup->name, host, strlen(host) + 1);
    lookup->host = NULL;
    return leat__blocking_names(look_up_name, lookup, sizeof *lookup, drop_lookup);
}

static int make_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->ai_protocol);

    return fd < 0 ? -errno : fd;
}

/* Small writes go out at once; accepted sockets inherit it. A wish: its failure changes no byte. */
static void set_no_delay(int fd)
{
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

/* ---- listening ---- */

static int listen_on(const struct addrinfo *address, bool every)
{
    int fd = make_socket(address);
    int err = 0;

    if (fd < 0)
        return fd;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) < 0)
        err = -errno;
    /* Every address means IPv4's too, whatever the system's default. */
    if (!err && every && address->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 0 }, sizeof(int)) < 0)
        err = -errno;
    set_no_delay(fd);
    if (!err && (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0))
        err = -errno;
    if (!err)
        return fd;
    close(fd);
    return err;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &bytes) < 0)
        return 0;
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)(void *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)(void *)&address)->sin_port);
}

int leat_tcp_listen(struct leat_listener **ret, const char *host, uint16_t port)
{
    struct leat_listener *listener = calloc(1, sizeof *listener);
    struct lookup lookup;
    int err;

    if (!listener)
        return -ENOMEM;
    err = resolve(&lookup, host, port, AI_PASSIVE);
    if (err) {
        free(listener);
        return err;
    }
    /* The first that can be had. IPv6's "every address" is tried first, for it takes IPv4 too. */
    listener->fd = -EADDRNOTAVAIL;
    for (int six = 1; six >= 0 && listener->fd < 0; six--) {
        for (const struct addrinfo *a = lookup.found; a && listener->fd < 0; a = a->ai_next) {
            if ((a->ai_family == AF_INET6) == six)
                listener->fd = listen_on(a, host == NULL);
        }
    }
    freeaddrinfo(lookup.found);
    if (listener->fd < 0) {
        err = listener->fd;
        free(listener);
        return err;
    }
    listener->port = port_of(listener->fd);
    *ret = listener;
    return 0;
}

uint16_t leat_listener_port(const struct leat_listener *listener)
{
    return listener->port;
}

/* Failures of the one connection that was at the head of the queue: accept(2) of Linux passes on
 * what happened to it on the network, and the next one may be fine. */
static bool is_of_one_connection(int err)
{
    switch (err) {
    case -ECONNABORTED:
    case -EPROTO:
    case -ENOPROTOOPT:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENONET:
    case -EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

int leat_accept(struct leat_listener *listener, struct leat_stream **ret)
{
    struct leat_stream *stream;
    int fd, err = leat__gate_enter(&listener->gate, 0);

    if (err)
        return err;
    stream = leat__stream_of_socket(-1); /* first: a connection is not taken and then dropped */
    fd = -ENOMEM;
    while (stream) {
        struct leat__op op = { .code = LEAT__OP_ACCEPT,
                               .fd = listener->fd,
                               .flags = SOCK_NONBLOCK,
                               .gate = &listener->gate };

        fd = leat__op_run(&op);
        if (!is_of_one_connection(fd))
            break;
    }
    leat__gate_leave(&listener->gate, 0);
    if (fd < 0) {
        leat__stream_discard(stream);
        return fd;
    }
    stream->fd = fd;
    *ret = stream;
    return 0;
}

void leat_close_listener(struct leat_listener *listener)
{
    if (!listener)
        return;
    leat__gate_close(&listener->gate);
    close(listener->fd);
    free(listener);
}

/* ---- connecting ---- */

static int connect_to(struct leat_stream *stream, const struct addrinfo *address)
{
    struct leat__op op = { .code = LEAT__OP_CONNECT,
                           .address = address->ai_addr,
                           .address_bytes = address->ai_addrlen };
    int err;

    op.fd = make_socket(address);
    if (op.fd < 0)
        return op.fd;
    set_no_delay(op.fd);
    err = leat__op_run(&op);
    if (err == 0)
        stream->fd = op.fd;
    else
        close(op.fd);
    return err;
}

int leat_tcp_connect(struct leat_stream **ret, const char *host, uint16_t port)
{
    struct leat_stream *stream = leat__stream_of_socket(-1);
    struct lookup lookup;
    int err;

    if (!stream)
        return -ENOMEM;
    err = resolve(&lookup, host, port, 0);
    if (err == 0) {
        err = -EADDRNOTAVAIL;
        for (const struct addrinfo *a = lookup.found; a; a = a->ai_next) {
            err = connect_to(stream, a);
            /* The caller's end is not the address's fault. */
            if (err == 0 || err == -ECANCELED || leat_cancelled() != 0)
                break;
        }
        freeaddrinfo(lookup.found);
    }
    if (err) {
        leat__stream_discard(stream);
        return err;
    }
    *ret = stream;
    return 0;
}
