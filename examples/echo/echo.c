/* SPDX-License-Identifier: MIT */
/* A TCP echo server: one task per connection, on all workers.
 *
 *     echo [--host HOST] [--port PORT] [--grace SECONDS]
 *
 * Port 0, the default, is any free one; the first line of output names it. SIGINT and SIGTERM end
 * it in order: nobody is accepted any more, connections have the grace time (default 2 s) to
 * finish, and those that have not are cut. A second signal kills. */
#include <leat/leat.h>

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct server {
    const char           *host; /* NULL: all addresses */
    uint16_t              port;
    leat_time             grace;
    struct leat_listener *listener;
    struct leat_scope    *connections; /* owns a task for each */
    struct leat_waitgroup open;        /* counts them */
};

struct connection {
    struct server      *server;
    struct leat_stream *stream;
};

/* What happens to one connection is no other's concern, so this returns 0. */
static int serve(void *arg)
{
    struct connection *connection = arg;
    char               buffer[16 << 10];
    ssize_t            n;

    while ((n = leat_read(connection->stream, buffer, sizeof buffer)) > 0)
        if (leat_write_all(connection->stream, buffer, (size_t)n) < 0)
            break;
    leat_close_stream(connection->stream);
    leat_waitgroup_done(&connection->server->open);
    return 0;
}

/* One for each worker. Out of descriptors, it waits: connections queue in the kernel meanwhile. */
static int accept_all(void *arg)
{
    struct server    *server = arg;
    struct connection connection = { .server = server };
    int               err;

    for (;;) {
        err = leat_accept(server->listener, &connection.stream);
        if (err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM)
            err = leat_sleep(50 * LEAT_MSEC);
        else if (err == 0) {
            leat_waitgroup_add(&server->open, 1);
            err = leat_spawn_with(server->connections, serve, &connection, sizeof connection);
            if (err < 0) {
                leat_waitgroup_done(&server->open);
                leat_close_stream(connection.stream);
            }
        }
        if (err == -ECANCELED || err == -ETIMEDOUT)
            return 0;
        if (err < 0 && err != -ENOMEM)
            return err;
    }
}

/* Accept until a signal comes or accepting fails. */
static int accept_until_signal(struct server *server, struct leat_signals *signals)
{
    struct leat_stats stats;
    int               err = leat_stats_read(&stats), number;

    LEAT_SCOPE(acceptors);
    for (unsigned i = 0; i < stats.workers && err == 0; i++)
        err = leat_spawn(&acceptors, accept_all, server);
    number = leat_signals_wait(signals);
    leat_scope_cancel(&acceptors);
    err = leat_scope_join(&acceptors);
    return number < 0 ? err : 0;
}

static void wait_for_connections(struct server *server)
{
    LEAT_LIMIT(server->grace);
    if (leat_waitgroup_wait(&server->open) < 0)
        fprintf(stderr, "echo: connections cut after the grace time\n");
}

static int app(void *arg)
{
    struct server       *server = arg;
    struct leat_signals *signals;
    int                  err;

    err = leat_signals_open(&signals, (const int[]){ SIGINT, SIGTERM }, 2);
    if (err < 0)
        return err;
    err = leat_tcp_listen(&server->listener, server->host, server->port);
    if (err == 0) {
        printf("listening on port %u\n", leat_listener_port(server->listener));
        fflush(stdout);

        LEAT_SCOPE(connections, .on_error = LEAT_COLLECT);
        server->connections = &connections;
        err = accept_until_signal(server, signals);
        leat_close_listener(server->listener);
        leat_signals_close(signals);
        wait_for_connections(server);
        leat_scope_cancel(&connections);
        leat_scope_join(&connections);
        return err;
    }
    leat_signals_close(signals);
    return err;
}

static int usage(FILE *out, int status)
{
    fputs("usage: echo [--host HOST] [--port PORT] [--grace SECONDS]\n", out);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "host", required_argument, NULL, 'h' },
        { "port", required_argument, NULL, 'p' },
        { "grace", required_argument, NULL, 'g' },
        { "help", no_argument, NULL, '!' },
        { NULL, 0, NULL, 0 },
    };
    struct server server = { .grace = 2 * LEAT_SEC };
    char         *end = NULL;
    long          number;
    int           option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'h') {
            server.host = optarg;
            continue;
        }
        if (option == '!')
            return usage(stdout, 0);
        if (option == '?')
            return usage(stderr, 2);
        number = strtol(optarg, &end, 10);
        if (*optarg == '\0' || *end != '\0' || number < 0 || number > UINT16_MAX)
            return usage(stderr, 2);
        if (option == 'p')
            server.port = (uint16_t)number;
        else
            server.grace = number * LEAT_SEC;
    }
    if (optind < argc)
        return usage(stderr, 2);
    return leat_main(app, &server, NULL);
}
