/* SPDX-License-Identifier: MIT */
/* R9: a cancel, and a deadline, at every suspension of channels in use: each element is in the
 * channel, with a receiver, or back with its sender. An element is a block of memory that its last
 * holder frees, so that one lost is a leak and one doubled a crash. */
#include "fault/suspend.h"
#include "harness/test.h"

#include <leat/leat.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 2, RECEIVERS = 2, EACH = 8, BATCH = 3 };

typedef leat_chan(long *) box_chan;

struct books {
    atomic_long made, sent, received, drained, freed;
};

struct run {
    struct leat_chan_options options;
    bool                     many, choose;
    unsigned                 senders, receivers;
    box_chan                 chans[2];
    struct books             books;
};

static long *make_box(struct books *books)
{
    long *box = malloc(sizeof *box);

    if (!box)
        abort();
    *box = atomic_fetch_add(&books->made, 1);
    return box;
}

static void free_box(struct books *books, long *box)
{
    free(box);
    atomic_fetch_add(&books->freed, 1);
}

static int send_one(struct run *run, unsigned turn)
{
    long *box = make_box(&run->books);
    box_chan *chan = &run->chans[run->choose ? turn % 2 : 0];
    box_chan *other = &run->chans[(turn + 1) % 2];
    int err = run->choose ? leat_select(LEAT_SEND(chan, &box), LEAT_SEND(other, &box),
                                        LEAT_AFTER(LEAT_MINUTE))
                          : leat_send(chan, &box);

    if (err < 0)
        free_box(&run->books, box);
    else
        atomic_fetch_add(&run->books.sent, 1);
    return err < 0 ? err : 0;
}

static int send_batch(struct run *run)
{
    long *boxes[BATCH];
    ssize_t sent;

    for (int i = 0; i < BATCH; i++)
        boxes[i] = make_box(&run->books);
    sent = leat_send_many(&run->chans[0], boxes, BATCH);
    for (ssize_t i = sent < 0 ? 0 : sent; i < BATCH; i++)
        free_box(&run->books, boxes[i]);
    if (sent > 0)
        atomic_fetch_add(&run->books.sent, sent);
    return sent < 0 ? (int)sent : 0;
}

static int produce(void *arg)
{
    struct run *run = arg;
    int err = 0;

    for (unsigned i = 0; i < EACH && !err; i++)
        err = run->many ? send_batch(run) : send_one(run, i);
    return err;
}

static ssize_t recv_some(struct run *run, long **boxes)
{
    int err;

    if (run->many)
        return leat_recv_many(&run->chans[0], boxes, BATCH);
    err = run->choose ? leat_select(LEAT_RECV(&run->chans[0], boxes),
                                    LEAT_RECV(&run->chans[1], boxes), LEAT_AFTER(LEAT_MINUTE))
                      : leat_recv(&run->chans[0], boxes);
    return err < 0 ? err : 1;
}

static int consume(void *arg)
{
    struct run *run = arg;
    long *boxes[BATCH];
    ssize_t got;

    while ((got = recv_some(run, boxes)) > 0) {
        atomic_fetch_add(&run->books.received, got);
        while (got > 0)
            free_box(&run->books, boxes[--got]);
    }
    return got == -EPIPE ? 0 : (int)got;
}

static int pass(void *arg)
{
    struct run *run = arg;
    int chans = run->choose ? 2 : 1;
    long *box;

    memset(&run->books, 0, sizeof run->books);
    for (int i = 0; i < chans; i++) {
        run->options.size = sizeof run->options;
        if (leat_chan_create(&run->chans[i].chan, sizeof box, &run->options))
            abort();
    }
    {
        LEAT_SCOPE(receivers);

        for (unsigned i = 0; i < run->receivers; i++)
            leat_spawn(&receivers, consume, run);
        {
            LEAT_SCOPE(senders);

            for (unsigned i = 0; i < run->senders; i++)
                leat_spawn(&senders, produce, run);
            (void)leat_scope_join(&senders);
        }
        for (int i = 0; i < chans; i++)
            leat_close(&run->chans[i]);
        (void)leat_scope_join(&receivers);
    }
    for (int i = 0; i < chans; i++) {
        while (leat_try_recv(&run->chans[i], &box) == 0) {
            atomic_fetch_add(&run->books.drained, 1);
            free_box(&run->books, box);
        }
        leat_chan_destroy(&run->chans[i]);
    }
    return 0;
}

