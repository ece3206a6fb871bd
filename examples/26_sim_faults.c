/* SPDX-License-Identifier: MIT */
/* A service must survive what goes wrong with any one I/O call: each in turn, in each way. */
#include <leat/leat.h>
#include <leat/testing.h>

#include <stdio.h>

static int serve(void *listener)
{
    struct leat_stream *conn;
    int err;

    while ((err = leat_accept(listener, &conn)) != -ECANCELED) {
        LEAT_LIMIT(10 * LEAT_SEC); /* a peer may fall silent */
        char byte;

        if (err == 0 && leat_read(conn, &byte, 1) == 1)
            (void)!leat_write_all(conn, &byte, 1);
        if (err == 0)
            leat_close_stream(conn);
        else
            (void)leat_sleep(10 * LEAT_MSEC); /* out of descriptors, say: no reason to stop */
    }
    return 0;
}

static int ask(uint16_t port)
{
    struct leat_stream *conn;
    char got, served;
    LEAT_LIMIT(LEAT_MINUTE);
    if (leat_tcp_connect(&conn, "localhost", port) < 0)
        return 0;
    served = leat_write_all(conn, "?", 1) == 1 && leat_read(conn, &got, 1) == 1;
    leat_close_stream(conn);
    return served;
}

static int test(void *arg)
{
    struct leat_listener *listener;
    int served = 0;
    LEAT_SCOPE(scope);
    if (leat_tcp_listen(&listener, arg, 0) < 0)
        return 0; /* it did not come up */
    leat_spawn(&scope, serve, listener);
    for (int i = 0; i < 2 && !served; i++) /* one fault, so one client at most is harmed */
        served = ask(leat_listener_port(listener));
    leat_scope_cancel(&scope);
    (void)leat_scope_join(&scope);
    leat_close_listener(listener); /* from which nobody accepts any more */
    return served ? 0 : -EPROTO;
}

int main(void)
{
    int err = leat_sim_fault_everywhere(test, NULL, LEAT_SIM_OPTIONS(.seeds = 10));
    printf("served whatever fails: %s\n", leat_error_name(err));
    return err != 0;
}
