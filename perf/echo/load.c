/* SPDX-License-Identifier: MIT */
/*
 * load.c: the load generator of the echo questions, `load QUESTION WORKERS SAMPLES SERVER
 * CONNECTIONS BYTES`. Starts the server, which prints `port N`; keeps one request in flight on each
 * connection; and prints the server's CPU time per request for each window of half a second.
 *
 * CPU time, not requests a second: server and generator share a machine, and the generator would be
 * what is measured. It is read from the server's process clock, in nanoseconds. With one worker the
 * server has CPU 0 and the generator CPU 1 for itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

static const int64_t warmup_ns = 200000000, window_ns = 500000000;

enum { EVENTS = 512 };

struct connection {
    int     fd;
    size_t  got;   /* bytes of the present reply */
    uint8_t stamp; /* what the request in flight consists of; differs between neighbours */
};

struct load {
    pid_t              server;
    clockid_t          server_clock;
    int                poll_fd;
    size_t             bytes, connection_count;
    struct connection *connections;
    uint8_t           *request, *reply;
    uint64_t           requests;
};

static void close_load(struct load *load)
{
    kill(load->server, SIGKILL);
    waitpid(load->server, NULL, 0);
}

static _Noreturn void give_up(struct load *load, const char *what, int err)
{
    close_load(load);
    perf_die(what, err);
}

/* Returns the end of a pipe that is the server's standard output. */
static int start_server(struct load *load, char *server, const struct perf_args *args)
{
    char workers[16], samples[16];
    bool apart = args->workers == 1 && perf_cpu_count() > 1;
    int  ends[2];

    snprintf(workers, sizeof workers, "%d", args->workers);
    snprintf(samples, sizeof samples, "%d", args->samples);
    if (pipe2(ends, O_CLOEXEC))
        perf_die("pipe", errno);
    load->server = fork();
    if (load->server < 0)
        perf_die("fork", errno);
    if (load->server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (apart)
            perf_bind(0);
        dup2(ends[1], STDOUT_FILENO);
        execl(server, server, args->question, workers, samples, (char *)NULL);
        perf_die(server, errno);
    }
    close(ends[1]);
    if (apart)
        perf_bind(1);
    if (clock_getcpuclockid(load->server, &load->server_clock))
        give_up(load, "the server's CPU clock", ESRCH);
    return ends[0];
}

static uint16_t read_port(struct load *load, int fd)
{
    char     line[64];
    size_t   used = 0;
    unsigned port;

    while (used < sizeof line - 1) {
        struct pollfd ready = { .fd = fd, .events = POLLIN };
        ssize_t       got = poll(&ready, 1, 10000) == 1 ? read(fd, line + used, 1) : 0;

        if (got <= 0)
            give_up(load, "the server did not say its port", 0);
        if (line[used++] == '\n')
            break;
    }
    line[used] = '\0';
    if (sscanf(line, "port %u", &port) != 1 || port > 65535)
        give_up(load, "the server said something else than its port", 0);
    return (uint16_t)port;
}

static void send_request(struct load *load, struct connection *connection)
{
    size_t sent = 0;

    connection->stamp++;
    memset(load->request, connection->stamp, load->bytes);
    while (sent < load->bytes) {
        ssize_t n = send(connection->fd, load->request + sent, load->bytes - sent, MSG_NOSIGNAL);

        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EAGAIN) /* a reply that we have not read is never in the way for long */
            give_up(load, "send", errno);
    }
}

static void receive(struct load *load, struct connection *connection)
{
    ssize_t n = recv(connection->fd, load->reply, load->bytes - connection->got, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        give_up(load, "the server closed a connection", n < 0 ? errno : 0);
    for (ssize_t i = 0; i < n; i++)
        if (load->reply[i] != connection->stamp)
            give_up(load, "the reply is not the request", 0);
    connection->got += (size_t)n;
    if (connection->got == load->bytes) {
        connection->got = 0;
        load->requests++;
        send_request(load, connection);
    }
}

static void connect_all(struct load *load, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    load->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < load->connection_count; i++) {
        struct connection *connection = &load->connections[i];
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
        int                one = 1;

        connection->stamp = (uint8_t)(i * 7);
        connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection->fd < 0 ||
            connect(connection->fd, (struct sockaddr *)&address, sizeof address) ||
            setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) ||
            fcntl(connection->fd, F_SETFL, O_NONBLOCK) ||
            epoll_ctl(load->poll_fd, EPOLL_CTL_ADD, connection->fd, &event))
            give_up(load, "connect", errno);
    }
}

static int64_t server_cpu_ns(struct load *load)
{
    struct timespec used;

    if (clock_gettime(load->server_clock, &used))
        give_up(load, "the server has ended", 0);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void run_for(struct load *load, int64_t duration_ns)
{
    struct epoll_event events[EVENTS];
    int64_t            end = perf_now_ns() + duration_ns;

    while (perf_now_ns() < end) {
        int count = epoll_wait(load->poll_fd, events, EVENTS, 1000);

        for (int i = 0; i < count; i++)
            receive(load, events[i].data.ptr);
    }
}

static void measure(struct load *load, const struct perf_args *args)
{
    for (size_t i = 0; i < load->connection_count; i++)
        send_request(load, &load->connections[i]);
    run_for(load, warmup_ns);
    for (int sample = 0; sample < args->samples; sample++) {
        uint64_t requests = load->requests;
        int64_t  cpu = server_cpu_ns(load);

        run_for(load, window_ns);
        requests = load->requests - requests;
        if (requests == 0)
            give_up(load, "the server answered nothing in half a second", 0);
        perf_sample((double)(server_cpu_ns(load) - cpu) / 1e3 / (double)requests);
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    struct load      load = { 0 };
    int              output;

    if (argc != 7)
        perf_die("load: expected SERVER CONNECTIONS BYTES after the usual arguments", 0);
    load.connection_count = (size_t)atoi(argv[5]);
    load.bytes = (size_t)atoi(argv[6]);
    load.connections = calloc(load.connection_count, sizeof *load.connections);
    load.request = malloc(load.bytes);
    load.reply = malloc(load.bytes);
    if (!load.connections || !load.request || !load.reply)
        perf_die("load", ENOMEM);
    output = start_server(&load, argv[4], &args);
    connect_all(&load, read_port(&load, output));
    measure(&load, &args);
    close_load(&load);
    return 0;
}
