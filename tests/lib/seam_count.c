/* SPDX-License-Identifier: MIT */
/* seam_count WHAT N: N times one of the things that tasks do most, on one worker, for seam_count.sh
 * to count its instructions. */
#include <leat/leat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Time goes by as it is looked at: on callgrind's slow machine each round would look around. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
    static long long now = 1000000000;

    (void)clock;
    now += 200;
    *ret = (struct timespec){ .tv_sec = now / 1000000000, .tv_nsec = now % 1000000000 };
    return 0;
}

static long n;

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int spawns(void *arg)
{
    (void)arg;
    for (long i = 0; i < n; i++) {
        LEAT_SCOPE(scope);

        if (leat_spawn(&scope, nothing, NULL) != 0 || leat_scope_join(&scope) != 0)
            return 1;
    }
    return 0;
}

static int yields(void *arg)
{
    (void)arg;
    for (long i = 0; i < n; i++)
        leat_yield();
    return 0;
}

static int two_yield(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    if (leat_spawn(&scope, yields, NULL) != 0)
        return 1;
    return yields(NULL) != 0 || leat_scope_join(&scope) != 0;
}

/* ---- channels: a round trip, or elements in one direction ---- */

static struct leat_chan *there, *back;

static int answers(void *arg)
{
    long value;

    (void)arg;
    while (leat_chan_recv(there, &value) == 0)
        if (back && leat_chan_send(back, &value) != 0)
            return 1;
    return 0;
}

static int sends(size_t capacity, bool round_trip)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity };
    long value;
    LEAT_SCOPE(scope);

    if (leat_chan_create(&there, sizeof value, &options) != 0 ||
        (round_trip && leat_chan_create(&back, sizeof value, &options) != 0) ||
        leat_spawn(&scope, answers, NULL) != 0)
        return 1;
    for (long i = 0; i < n; i++)
        if (leat_chan_send(there, &i) != 0 || (back && leat_chan_recv(back, &value) != 0))
            return 1;
    leat_chan_close(there);
    return leat_scope_join(&scope);
}

static int ping_pong(void *arg)
{
    (void)arg;
    return sends(1, true);
}

static int streams(void *arg)
{
    (void)arg;
    return sends(64, false);
}

/* ---- an operation: the one thing that goes through the seam of faults ---- */

static int pipes(void *arg)
{
    struct leat_stream *reader, *writer;
    int fds[2];
    char byte = 0;

    (void)arg;
    if (pipe(fds) != 0 || leat_stream_open_fd(&reader, fds[0]) != 0 ||
        leat_stream_open_fd(&writer, fds[1]) != 0)
        return 1;
    for (long i = 0; i < n; i++)
        if (leat_write(writer, &byte, 1) != 1 || leat_read(reader, &byte, 1) != 1)
            return 1;
    leat_close_stream(reader);
    leat_close_stream(writer);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*fn)(void *arg);
    } all[] = { { "spawn_join", spawns },  { "yield", two_yield }, { "ping_pong", ping_pong },
                { "channel", streams },    { "pipe", pipes } };

    if (argc == 3)
        n = strtol(argv[2], NULL, 0);
    for (size_t i = 0; i < sizeof all / sizeof all[0] && n > 0; i++)
        if (strcmp(argv[1], all[i].name) == 0)
            return leat_run(all[i].fn, NULL, LEAT_OPTIONS(.workers = 1));
    fprintf(stderr, "usage: %s spawn_join | yield | ping_pong | channel | pipe  N\n", argv[0]);
    return 2;
}
