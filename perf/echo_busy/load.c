/* SPDX-License-Identifier: MIT */
/*
 * load.c: `load QUESTION WORKERS SAMPLES SERVER` starts the server, which prints `port N`, and asks
 * it for one echo at a time, at random instants a millisecond apart on average. A sample is the
 * time that 99 of a hundred of them did not exceed.
 *
 * Server and generator share the machine. Where the generator may, it runs before all else, for
 * some microseconds a request: else its own wait for a CPU would be measured, too. It checks that
 * the server has really kept the CPUs busy, or the question would be another one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"

enum { CONNECTIONS = 8, REQUESTS = 800, WARMUP = 200, BYTES = 64 };

static pid_t server;

static void end_server(void)
{
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

static _Noreturn void give_up(const char *what, int err)
{
    end_server();
    perf_die(what, err);
}

/* Returns the port that the server said. */
static uint16_t start_server(char *path, const struct perf_args *args)
{
    char     workers[16], samples[16];
    int      ends[2];
    unsigned port;
    FILE    *output;

    snprintf(workers, sizeof workers, "%d", args->workers);
    snprintf(samples, sizeof samples, "%d", args->samples);
    if (pipe2(ends, O_CLOEXEC))
        perf_die("pipe", errno);
    server = fork();
    if (server < 0)
        perf_die("fork", errno);
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(ends[1], STDOUT_FILENO);
        execl(path, path, args->question, workers, samples, (char *)NULL);
        perf_die(path, errno);
    }
    close(ends[1]);
    output = fdopen(ends[0], "r");
    if (!output || fscanf(output, "port %u", &port) != 1 || port > 65535)
        give_up("the server did not say its port", 0);
    return (uint16_t)port; /* the pipe stays open: the server may say more */
}

static void connect_all(int *fds, uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int                one = 1;

    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&address, sizeof address) ||
            setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one))
            give_up("connect", errno);
    }
}

static double ask_us(int fd, unsigned char stamp)
{
    unsigned char request[BYTES], reply[BYTES];
    int64_t       begin = perf_now_ns();

    memset(request, stamp, sizeof request);
    if (send(fd, request, sizeof request, MSG_NOSIGNAL) != BYTES)
        give_up("send", errno);
    if (recv(fd, reply, sizeof reply, MSG_WAITALL) != BYTES)
        give_up("the server closed a connection", 0);
    if (memcmp(request, reply, sizeof reply) != 0)
        give_up("the reply is not the request", 0);
    return (double)(perf_now_ns() - begin) / 1e3;
}

static void ask_all(const int *fds, double *took, int count, uint64_t *random)
{
    for (int i = 0; i < count; i++) {
        struct timespec pause = { .tv_nsec = (long)(perf_random(random) % 2000000) };

        nanosleep(&pause, NULL);
        took[i] = ask_us(fds[i % CONNECTIONS], (unsigned char)i);
    }
}

static int64_t server_cpu_ns(clockid_t clock)
{
    struct timespec used;

    if (clock_gettime(clock, &used))
        give_up("the server has ended", 0);
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static void measure(const struct perf_args *args, const int *fds, clockid_t clock)
{
    static double took[REQUESTS];
    uint64_t      random = 88172645463325252u;

    ask_all(fds, took, WARMUP, &random);
    for (int sample = 0; sample < args->samples; sample++) {
        int64_t begin = perf_now_ns(), cpu = server_cpu_ns(clock);

        ask_all(fds, took, REQUESTS, &random);
        cpu = server_cpu_ns(clock) - cpu;
        /* Others may use some of it: half will do. */
        if (2 * cpu < (perf_now_ns() - begin) * perf_cpu_count())
            give_up("the server did not keep the CPUs busy", 0);
        perf_sample(perf_p99(took, REQUESTS));
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    clockid_t        clock;
    int              fds[CONNECTIONS];

    if (argc != 5)
        perf_die("load: expected SERVER after the usual arguments", 0);
    connect_all(fds, start_server(argv[4], &args));
    if (clock_getcpuclockid(server, &clock))
        give_up("the server's CPU clock", ESRCH);
    (void)sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
    measure(&args, fds, clock);
    end_server();
    return 0;
}
