/* SPDX-License-Identifier: MIT */
/* chans.h: one channel of numbers, and the threads that send to it, receive from it, close it and
 * cancel: for the drivers of all kinds of channels. Each element is counted on its way, and stands
 * for what its sender wrote before. */
#ifndef LEAT_MODEL_CHANS_H
#define LEAT_MODEL_CHANS_H

#include <errno.h>
#include <leat/chan.h>

#include "chan/chan.h"
#include "tasks.h"

/* A word, and as much as is none: they go different ways. */
struct word {
    int number, again;
};

struct element {
    int number, again[3];
};

static struct leat_chan *chan;
static struct leat__scope scope;
static int sent[8], received[8];
static size_t element_bytes;

static void reset_sized(size_t bytes, const struct leat_chan_options *options,
                        struct leat__scope *in)
{
    tasks_reset(in);
    memset(sent, 0, sizeof sent);
    memset(received, 0, sizeof received);
    element_bytes = bytes;
    model_check(leat_chan_create(&chan, bytes, options) == 0);
}

static void reset_with(const struct leat_chan_options *options, struct leat__scope *in)
{
    reset_sized(sizeof(struct word), options, in);
}

static void reset(size_t capacity, struct leat__scope *in)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity };

    reset_with(&options, in);
}

/* As after another thread has come: nobody is alone any more. */
static void share(void)
{
    chan->bias.owner = LEAT__BIAS_SHARED;
}

/* As if the thread had been the only one until now. */
static void give_to(int i)
{
    chan->bias.owner = (uintptr_t)&insides[i];
}

/* What an element stands for: written before it is sent, read when it was received. */
static int payload[8];

static int send(int i)
{
    struct element element;
    int err;

    model_plain_write(&payload[i]);
    model_plain_write(&element);
    element = (struct element){ i, { i, i, i } };
    err = leat_chan_send(chan, &element);
    model_plain_write(&element);
    sent[i] += err == 0;
    return err;
}

static void note_received(const struct element *element)
{
    model_check(element->number >= 0 && element->number < 8);
    for (size_t i = 0; i < element_bytes / sizeof(int) - 1; i++)
        model_check(element->again[i] == element->number);
    model_plain_read(&payload[element->number]);
    received[element->number]++;
}

/* Returns the element, or an error. */
static int receive(void)
{
    struct element element = { -1, { -1, -1, -1 } };
    int err;

    model_plain_write(&element);
    err = leat_chan_recv(chan, &element);
    model_plain_read(&element);
    model_check((element.number == -1) == (err != 0));
    if (err)
        return err;
    note_received(&element);
    return element.number;
}

/* At the end: what was sent was received, or is still inside. */
static void check_conserved(void)
{
    struct element element;

    while (leat_chan_try_recv(chan, &element) == 0)
        received[element.number]++;
    for (int i = 0; i < 8; i++)
        model_check(sent[i] == received[i] && sent[i] <= 1);
    leat_chan_free(chan);
}

/* A thread of a driver; of those that send, the first element. */
struct part {
    void (*fn)(void *arg);
    int first;
};

/* run({ send_two, 0 }, { receive_two }): all of them, to their end, and nothing is lost. */
#define run(...) run_parts((const struct part[]){ __VA_ARGS__, { NULL, 0 } })

static void run_parts(const struct part *parts)
{
    for (; parts->fn; parts++)
        model_spawn(parts->fn, (void *)(intptr_t)parts->first);
    model_run();
    check_conserved();
}

static void send_two(void *arg)
{
    int i = (int)(intptr_t)arg;

    model_check(send(i) == 0);
    model_check(send(i + 1) == 0);
}

static void send_one(void *arg)
{
    int err = send((int)(intptr_t)arg);

    model_check(err == 0 || err == -EPIPE || err == -ECANCELED);
}

static void send_two_or_fewer(void *arg)
{
    int i = (int)(intptr_t)arg, err = send(i);

    if (err == 0)
        err = send(i + 1);
    model_check(err == 0 || err == -ECANCELED);
}

static void receive_two(void *arg)
{
    int first = receive(), second = receive();

    (void)arg;
    model_check(first >= 0 && second >= 0);
    if (first / 4 == second / 4) /* of one sender */
        model_check(first < second);
}

static void receive_one(void *arg)
{
    int err = receive();

    (void)arg;
    model_check(err >= 0 || err == -EPIPE || err == -ECANCELED);
}

static void receive_to_the_end(void *arg)
{
    int err;

    (void)arg;
    while ((err = receive()) >= 0)
        ;
    model_check(err == -EPIPE);
}

static void close_it(void *arg)
{
    (void)arg;
    leat_chan_close(chan);
}

static void send_two_and_close(void *arg)
{
    send_two(arg);
    leat_chan_close(chan);
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

enum { POISON = 0xa5 };

/* What leat_chan_free does, and whoever gets the memory next. */
static void receive_and_reuse_the_memory(void *arg)
{
    struct leat__chan_turn turn;

    (void)arg;
    model_check(receive() == 0);
    leat__chan_enter(chan, &turn);
    leat__chan_leave(chan, &turn);
    memset(chan, POISON, sizeof *chan);
}

#endif