static void check_pass(void *arg)
{
    struct books *books = &((struct run *)arg)->books;

    expect_eq(books->sent, books->received + books->drained);
    expect_eq(books->made, books->freed);
}

LEAT_TEST(R9, a_bounded_channel_conserves_its_elements)
{
    struct run run = { .options = { .capacity = 2 }, .senders = 2, .receivers = 2 };

    suspend_sweep("chan", pass, &run, check_pass, true);
}

LEAT_TEST(R9, a_rendezvous_conserves_its_elements)
{
    struct run run = { .senders = 2, .receivers = 2 };

    suspend_sweep("rendezvous", pass, &run, check_pass, true);
}

LEAT_TEST(R9, a_channel_of_one_sender_and_one_receiver_conserves_its_elements)
{
    struct run run = { .options = { .capacity = 2, .spsc = true }, .senders = 1, .receivers = 1 };

    suspend_sweep("spsc", pass, &run, check_pass, true);
}

LEAT_TEST(R9, a_budgeted_channel_conserves_its_elements)
{
    struct run run = { .options = { .budget_bytes = 3 * sizeof(long *) }, .senders = 2,
                       .receivers = 2 };

    suspend_sweep("budget", pass, &run, check_pass, true);
}

LEAT_TEST(R9, batches_conserve_their_elements)
{
    struct run run = { .options = { .capacity = 2 }, .many = true, .senders = 2, .receivers = 2 };

    suspend_sweep("batches", pass, &run, check_pass, true);
}

LEAT_TEST(R9, selects_conserve_their_elements)
{
    struct run run = { .options = { .capacity = 1 }, .choose = true, .senders = 2,
                       .receivers = 2 };

    suspend_sweep("select", pass, &run, check_pass, true);
}

LEAT_TEST(R9, selects_over_rendezvous_conserve_their_elements)
{
    struct run run = { .choose = true, .senders = 2, .receivers = 2 };

    suspend_sweep("select0", pass, &run, check_pass, true);
}

/* ---- one element a channel ---- */

static int send_once(void *arg)
{
    struct run *run = arg;
    int err = leat_sleep(LEAT_USEC);

    return err ? err : send_one(run, 0);
}

static int recv_once(void *arg)
{
    struct run *run = arg;
    long *box;
    int err = leat_recv(&run->chans[0], &box);

    if (!err) {
        atomic_fetch_add(&run->books.received, 1);
        free_box(&run->books, box);
    }
    return err;
}

static int answer(void *arg)
{
    struct run *runs = arg;
    enum { PAIRS = 4 };
    long *box;

    for (int i = 0; i < PAIRS; i++) {
        memset(&runs[i].books, 0, sizeof runs[i].books);
        if (leat_chan_open(&runs[i].chans[0], .oneshot = true))
            abort();
    }
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < PAIRS; i++) {
            leat_spawn(&scope, recv_once, &runs[i]);
            leat_spawn(&scope, send_once, &runs[i]);
        }
        (void)leat_scope_join(&scope);
    }
    for (int i = 0; i < PAIRS; i++) {
        while (leat_try_recv(&runs[i].chans[0], &box) == 0) {
            atomic_fetch_add(&runs[i].books.drained, 1);
            free_box(&runs[i].books, box);
        }
        leat_chan_destroy(&runs[i].chans[0]);
    }
    return 0;
}

static void check_answers(void *arg)
{
    struct run *runs = arg;

    for (int i = 0; i < 4; i++)
        check_pass(&runs[i]);
}

LEAT_TEST(R9, oneshots_conserve_their_elements)
{
    struct run runs[4] = { { .senders = 1 } };

    suspend_sweep("oneshot", answer, runs, check_answers, true);
}

/* ---- to all ---- */

