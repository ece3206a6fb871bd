/* SPDX-License-Identifier: MIT */
/* TCP over the loopback. */
#include "harness/test.h"

#include <leat/io.h>
#include <leat/net.h>
#include <leat/sync.h>
#include <leat/task.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int echo(void *arg)
{
    struct leat_stream *conn = arg;
    LEAT_DEFER(leat_close_stream, conn);
    char data[4096];
    ssize_t n;

    while ((n = leat_read(conn, data, sizeof data)) > 0)
        if ((n = leat_write_all(conn, data, (size_t)n)) < 0)
            break;
    return (int)n;
}

struct server {
    struct leat_listener *listener;
    int                   connections;
};

static int serve(void *arg)
{
    struct server *server = arg;
    LEAT_SCOPE(scope);

    for (int i = 0; i < server->connections; i++) {
        struct leat_stream *conn;
        int err = leat_accept(server->listener, &conn);

        if (err)
            return err;
        leat_spawn(&scope, echo, conn);
    }
    return leat_scope_join(&scope);
}

struct client {
    const char *host;
    uint16_t    port;
    int         messages;
};

static int ask(void *arg)
{
    struct client *client = arg;
    struct leat_stream *conn;
    char out[64], in[64];
    int err = leat_tcp_connect(&conn, client->host, client->port);

    if (err)
        return err;
    LEAT_DEFER(leat_close_stream, conn);
    for (int i = 0; i < client->messages; i++) {
        ssize_t n;

        for (size_t j = 0; j < sizeof out; j++)
            out[j] = (char)(i + (int)j);
        n = leat_write_all(conn, out, sizeof out);
        if (n < 0)
            return (int)n;
        n = leat_read_full(conn, in, sizeof in);
        if (n != (ssize_t)sizeof in)
            return n < 0 ? (int)n : -EIO;
        for (size_t j = 0; j < sizeof in; j++)
            if (in[j] != out[j])
                return -EILSEQ;
    }
    return 0;
}

static void check_echo(const char *listen_host, const char *connect_host)
{
    struct server server = { .connections = 20 };
    struct client client = { .host = connect_host, .messages = 50 };
    LEAT_SCOPE(scope);

    assert_ok(leat_tcp_listen(&server.listener, listen_host, 0));
    client.port = leat_listener_port(server.listener);
    expect_gt(client.port, 0);
    leat_spawn(&scope, serve, &server);
    for (int i = 0; i < server.connections; i++)
        leat_spawn(&scope, ask, &client);
    expect_ok(leat_scope_join(&scope));
    leat_close_listener(server.listener);
}

LEAT_TEST_TASK(net, every_connection_gets_its_own_bytes_back)
{
    check_echo("127.0.0.1", "127.0.0.1");
}

LEAT_TEST_TASK(net, a_listener_on_every_address_is_found_by_name_and_number)
{
    check_echo(NULL, "127.0.0.1");
    check_echo(NULL, "localhost");
}

LEAT_TEST_TASK(net, a_port_in_use_is_refused)
{
    struct leat_listener *first, *second;

    assert_ok(leat_tcp_listen(&first, "127.0.0.1", 0));
    expect_err(leat_tcp_listen(&second, "127.0.0.1", leat_listener_port(first)), -EADDRINUSE);
    leat_close_listener(first);
}

LEAT_TEST_TASK(net, a_connection_nobody_listens_for_is_refused)
{
    struct leat_listener *listener;
    struct leat_stream *conn;
    uint16_t port;

    assert_ok(leat_tcp_listen(&listener, "127.0.0.1", 0));
    port = leat_listener_port(listener);
    leat_close_listener(listener);
    expect_err(leat_tcp_connect(&conn, "127.0.0.1", port), -ECONNREFUSED);
}

LEAT_TEST_TASK(net, an_accept_ends_at_its_deadline)
{
    struct leat_listener *listener;
    struct leat_stream *conn;

    assert_ok(leat_tcp_listen(&listener, "127.0.0.1", 0));
    for (int i = 0; i < 10; i++) {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(leat_accept(listener, &conn), -ETIMEDOUT);
    }
    leat_close_listener(listener);
}

static int accept_one(void *arg)
{
    struct leat_stream *conn;
    int err = leat_accept(arg, &conn);

    if (err == 0)
        leat_close_stream(conn);
    return err;
}

struct accepter {
    struct leat_listener *listener;
    struct leat_event     begun;
};

static int say_so_and_accept(void *arg)
{
    struct accepter *accepter = arg;

    leat_event_set(&accepter->begun);
    return accept_one(accepter->listener);
}

LEAT_TEST_TASK(net, closing_a_listener_ends_every_accept)
{
    struct accepter accepters[5];
    struct leat_listener *listener;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    assert_ok(leat_tcp_listen(&listener, "127.0.0.1", 0));
    for (int i = 0; i < 5; i++) {
        accepters[i] = (struct accepter){ .listener = listener };
        leat_spawn(&scope, say_so_and_accept, &accepters[i]);
    }
    for (int i = 0; i < 5; i++)
        expect_ok(leat_event_wait(&accepters[i].begun));
    leat_sleep((TEST_EMULATED ? 50 : 5) * LEAT_MSEC); /* and now they are inside */
    leat_close_listener(listener);
    expect_err(leat_scope_join(&scope), -ECANCELED);
}

LEAT_TEST_TASK(net, several_accepts_share_the_connections)
{
    struct leat_listener *listener;
    struct client client = { .host = "127.0.0.1" };
    LEAT_SCOPE(scope);

    assert_ok(leat_tcp_listen(&listener, "127.0.0.1", 0));
    client.port = leat_listener_port(listener);
    for (int i = 0; i < 8; i++)
        leat_spawn(&scope, accept_one, listener);
    for (int i = 0; i < 8; i++)
        leat_spawn(&scope, ask, &client);
    expect_ok(leat_scope_join(&scope));
    leat_close_listener(listener);
}

LEAT_TEST_TASK(net, an_accept_without_descriptors_fails_and_works_again_later)
{
    struct leat_listener *listener;
    struct leat_stream *client, *conn = NULL;
    struct rlimit limit, low;
    int highest;

    assert_ok(leat_tcp_listen(&listener, "127.0.0.1", 0));
    assert_ok(leat_tcp_connect(&client, "127.0.0.1", leat_listener_port(listener)));
    assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
    highest = dup(0); /* the lowest free number: none below it is free */
    assert_ge(highest, 0);
    close(highest);
    low = limit;
    low.rlim_cur = (rlim_t)highest;
    assert_ok(setrlimit(RLIMIT_NOFILE, &low));
    expect_err(leat_accept(listener, &conn), -EMFILE);
    assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
    assert_ok(leat_accept(listener, &conn));
    leat_close_stream(conn);
    leat_close_stream(client);
    leat_close_listener(listener);
}
