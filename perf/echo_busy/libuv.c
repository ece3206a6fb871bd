/* SPDX-License-Identifier: MIT */
/* libuv: one loop, and its own pool, of a thread for each CPU, which computes. */
#include <stdlib.h>
#include <uv.h>

#include "burn.h"
#include "helper.h"

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    (void)handle;
    *ret = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void closed(uv_handle_t *handle)
{
    free(handle);
}

static void answer(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
    uv_buf_t reply = uv_buf_init(buffer->base, got > 0 ? (unsigned)got : 0);

    /* 64 bytes always fit into the socket of a client that waits for them. */
    if (got < 0 || (got > 0 && uv_try_write(stream, &reply, 1) != got))
        uv_close((uv_handle_t *)stream, closed);
    free(buffer->base);
}

static void accept_one(uv_stream_t *listener, int status)
{
    uv_tcp_t *connection = malloc(sizeof *connection);

    if (status || !connection || uv_tcp_init(listener->loop, connection) ||
        uv_accept(listener, (uv_stream_t *)connection))
        perf_die("accept", 0);
    uv_tcp_nodelay(connection, 1);
    uv_read_start((uv_stream_t *)connection, allocate, answer);
}

static void work(uv_work_t *request)
{
    (void)request;
    burn();
}

static void work_again(uv_work_t *request, int status)
{
    if (status || uv_queue_work(request->loop, request, work, work_again))
        perf_die("uv_queue_work", 0);
}

int main(int argc, char **argv)
{
    struct sockaddr_in       address;
    struct sockaddr_storage  bound;
    int                      bytes = sizeof bound;
    uv_loop_t               *loop = uv_default_loop();
    uv_tcp_t                 listener;
    uv_work_t               *requests = calloc((size_t)perf_cpu_count(), sizeof *requests);
    char                     threads[16];

    (void)perf_args_parse(argc, argv);
    snprintf(threads, sizeof threads, "%d", perf_cpu_count());
    setenv("UV_THREADPOOL_SIZE", threads, 1);
    if (!requests || uv_ip4_addr("127.0.0.1", 0, &address) || uv_tcp_init(loop, &listener) ||
        uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) ||
        uv_listen((uv_stream_t *)&listener, 128, accept_one) ||
        uv_tcp_getsockname(&listener, (struct sockaddr *)&bound, &bytes))
        perf_die("server", 0);
    for (int i = 0; i < perf_cpu_count(); i++) {
        requests[i].loop = loop;
        work_again(&requests[i], 0);
    }
    printf("port %u\n", ntohs(((struct sockaddr_in *)&bound)->sin_port));
    fflush(stdout);
    return uv_run(loop, UV_RUN_DEFAULT);
}
