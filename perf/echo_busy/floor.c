/* SPDX-License-Identifier: MIT */
/*
 * One epoll loop, and a thread for each CPU that computes: told to the kernel to be batch work,
 * which gives way to what wakes up. Nothing else can be done without a privilege.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "burn.h"
#include "helper.h"

enum { EVENTS = 64, BUFFER_BYTES = 4096 };

static int listen_anywhere(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t          bytes = sizeof address;
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, bytes) || listen(fd, SOMAXCONN) ||
        getsockname(fd, (struct sockaddr *)&address, &bytes))
        perf_die("listen", errno);
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void accept_all(int listener, int poll_fd)
{
    int fd, one = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event))
            perf_die("epoll_ctl", errno);
    }
}

static void answer(int fd)
{
    char    buffer[BUFFER_BYTES];
    ssize_t got = recv(fd, buffer, sizeof buffer, 0);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got)
        close(fd);
}

static void *keep_computing(void *unused)
{
    sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ .sched_priority = 0 });
    for (;;)
        burn();
    return unused;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], event = { .events = EPOLLIN };
    int                poll_fd = epoll_create1(EPOLL_CLOEXEC), listener = listen_anywhere();

    (void)perf_args_parse(argc, argv);
    event.data.fd = listener;
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event))
        perf_die("server", errno);
    for (int i = 0; i < perf_cpu_count(); i++) {
        pthread_t thread;
        int       err = pthread_create(&thread, NULL, keep_computing, NULL);

        if (err)
            perf_die("thread", err);
    }
    for (;;) {
        int count = epoll_wait(poll_fd, events, EVENTS, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                accept_all(listener, poll_fd);
            else
                answer(events[i].data.fd);
        }
    }
}
