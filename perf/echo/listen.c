/* SPDX-License-Identifier: MIT */
/* listen.c: see listen.h. */
#define _GNU_SOURCE
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>

#include "helper.h"

struct server {
    void (*serve)(int listener);
    int listener;
};

enum { WORKERS_MAX = 64 };

/* Port 0 takes any free one; the port taken is stored. */
static int listen_on(in_port_t *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = *port,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          bytes = sizeof address;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) ||
        bind(fd, (struct sockaddr *)&address, bytes) || listen(fd, SOMAXCONN) ||
        getsockname(fd, (struct sockaddr *)&address, &bytes))
        perf_die("listen", errno);
    *port = address.sin_port;
    return fd;
}

static void *serve_on_thread(void *arg)
{
    struct server *server = arg;

    server->serve(server->listener);
    return NULL;
}

void echo_serve(int workers, void (*serve)(int listener))
{
    static struct server servers[WORKERS_MAX];
    in_port_t            port = 0;

    if (workers > WORKERS_MAX)
        perf_die("too many workers", 0);
    for (int i = 0; i < workers; i++)
        servers[i] = (struct server){ serve, listen_on(&port) };
    printf("port %u\n", ntohs(port));
    fflush(stdout);
    for (int i = 1; i < workers; i++) {
        pthread_t thread;
        int       err = pthread_create(&thread, NULL, serve_on_thread, &servers[i]);

        if (err)
            perf_die("thread", err);
    }
    serve_on_thread(&servers[0]);
}

void echo_no_delay(int fd)
{
    int one = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}
