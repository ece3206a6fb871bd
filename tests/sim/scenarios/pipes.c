/* SPDX-License-Identifier: MIT */
/* Bytes through a chain of pipes and local sockets, each link a task that reads and writes; now and
 * then a reader is cancelled at its read and another one goes on. What comes out at the end is a
 * beginning of what went in, and all of it where nothing failed. */
#include "sim/scenarios/scenario.h"

#include <string.h>

#define LINKS_MAX 5

struct link {
    int                 fds[2];
    struct leat_stream *reader, *writer;
};

static struct link links[LINKS_MAX];
static uint32_t link_count, bytes_in, bytes_out, failed;

static void harmed(int err)
{
    leat_sim_expect(err == -ECANCELED || leat_sim_has_faults());
    failed++;
}

static int produce(void *arg)
{
    struct link *link = arg;
    int err = 0;

    for (uint32_t i = 0; i < bytes_in && err >= 0; i++)
        err = (int)leat_write_all(link->writer, &(unsigned char){ (unsigned char)i }, 1);
    if (err < 0)
        harmed(err);
    leat_close_stream(link->writer);
    return 0;
}

static int pass_on(void *arg)
{
    struct link *from = arg, *to = from + 1;
    unsigned char data[37];
    ssize_t n;

    while ((n = leat_read(from->reader, data, 1 + leat_sim_choose(sizeof data))) > 0)
        if ((n = leat_write_all(to->writer, data, (size_t)n)) < 0)
            break;
    if (n < 0)
        harmed((int)n);
    leat_close_stream(from->reader);
    leat_close_stream(to->writer);
    return 0;
}

static struct taker {
    struct leat_stream *stream;
    unsigned char       data[16];
    ssize_t             got;
} taker;

static int take(void *arg)
{
    struct taker *mine = arg;

    mine->got = leat_read(mine->stream, mine->data, 1 + leat_sim_choose(sizeof mine->data));
    return 0;
}

/* One read by a task that is cancelled meanwhile: it has read, or nothing is lost. */
static ssize_t take_or_be_cancelled(struct leat_stream *stream)
{
    LEAT_SCOPE(scope);

    taker.stream = stream;
    taker.got = -ECANCELED;
    (void)leat_spawn(&scope, take, &taker);
    if (leat_sim_choose(2))
        (void)leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
    leat_scope_cancel(&scope);
    (void)leat_scope_join(&scope);
    return taker.got;
}

static void consume(struct leat_stream *stream)
{
    ssize_t n;

    for (;;) {
        n = leat_sim_choose(3) ? take_or_be_cancelled(stream)
                               : leat_read(stream, taker.data, sizeof taker.data);
        if (n == -ECANCELED) {
            (void)leat_sleep(LEAT_USEC);
            continue;
        }
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            leat_sim_expect(taker.data[i] == (unsigned char)bytes_out++);
    }
    if (n < 0)
        harmed((int)n);
}

/* Returns how many could be had. */
static uint32_t make_links(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct link *link = &links[i];
        int err = leat_sim_choose(2) ? leat_sim_pipe(link->fds) : leat_sim_pair(link->fds);

        if (!err && (err = leat_stream_open_fd(&link->reader, link->fds[0])) != 0) {
            leat_sim_close(link->fds[0]);
            leat_sim_close(link->fds[1]);
        } else if (!err && (err = leat_stream_open_fd(&link->writer, link->fds[1])) != 0) {
            leat_close_stream(link->reader);
            leat_sim_close(link->fds[1]);
        }
        leat_sim_expect(err == 0 || leat_sim_has_faults());
        if (err)
            return i;
    }
    return count;
}

SCENARIO_WITH_FAULTS(pipes)
{
    uint32_t wanted = 1 + leat_sim_choose(LINKS_MAX);
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);

    bytes_in = 10 * leat_sim_size();
    bytes_out = failed = 0;
    link_count = make_links(wanted);
    if (link_count == 0)
        return;
    if (leat_spawn(&scope, produce, &links[0]) != 0)
        leat_close_stream(links[0].writer);
    for (uint32_t i = 0; i + 1 < link_count; i++)
        if (leat_spawn(&scope, pass_on, &links[i]) != 0) {
            leat_close_stream(links[i].reader);
            leat_close_stream(links[i + 1].writer);
        }
    consume(links[link_count - 1].reader);
    leat_close_stream(links[link_count - 1].reader);
    (void)leat_scope_join(&scope);
    leat_sim_expect(bytes_out == bytes_in || leat_sim_has_faults());
}
