/* SPDX-License-Identifier: MIT */
/*
 * libuv, one loop per worker. Replies go out with uv_try_write, the fast path that libuv's
 * documentation recommends; only what the socket does not take at once is queued.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "helper.h"
#include "listen.h"

/* The rest of a reply, queued: its bytes follow the request. */
struct rest {
    uv_write_t request;
    char       bytes[];
};

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)handle;
    *ret = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void written(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

static void write_later(uv_stream_t *stream, const char *bytes, size_t count)
{
    struct rest *rest = malloc(sizeof *rest + count);
    uv_buf_t     buffer;

    if (!rest)
        perf_die("no memory for a reply", 0);
    memcpy(rest->bytes, bytes, count);
    buffer = uv_buf_init(rest->bytes, (unsigned)count);
    if (uv_write(&rest->request, stream, &buffer, 1, written))
        free(rest);
}

static void answer(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    uv_buf_t reply = uv_buf_init(buffer->base, got > 0 ? (unsigned)got : 0);

    if (got > 0) {
        int sent = uv_try_write(stream, &reply, 1);

        if (sent < got) {
            sent = sent < 0 ? 0 : sent;
            write_later(stream, buffer->base + sent, (size_t)(got - sent));
        }
    } else if (got < 0) {
        uv_close((uv_handle_t *)stream, closed);
    }
    free(buffer->base);
}

static void accept_one(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection = malloc(sizeof *connection);

    if (status || !connection || uv_tcp_init(listener->loop, connection))
        perf_die("accept", 0);
    if (uv_accept(listener, (uv_stream_t *)connection)) {
        uv_close((uv_handle_t *)connection, closed);
        return;
    }
    uv_tcp_nodelay(connection, 1);
    uv_read_start((uv_stream_t *)connection, allocate, answer);
}

static void serve(int listener)
{
    uv_loop_t loop;
    uv_tcp_t  socket;

    if (uv_loop_init(&loop) || uv_tcp_init(&loop, &socket) || uv_tcp_open(&socket, listener) ||
        uv_listen((uv_stream_t *)&socket, SOMAXCONN, accept_one))
        perf_die("server", 0);
    uv_run(&loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    echo_serve(args.workers, serve);
    return 0;
}
