/* SPDX-License-Identifier: MIT */
/* A task per connection, and tasks that keep the compute pool busy. */
#include <leat/leat.h>

#include <stdio.h>

#include "burn.h"
#include "helper.h"

static int serve(void *arg)
{
    struct leat_stream *conn = arg;
    LEAT_DEFER(leat_close_stream, conn);
    char    buffer[4096];
    ssize_t n;

    while ((n = leat_read(conn, buffer, sizeof buffer)) > 0)
        if ((n = leat_write_all(conn, buffer, (size_t)n)) < 0)
            break;
    return 0; /* a lost connection is not the server's failure */
}

static int burn_once(void *unused)
{
    (void)unused;
    burn();
    return 0;
}

static int keep_computing(void *unused)
{
    int err;

    (void)unused;
    while ((err = leat_compute(burn_once, NULL)) == 0)
        continue;
    return err;
}

static int server(void *arg)
{
    const int            *cpus = arg;
    struct leat_listener *listener;
    struct leat_stream   *conn;
    int                   err = leat_tcp_listen(&listener, "127.0.0.1", 0);

    if (err)
        return err;
    LEAT_DEFER(leat_close_listener, listener);
    printf("port %u\n", leat_listener_port(listener));
    fflush(stdout);
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
    for (int i = 0; i < *cpus; i++)
        leat_spawn(&scope, keep_computing, NULL);
    while ((err = leat_accept(listener, &conn)) == 0)
        if (leat_spawn(&scope, serve, conn))
            leat_close_stream(conn);
    return err;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    int              cpus = perf_cpu_count(); /* a worker may be bound to one of them */

    return leat_main(server, &cpus, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
