/* SPDX-License-Identifier: MIT */
/* Load for an echo server: connects, sends, and verifies that each message comes back.
 *
 *     echo_client --port PORT [--host HOST] [--connections N] [--messages N] [--bytes N]
 *
 * Each connection is a task; the first that fails ends all. Prints counts and rate. */
#include <leat/leat.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message is written whole before its echo is read, so it must fit in the sockets' buffers. */
enum { MESSAGE_MAX = 64 << 10 };

struct client {
    const char *host;
    uint16_t    port;
    long        connections, messages, bytes;
};

struct talk {
    const struct client *client;
    long                 number;
};

/* Message `turn` of a connection: no two in a row alike, so that a lost or doubled one shows. */
static void compose(unsigned char *message, const struct talk *talk, long turn)
{
    for (long i = 0; i < talk->client->bytes; i++)
        message[i] = (unsigned char)(i + 31 * turn + 7 * talk->number);
}

static int exchange(struct leat_stream *stream, const struct talk *talk, unsigned char *sent)
{
    size_t         bytes = (size_t)talk->client->bytes;
    unsigned char *received = sent + bytes;
    ssize_t        n = 0;

    for (long turn = 0; turn < talk->client->messages; turn++) {
        compose(sent, talk, turn);
        n = leat_write_all(stream, sent, bytes);
        if (n >= 0)
            n = leat_read_full(stream, received, bytes);
        if (n < 0)
            return (int)n;
        if ((size_t)n < bytes)
            return -ECONNRESET;
        if (memcmp(sent, received, bytes) != 0)
            return -EBADMSG;
    }
    return 0;
}

static int run_talk(void *arg)
{
    struct talk        *talk = arg;
    struct leat_stream *stream;
    unsigned char      *memory = malloc(2 * (size_t)talk->client->bytes);
    int                 err = memory != NULL ? 0 : -ENOMEM;

    if (err == 0)
        err = leat_tcp_connect(&stream, talk->client->host, talk->client->port);
    if (err == 0) {
        err = exchange(stream, talk, memory);
        leat_close_stream(stream);
    }
    free(memory);
    return err;
}

static int app(void *arg)
{
    const struct client *client = arg;
    leat_time            start = leat_now();
    double               seconds;
    int                  err;

    LEAT_SCOPE(scope);
    for (long i = 0; i < client->connections; i++)
        leat_spawn_with(&scope, run_talk, &(struct talk){ client, i }, sizeof(struct talk));
    err = leat_scope_join(&scope);
    if (err < 0)
        return err;

    seconds = (double)(leat_now() - start) / (double)LEAT_SEC;
    printf("%ld connections, %ld messages of %ld bytes each: all echoed, %.0f messages a second\n",
           client->connections, client->messages, client->bytes,
           (double)client->connections * (double)client->messages / seconds);
    return 0;
}

static int usage(FILE *out, int status)
{
    fputs("usage: echo_client --port PORT [--host HOST] [--connections N] [--messages N] "
          "[--bytes N]\n", out);
    return status;
}

static bool parse(const char *text, long min, long max, long *ret)
{
    char *end;

    *ret = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && *ret >= min && *ret <= max;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "host", required_argument, NULL, 'h' },
        { "port", required_argument, NULL, 'p' },
        { "connections", required_argument, NULL, 'c' },
        { "messages", required_argument, NULL, 'm' },
        { "bytes", required_argument, NULL, 'b' },
        { "help", no_argument, NULL, '!' },
        { NULL, 0, NULL, 0 },
    };
    struct client client = {
        .host = "127.0.0.1", .connections = 16, .messages = 1000, .bytes = 64
    };
    long port = 0;
    int  option;
    bool good = true;

    while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'h': client.host = optarg; break;
        case 'p': good = parse(optarg, 1, UINT16_MAX, &port); break;
        case 'c': good = parse(optarg, 1, 100000, &client.connections); break;
        case 'm': good = parse(optarg, 1, 1000000000, &client.messages); break;
        case 'b': good = parse(optarg, 1, MESSAGE_MAX, &client.bytes); break;
        case '!': return usage(stdout, 0);
        default: good = false;
        }
    }
    if (!good || port == 0 || optind < argc)
        return usage(stderr, 2);
    client.port = (uint16_t)port;
    return leat_main(app, &client, NULL);
}
