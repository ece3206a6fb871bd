/* SPDX-License-Identifier: MIT */
/* Tasks that compute, and what stands behind them. */
#include "compute.h"
#include "helper.h"

#include <leat/leat.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROUNDS 9

static struct perf_args args;
static volatile int64_t released_ns;

/* ---- hog_spread ---- */

static int compute_1_ms(void *unused)
{
    (void)unused;
    compute_ms(1);
    return 0;
}

static double spread(void)
{
    int64_t begin = perf_now_ns();
    LEAT_SCOPE(scope);

    leat_spawn(&scope, compute_1_ms, NULL);
    leat_spawn(&scope, compute_1_ms, NULL);
    if (leat_scope_join(&scope) != 0)
        perf_die("join", 0);
    return (double)(perf_now_ns() - begin) / 1e6;
}

/* ---- hog_ready ---- */

struct pair {
    struct leat_semaphore semaphore;
    double                waited;
};

static int be_readied(void *arg)
{
    struct pair *pair = arg;
    int err = leat_semaphore_acquire(&pair->semaphore, 1);

    pair->waited = (double)(perf_now_ns() - released_ns) / 1e3;
    return err;
}

static int ready_and_compute(void *arg)
{
    struct pair *pair = arg;

    leat_sleep(2 * LEAT_MSEC); /* the other waits, and the other worker sleeps */
    released_ns = perf_now_ns();
    leat_semaphore_release(&pair->semaphore, 1);
    compute_ms(10);
    return 0;
}

static double ready(void)
{
    struct pair pair;
    LEAT_SCOPE(scope);

    leat_semaphore_init(&pair.semaphore, 0);
    leat_spawn(&scope, be_readied, &pair);
    leat_spawn(&scope, ready_and_compute, &pair);
    if (leat_scope_join(&scope) != 0)
        perf_die("join", 0);
    return pair.waited;
}

/* ---- hog_ready_first ---- */

static int yield_often(void *unused)
{
    (void)unused;
    for (int i = 0; i < 20000; i++)
        leat_yield();
    return 0;
}

/* So that both workers take the next turn for a short one. */
static double ready_first(void)
{
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 4; i++)
            leat_spawn(&scope, yield_often, NULL);
        if (leat_scope_join(&scope) != 0)
            perf_die("join", 0);
    }
    return ready();
}

/* ---- hog_io ---- */

struct server {
    struct leat_scope *scope;
    int                fds[2];
    volatile bool      computing, answered;
    double             waited;
};

static int hog(void *arg)
{
    struct server *server = arg;

    server->computing = true;
    for (int i = 0; i < 1000 && !server->answered; i++)
        compute_ms(1);
    return 0;
}

/* Its read is on the worker on which the hog runs next. */
static int serve(void *arg)
{
    struct server *server = arg;
    struct leat_stream *stream;
    char byte;
    int err = leat_stream_open_fd(&stream, server->fds[0]);

    if (err)
        return err;
    leat_spawn_opt(server->scope, hog, server, LEAT_TASK_OPTIONS(.pinned = true));
    if (leat_read(stream, &byte, 1) != 1 || leat_write_all(stream, &byte, 1) < 0)
        err = -1;
    leat_close_stream(stream);
    return err;
}

static void *request(void *arg)
{
    struct server *server = arg;
    char byte = 'x';
    int64_t begin;

    while (!server->computing)
        usleep(1000);
    usleep(20000);
    begin = perf_now_ns();
    if (write(server->fds[1], &byte, 1) != 1 || read(server->fds[1], &byte, 1) != 1)
        perf_die("request", 0);
    server->waited = (double)(perf_now_ns() - begin) / 1e6;
    server->answered = true;
    return NULL;
}

static double io(void)
{
    struct server server = { .scope = NULL };
    pthread_t thread;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, server.fds) != 0)
        perf_die("socketpair", 0);
    if (pthread_create(&thread, NULL, request, &server) != 0)
        perf_die("pthread_create", 0);
    {
        LEAT_SCOPE(scope);

        server.scope = &scope;
        leat_spawn(&scope, serve, &server);
        if (leat_scope_join(&scope) != 0)
            perf_die("join", 0);
    }
    pthread_join(thread, NULL);
    close(server.fds[1]);
    return server.waited;
}

static int app(void *unused)
{
    double (*measure)(void) = strcmp(args.question, "hog_spread") == 0  ? spread
                              : strcmp(args.question, "hog_ready") == 0 ? ready
                              : strcmp(args.question, "hog_ready_first") == 0 ? ready_first
                                                                              : io;
    double values[ROUNDS];

    (void)unused;
    (void)measure();
    for (int i = 0; i < args.samples; i++) {
        for (int round = 0; round < ROUNDS; round++)
            values[round] = measure();
        perf_sample(perf_median(values, ROUNDS));
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool epoll;

    args = perf_args_parse(argc, argv);
    epoll = strcmp(args.question, "hog_io_epoll") == 0;
    calibrate();
    return leat_main(app, NULL,
                     LEAT_OPTIONS(.workers = (unsigned)args.workers,
                                  .reactor = epoll ? LEAT_REACTOR_EPOLL : LEAT_REACTOR_AUTO));
}
