/* SPDX-License-Identifier: MIT */
/*
 * The readiness model with nothing on top: one epoll loop per worker, each with its own listening
 * socket on the shared port. Per request: a share of an epoll_wait, one recv, one send.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper.h"
#include "listen.h"

enum { EVENTS = 512, BUFFER_BYTES = 64 * 1024 };

static void accept_all(int listener, int poll_fd)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        echo_no_delay(fd);
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event))
            perf_die("epoll_ctl", errno);
    }
}

static void answer(int fd, char *buffer)
{
    ssize_t got = recv(fd, buffer, BUFFER_BYTES, 0), sent = 0;

    if (got < 0 && errno == EAGAIN)
        return;
    while (sent < got) {
        ssize_t n = send(fd, buffer + sent, (size_t)(got - sent), MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            break;
        sent += n < 0 ? 0 : n;
    }
    if (got <= 0 || sent < got)
        close(fd);
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS], event = { .events = EPOLLIN, .data.fd = listener };
    int                poll_fd = epoll_create1(EPOLL_CLOEXEC);
    char              *buffer = malloc(BUFFER_BYTES);

    if (!buffer || epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event))
        perf_die("server", errno);
    for (;;) {
        int count = epoll_wait(poll_fd, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener, poll_fd);
            else
                answer(events[i].data.fd, buffer);
        }
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    echo_serve(args.workers, serve);
    return 0;
}