struct circle {
    struct leat_broadcast *broadcast;
    struct leat_subscriber subscribers[3];
    atomic_int             next;
    long                   sent;
    long                   read[3];
    bool                   gap;
};

static int listen_in(void *arg)
{
    struct circle *circle = arg;
    int me = atomic_fetch_add(&circle->next, 1), err;
    uint64_t missed;
    long value;

    while ((err = leat_broadcast_recv(&circle->subscribers[me], &value, &missed)) == 0) {
        if (missed != 0 || value != circle->read[me])
            circle->gap = true;
        circle->read[me]++;
    }
    return err == -EPIPE ? 0 : err;
}

static int speak(void *arg)
{
    struct circle *circle = arg;
    int err = 0;

    while (!err && circle->sent < 12) {
        long value = circle->sent;

        err = leat_broadcast_send(circle->broadcast, &value);
        if (!err)
            circle->sent++;
    }
    leat_broadcast_close(circle->broadcast);
    return err;
}

static int tell_all(void *arg)
{
    struct circle *circle = arg;
    uint64_t missed;
    long value;

    memset(circle, 0, sizeof *circle);
    if (leat_broadcast_create(&circle->broadcast, sizeof value, 2, LEAT_SLOW_WAITS))
        abort();
    for (int i = 0; i < 3; i++)
        leat_subscribe(&circle->subscribers[i], circle->broadcast);
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 3; i++)
            leat_spawn(&scope, listen_in, circle);
        leat_spawn(&scope, speak, circle);
        (void)leat_scope_join(&scope);
    }
    for (int i = 0; i < 3; i++) { /* what was sent and not read is there for all */
        LEAT_SHIELD (LEAT_NEVER) {
            while (leat_broadcast_recv(&circle->subscribers[i], &value, &missed) == 0) {
                if (missed != 0 || value != circle->read[i])
                    circle->gap = true;
                circle->read[i]++;
            }
        }
        leat_unsubscribe(&circle->subscribers[i]);
    }
    leat_broadcast_destroy(circle->broadcast);
    return 0;
}

static void check_all(void *arg)
{
    struct circle *circle = arg;

    expect(!circle->gap);
    for (int i = 0; i < 3; i++)
        expect_eq(circle->read[i], circle->sent);
}

LEAT_TEST(R9, a_broadcast_conserves_its_elements)
{
    struct circle circle;

    suspend_sweep("broadcast", tell_all, &circle, check_all, true);
}

struct clock_face {
    struct leat_watch *watch;
    bool               back;
    long               last;
};

static int look_at_it(void *arg)
{
    struct clock_face *face = arg;
    uint64_t version = 0, before = 0;
    long value = -1, old = -1;
    int err;

    while ((err = leat_watch_next(face->watch, &version, &value)) == 0) {
        if (version <= before || value <= old)
            face->back = true;
        before = version;
        old = value;
    }
    return err == -EPIPE ? 0 : err;
}

static int turn_it(void *arg)
{
    struct clock_face *face = arg;
    int err = 0;

    for (long i = 1; i < 8 && !err; i++) {
        err = leat_watch_set(face->watch, &i);
        if (!err)
            face->last = i;
        if (!err)
            err = leat_sleep(LEAT_USEC);
    }
    leat_watch_close(face->watch);
    return err;
}

static int watch_it(void *arg)
{
    struct clock_face *face = arg;
    long value = 0;

    memset(face, 0, sizeof *face);
    if (leat_watch_create(&face->watch, sizeof value, &value))
        abort();
    {
        LEAT_SCOPE(scope);

        for (int i = 0; i < 3; i++)
            leat_spawn(&scope, look_at_it, face);
        leat_spawn(&scope, turn_it, face);
        (void)leat_scope_join(&scope);
    }
    (void)leat_watch_get(face->watch, &value);
    if (value != face->last)
        face->back = true;
    leat_watch_destroy(face->watch);
    return 0;
}

static void check_watch(void *arg)
{
    expect(!((struct clock_face *)arg)->back);
}

LEAT_TEST(R9, a_watch_goes_forward)
{
    struct clock_face face;

    suspend_sweep("watch", watch_it, &face, check_watch, true);
}
