/* SPDX-License-Identifier: MIT */
/* Elements through channels: one to one, many to many, select, a pipeline, and from a thread. */
#include <leat/leat.h>

#include <pthread.h>
#include <stdalign.h>
#include <string.h>

#include "helper.h"

enum { ELEMENTS = 2000000, STAGED = 1000000, STAGES = 4, MANY = 4 };

typedef leat_chan(uint64_t) number_chan;

/* An element in its task's hands, written for each: on a cache line of its own. These functions may
 * be inlined into one whose frame the other side reads, for the channel lies there: the line then
 * goes to and fro between two cores, and from a thread it was 5 million a second instead of 15. */
struct element {
    alignas(64) uint64_t number;
};

struct end {
    number_chan *in, *out;
    uint64_t     count; /* to send */
    uint64_t     sum;   /* of what was received */
};

static int send_all(void *arg)
{
    struct end    *end = arg;
    struct element next = { 1 };
    int            err = 0;

    for (; next.number <= end->count && !err; next.number++)
        err = leat_send(end->out, &next.number);
    return err;
}

static int recv_all(void *arg)
{
    struct end    *end = arg;
    struct element last;
    uint64_t       sum = 0;
    int            err;

    while ((err = leat_recv(end->in, &last.number)) == 0)
        sum += last.number;
    end->sum = sum;
    return err == -EPIPE ? 0 : err;
}

static int pass_on(void *arg)
{
    struct end    *end = arg;
    struct element held;
    int            err;

    while ((err = leat_recv(end->in, &held.number)) == 0)
        if ((err = leat_send(end->out, &held.number)) != 0)
            break;
    leat_close(end->out);
    return err == -EPIPE ? 0 : err;
}

static void must(int err, const char *what)
{
    if (err)
        perf_die(what, -err);
}

/* How many were received, by their sum. */
static void check(uint64_t sum, uint64_t senders, uint64_t each)
{
    if (sum != senders * (each * (each + 1) / 2))
        perf_die("not every element was received once", 0);
}

static void pass(size_t capacity, bool spsc, int senders, int receivers)
{
    struct end  out[MANY], in[MANY];
    number_chan chan;
    uint64_t    each = ELEMENTS / (uint64_t)senders, sum = 0;
    LEAT_SCOPE(consumers);

    must(leat_chan_open(&chan, .capacity = capacity, .spsc = spsc), "open");
    for (int i = 0; i < receivers; i++) {
        in[i] = (struct end){ .in = &chan };
        leat_spawn(&consumers, recv_all, &in[i]);
    }
    {
        LEAT_SCOPE(producers);

        for (int i = 0; i < senders; i++) {
            out[i] = (struct end){ .out = &chan, .count = each };
            leat_spawn(&producers, send_all, &out[i]);
        }
        must(leat_scope_join(&producers), "send");
    }
    leat_close(&chan);
    must(leat_scope_join(&consumers), "receive");
    for (int i = 0; i < receivers; i++)
        sum += in[i].sum;
    check(sum, (uint64_t)senders, each);
    leat_chan_destroy(&chan);
}

static void choose(void)
{
    struct end     out[MANY];
    number_chan    chans[MANY];
    struct element last;
    uint64_t       sum = 0;
    LEAT_SCOPE(scope);

    for (int i = 0; i < MANY; i++) {
        must(leat_chan_open(&chans[i], .capacity = 128), "open");
        out[i] = (struct end){ .out = &chans[i], .count = ELEMENTS / MANY };
        leat_spawn(&scope, send_all, &out[i]);
    }
    for (int i = 0; i < ELEMENTS; i++) {
        if (leat_select(LEAT_RECV(&chans[0], &last.number), LEAT_RECV(&chans[1], &last.number),
                        LEAT_RECV(&chans[2], &last.number), LEAT_RECV(&chans[3], &last.number)) < 0)
            perf_die("select", 0);
        sum += last.number;
    }
    must(leat_scope_join(&scope), "send");
    check(sum, MANY, ELEMENTS / MANY);
    for (int i = 0; i < MANY; i++)
        leat_chan_destroy(&chans[i]);
}

static void pipeline(void)
{
    struct end  ends[STAGES];
    number_chan chans[STAGES];
    struct end  first = { .out = &chans[0], .count = STAGED }, last = { .in = &chans[STAGES - 1] };
    LEAT_SCOPE(scope);

    for (int i = 0; i < STAGES; i++)
        must(leat_chan_open(&chans[i], .capacity = 128), "open");
    for (int i = 0; i + 1 < STAGES; i++) {
        ends[i] = (struct end){ .in = &chans[i], .out = &chans[i + 1] };
        leat_spawn(&scope, pass_on, &ends[i]);
    }
    leat_spawn(&scope, recv_all, &last);
    must(send_all(&first), "send");
    leat_close(&chans[0]);
    must(leat_scope_join(&scope), "pass on");
    check(last.sum, 1, STAGED);
    for (int i = 0; i < STAGES; i++)
        leat_chan_destroy(&chans[i]);
}

static void *thread_main(void *arg)
{
    struct end *end = arg;

    must(send_all(end), "send from a thread");
    leat_close(end->out);
    return NULL;
}

static void from_thread(void)
{
    number_chan chan;
    struct end  out = { .out = &chan, .count = ELEMENTS }, in = { .in = &chan };
    pthread_t   thread;

    must(leat_chan_open(&chan, .capacity = 1024), "open");
    must(-pthread_create(&thread, NULL, thread_main, &out), "thread");
    must(recv_all(&in), "receive");
    pthread_join(thread, NULL);
    check(in.sum, 1, ELEMENTS);
    leat_chan_destroy(&chan);
}

static int measure(void *arg)
{
    const struct perf_args *args = arg;
    const char             *question = args->question;

    for (int i = -1; i < args->samples; i++) { /* the first warms up */
        int64_t start = perf_now_ns();
        double  elements = ELEMENTS;

        if (strcmp(question, "chan_select") == 0)
            choose();
        else if (strcmp(question, "chan_thread") == 0)
            from_thread();
        else if (strcmp(question, "chan_many") == 0)
            pass(1024, false, MANY, MANY);
        else if (strcmp(question, "chan_pipeline") == 0)
            pipeline(), elements = STAGED;
        else
            pass(strstr(question, "_128") ? 128 : 1024, strstr(question, "_spsc_") != NULL, 1, 1);
        if (i >= 0)
            perf_sample(elements * 1e3 / (double)(perf_now_ns() - start));
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    return leat_main(measure, &args, LEAT_OPTIONS(.workers = (unsigned)args.workers));
}
