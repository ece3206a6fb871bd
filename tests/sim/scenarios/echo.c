/* SPDX-License-Identifier: MIT */
/* An echo server and its clients over TCP. Whatever fails, is cut short, comes late or never: each
 * client gets back a beginning of what it sent, all of it where nothing failed, and both sides end;
 * no descriptor stays open and no byte is unaccounted for (runtime/sim/world.h). */
#include "sim/scenarios/scenario.h"

#include <string.h>

#define MESSAGE_MAX 300

static uint32_t unharmed;

static int serve_one(void *arg)
{
    struct leat_stream *stream = *(struct leat_stream **)arg;
    char data[64];
    ssize_t n;
    LEAT_LIMIT(LEAT_MINUTE);

    while ((n = leat_read(stream, data, sizeof data)) > 0)
        if ((n = leat_write_all(stream, data, (size_t)n)) < 0)
            break;
    leat_close_stream(stream);
    return 0;
}

static int serve(void *arg)
{
    struct leat_listener *listener = arg;
    struct leat_stream *stream;
    int err;
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    while ((err = leat_accept(listener, &stream)) != -ECANCELED) {
        leat_sim_expect(err == 0 || leat_sim_has_faults());
        if (err)
            (void)leat_sleep(LEAT_MSEC);
        else if (leat_spawn_with(&scope, serve_one, &stream, sizeof stream) != 0)
            leat_close_stream(stream);
    }
    (void)leat_scope_join(&scope);
    return 0;
}

static int talk(void *arg)
{
    uint16_t port = *(uint16_t *)arg;
    size_t bytes = 1 + leat_sim_choose(MESSAGE_MAX);
    char sent[MESSAGE_MAX + 1], got[MESSAGE_MAX + 1];
    struct leat_stream *stream;
    ssize_t n;
    LEAT_LIMIT(LEAT_MINUTE);

    for (size_t i = 0; i < bytes; i++)
        sent[i] = (char)('a' + leat_sim_choose(26));
    n = leat_tcp_connect(&stream, leat_sim_choose(2) ? "localhost" : "127.0.0.1", port);
    if (n == 0) {
        /* More than the buffers on the way hold would have to be read meanwhile. */
        for (size_t done = 0; n >= 0 && done < bytes; done += (size_t)n) {
            size_t part = bytes - done < 8 ? bytes - done : 8;

            n = leat_write_all(stream, sent + done, part);
            if (n > 0)
                n = leat_read_full(stream, got + done, part);
            if (n > 0)
                leat_sim_expect(memcmp(sent + done, got + done, (size_t)n) == 0);
            if (n == 0)
                n = -EPIPE;
        }
        leat_close_stream(stream);
    }
    leat_sim_expect(n >= 0 || leat_sim_has_faults());
    unharmed += n >= 0;
    return 0;
}

SCENARIO_WITH_FAULTS(echo)
{
    struct leat_listener *listener;
    uint32_t clients = 1 + leat_sim_size() / 8;
    uint16_t port;
    int err = leat_tcp_listen(&listener, "127.0.0.1", 0);
    LEAT_SCOPE(server);

    unharmed = 0;
    leat_sim_expect(err == 0 || leat_sim_has_faults());
    if (err)
        return;
    port = leat_listener_port(listener);
    err = leat_spawn(&server, serve, listener);
    if (!err) {
        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

        for (uint32_t i = 0; i < clients; i++)
            (void)leat_spawn(&scope, talk, &port);
        (void)leat_scope_join(&scope);
    }
    leat_scope_cancel(&server);
    (void)leat_scope_join(&server);
    leat_close_listener(listener);
    leat_sim_expect(unharmed == clients || leat_sim_has_faults());
}
