/* SPDX-License-Identifier: MIT */
/* Bounded channels, many to many.
 *
 * A ring and two lists of waiters under one lock. A waiting receiver is handed the element
 * directly; a waiting sender's element is moved by the receiver that made room for it, so neither
 * has to be scheduled for the other to go on.
 *
 * INVARIANTS (under the lock)
 *   I1  Receivers wait only while the ring is empty and no sender waits.
 *   I2  Senders wait only while the ring is full.
 *   I3  Closed: nobody waits, but for those whose wake is on its way.
 *   I4  An element is in the ring, with a receiver that was claimed, or still its sender's: the
 *       claim decides, so a cancel that wins leaves the element where it was.
 *
 * ORDERING
 *   O1  The lock orders all. leat__wake orders what was copied to or from a waiter's memory. */
#include "base/check.h"
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/chan.h>

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENT_MAX 65536

struct leat_chan {
    struct leat__lock     lock;
    bool                  closed;
    size_t                bytes; /* of an element */
    size_t                capacity;
    size_t                head; /* index of the oldest element */
    LEAT_ATOMIC(size_t)   count; /* atomic for leat_chan_length, which takes no lock */
    struct leat__waitlist receivers;
    struct leat__waitlist senders;
    const char           *name;
    alignas(16) unsigned char ring[];
};

int leat_chan_create(struct leat_chan **ret, size_t bytes, const struct leat_chan_options *options)
{
    struct leat_chan *chan;
    size_t ring;

    if (options->size != sizeof *options || bytes == 0 || bytes > ELEMENT_MAX)
        return -EINVAL;
    if (__builtin_mul_overflow(bytes, options->capacity, &ring) || ring > SIZE_MAX / 2)
        return -EINVAL;
    chan = malloc(sizeof *chan + ring);
    if (!chan)
        return -ENOMEM;
    memset(chan, 0, sizeof *chan);
    chan->bytes = bytes;
    chan->capacity = options->capacity;
    chan->name = options->name;
    *ret = chan;
    return 0;
}

void leat_chan_free(struct leat_chan *chan)
{
    if (!chan)
        return;
    leat__check(leat__waitlist_empty(&chan->receivers) && leat__waitlist_empty(&chan->senders),
                "a channel was freed while somebody waits on it: close it and join them first");
    free(chan);
}

/* relaxed, all: under the lock; the reader without it wants an estimate */
static size_t count_of(const struct leat_chan *chan)
{
    return load_relaxed(&chan->count);
}

static void set_count(struct leat_chan *chan, size_t count)
{
    store_relaxed(&chan->count, count);
}

static void ring_put(struct leat_chan *chan, const void *element)
{
    size_t at = chan->head + count_of(chan);

    if (at >= chan->capacity)
        at -= chan->capacity;
    memcpy(chan->ring + at * chan->bytes, element, chan->bytes);
    set_count(chan, count_of(chan) + 1);
}

static void ring_take(struct leat_chan *chan, void *element)
{
    memcpy(element, chan->ring + chan->head * chan->bytes, chan->bytes);
    if (++chan->head == chan->capacity)
        chan->head = 0;
    set_count(chan, count_of(chan) - 1);
}

/* With the lock held: 0 or -EPIPE and the lock free, or -EAGAIN and the lock still held. */
static int send_now(struct leat_chan *chan, const void *element)
{
    struct leat__waitnode *node;

    if (chan->closed) {
        leat__unlock(&chan->lock);
        return -EPIPE;
    }
    node = leat__waitlist_claim(&chan->receivers);
    if (node) {
        struct leat__waiter *waiter = node->ticket.waiter;

        memcpy(node->data, element, chan->bytes);
        leat__unlock(&chan->lock);
        leat__wake(waiter);
        return 0;
    }
    if (count_of(chan) == chan->capacity)
        return -EAGAIN;
    ring_put(chan, element);
    leat__unlock(&chan->lock);
    return 0;
}

/* As send_now. */
static int recv_now(struct leat_chan *chan, void *element)
{
    struct leat__waitnode *node;
    struct leat__waiter *waiter = NULL;
    bool buffered = count_of(chan) > 0;

    if (buffered)
        ring_take(chan, element);
    node = leat__waitlist_claim(&chan->senders);
    if (node) {
        waiter = node->ticket.waiter;
        if (buffered)
            ring_put(chan, node->data);
        else
            memcpy(element, node->data, chan->bytes); /* capacity 0: hand to hand */
    }
    if (!buffered && !node && !chan->closed)
        return -EAGAIN;
    leat__unlock(&chan->lock);
    if (waiter)
        leat__wake(waiter);
    return buffered || node ? 0 : -EPIPE;
}

int leat_chan_send(struct leat_chan *chan, const void *element)
{
    static const struct leat__reason reason = { "send to a channel", LEAT__ABOUT_NAME, true };
    struct leat__waitnode node = { .data = (void *)(uintptr_t)element };
    struct leat__self *self = leat__self();
    int err = leat__checkpoint(self);

    if (err)
        return err;
    leat__lock(&chan->lock);
    err = send_now(chan, element);
    if (err != -EAGAIN)
        return err;
    leat__self_reason(self, &reason, chan->name);
    return leat__waitlist_wait(&chan->senders, &node, &chan->lock);
}

int leat_chan_recv(struct leat_chan *chan, void *element)
{
    static const struct leat__reason reason = { "receive from a channel", LEAT__ABOUT_NAME, true };
    struct leat__waitnode node = { .data = element };
    struct leat__self *self = leat__self();
    int err = leat__checkpoint(self);

    if (err)
        return err;
    leat__lock(&chan->lock);
    err = recv_now(chan, element);
    if (err != -EAGAIN)
        return err;
    leat__self_reason(self, &reason, chan->name);
    return leat__waitlist_wait(&chan->receivers, &node, &chan->lock);
}

int leat_chan_try_send(struct leat_chan *chan, const void *element)
{
    int err;

    leat__lock(&chan->lock);
    err = send_now(chan, element);
    if (err == -EAGAIN)
        leat__unlock(&chan->lock);
    return err;
}

int leat_chan_try_recv(struct leat_chan *chan, void *element)
{
    int err;

    leat__lock(&chan->lock);
    err = recv_now(chan, element);
    if (err == -EAGAIN)
        leat__unlock(&chan->lock);
    return err;
}

/* With the lock held: those who wait are to get -EPIPE, once they are woken. */
static void end_waits(struct leat__waitlist *list, struct leat__waitlist *won)
{
    struct leat__waitnode *node;

    while ((node = leat__waitlist_claim(list))) {
        node->result = -EPIPE;
        leat__waitlist_push(won, node);
    }
}

void leat_chan_close(struct leat_chan *chan)
{
    struct leat__waitlist won = { 0 };

    leat__lock(&chan->lock);
    chan->closed = true;
    end_waits(&chan->receivers, &won);
    end_waits(&chan->senders, &won);
    leat__unlock(&chan->lock);
    leat__waitlist_wake(&won); /* last: a receiver that is at the end may free the channel */
}

size_t leat_chan_length(const struct leat_chan *chan)
{
    return count_of(chan);
}

size_t leat_chan_capacity(const struct leat_chan *chan)
{
    return chan->capacity;
}
