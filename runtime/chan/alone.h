/* SPDX-License-Identifier: MIT */
/* Sending and receiving by a worker that alone uses the channel (bias.h): what chan.c and pass.c do
 * for all, without what is not there. Two tasks that pass values to and fro spend all their time
 * here: hand the element to the one who waits, or be listed and park.
 *
 * All are called inside, and have left when they return. -EAGAIN: nothing was done; the general way
 * shall see to it.
 *
 * INVARIANTS
 *   I1  A waiter stays inside until it is saved (late.h): the commit is the end of its turn. So who
 *       finds it listed finds it parked. */
#ifndef LEAT_CHAN_ALONE_H
#define LEAT_CHAN_ALONE_H

#include "chan/chan.h"
#include "sched/quick.h"
#include "task/late.h"

/* Its argument is the generation: all else is found from the fiber, and nothing is kept for it. */
static bool leat__alone_commit(struct leat__fiber *fiber, void *generation)
{
    const struct leat__self *self = fiber->self; /* the waiter's frame: read before it is open */
    struct leat__late late = { self->waiter, self->scope, (uintptr_t)generation };
    bool parked = leat__late_commit(&late);

    leat__bias_leave(leat__worker_face(leat__worker_current())->inside);
    return parked;
}

/* relaxed, both: nobody else is there */
static inline void leat__alone_mark(struct leat_chan *chan, uint32_t flag)
{
    store_relaxed(&chan->waiting, load_relaxed(&chan->waiting) | flag);
}

static inline void leat__alone_unmark(struct leat_chan *chan, uint32_t flag)
{
    store_relaxed(&chan->waiting, load_relaxed(&chan->waiting) & ~flag);
}

/* Take the first off the list. */
static inline void leat__alone_unlist(struct leat_chan *chan, struct leat__waitlist *list,
                                      uint32_t flag, struct leat__waitnode *node)
{
    list->first = node->next;
    node->linked = false;
    if (node->next) {
        node->next->prev = NULL;
    } else {
        list->last = NULL;
        leat__alone_unmark(chan, flag);
    }
}

/* Claim the first of a list: off it, and to be woken by the caller. NULL: it has none. */
static inline struct leat__waitnode *leat__alone_claim(struct leat_chan *chan,
                                                       struct leat__waitlist *list, uint32_t flag)
{
    struct leat__waitnode *node;

    do {
        node = list->first;
        if (!node)
            return NULL;
        leat__alone_unlist(chan, list, flag, node);
    } while (__builtin_expect(!leat__late_claim(node), 0));
    return node;
}

static inline void leat__alone_wake(struct leat__worker *worker, struct leat__waiter *waiter)
{
    /* relaxed: as in leat__wake */
    struct leat__fiber *fiber = leat__waiter_fiber(waiter, load_relaxed(&waiter->word));

    if (__builtin_expect(!fiber, 0))
        leat__wake(waiter);
    else if (leat__word_wake(&waiter->word))
        leat__ready_on(worker, fiber);
}

/* Nobody can serve the caller: it is listed, and parks until somebody has. */
static inline __attribute__((always_inline)) int
leat__alone_wait(struct leat_chan *chan, struct leat__worker *worker, struct leat__self *self,
                 uint32_t flag, void *data, const struct leat__reason *reason)
{
    struct leat__waitlist *list =
        flag == LEAT__CHAN_RECEIVERS ? &chan->receivers : &chan->senders;
    struct leat__waitnode node;
    struct leat__late late;
    enum leat__cause cause;

    if (__builtin_expect(!leat__wait_may_be_late(self), 0)) {
        leat__bias_leave(leat__worker_face(worker)->inside);
        return -EAGAIN;
    }
    leat__check(!chan->spsc || leat__waitlist_empty(list), LEAT__SINGLE_BUG);
    leat__late_begin(&late, self, worker);
    node.ticket = leat__late_ticket(&late);
    node.data = data;
    node.result = 0;
    node.won = false;
    node.linked = true;
    node.next = NULL;
    node.prev = list->last;
    if (__builtin_expect(list->last != NULL, 0)) {
        list->last->next = &node;
    } else {
        list->first = &node;
        leat__alone_mark(chan, flag);
    }
    list->last = &node;
    leat__ring_shut(&chan->ring);
    leat__self_reason(self, reason, chan->name);
    leat__park_quick(worker, leat__alone_commit, (void *)(uintptr_t)late.generation);
    cause = leat__late_end(self);
    if (__builtin_expect(cause == LEAT__CAUSE_EVENT, 1))
        return node.result; /* the channel may be gone */
    leat__chan_withdraw(chan, flag, &node);
    return leat__late_error(cause);
}

/* Open, and with nothing in the ring? relaxed, both: nobody else is there */
static inline bool leat__alone_is_empty(struct leat_chan *chan)
{
    return load_relaxed(&chan->ring.head) == load_relaxed(&chan->ring.tail);
}

/* Hand the element to a receiver that waits. */
static inline int leat__alone_hand_over(struct leat_chan *chan, struct leat__worker *worker,
                                        const void *element)
{
    struct leat__waitnode *node = NULL;
    struct leat__waiter *waiter;

    if (__builtin_expect(leat__alone_is_empty(chan), 1))
        node = leat__alone_claim(chan, &chan->receivers, LEAT__CHAN_RECEIVERS);
    if (__builtin_expect(!node, 0)) {
        leat__bias_leave(leat__worker_face(worker)->inside);
        return -EAGAIN;
    }
    leat__ring_copy(node->data, element, chan->ring.bytes);
    chan->handed++;
    waiter = node->ticket.waiter;
    leat__bias_leave(leat__worker_face(worker)->inside);
    leat__alone_wake(worker, waiter);
    return 0;
}

/* Take the first element, and let the first sender that waits put its own in the room: the ring was
 * full. */
static inline int leat__alone_refill(struct leat_chan *chan, struct leat__worker *worker,
                                     void *element)
{
    struct leat__inside *inside = leat__worker_face(worker)->inside;
    struct leat__waiter *waiter = NULL;
    struct leat__waitnode *node;

    if (__builtin_expect(leat__ring_pop_alone(&chan->ring, element, leat__ring_copy) != 0, 0)) {
        leat__bias_leave(inside);
        return -EAGAIN;
    }
    node = leat__alone_claim(chan, &chan->senders, LEAT__CHAN_SENDERS);
    if (__builtin_expect(node != NULL, 1)) {
        waiter = node->ticket.waiter;
        if (leat__ring_push_alone(&chan->ring, node->data, leat__ring_copy))
            node->result = -EAGAIN; /* I4 of chan.c */
    }
    leat__bias_leave(inside);
    if (waiter)
        leat__alone_wake(worker, waiter);
    return 0;
}

/* The same where it is one path without a call, which most are: a word, and a receiver
 * that nobody else is after. Returns who is to be readied, the caller being out, or NULL: nothing
 * was done, and the caller still is inside. */
static inline __attribute__((always_inline)) struct leat__fiber *
leat__alone_hand_over_quick(struct leat_chan *chan, struct leat__worker *worker,
                            const void *element)
{
    struct leat__waitnode *node = chan->receivers.first;
    struct leat__fiber *fiber;

    /* relaxed: nobody else is there */
    if (__builtin_expect(!node || (load_relaxed(&chan->waiting) & LEAT__CHAN_ANY) ||
                         !leat__alone_is_empty(chan) || !leat__late_take(node), 0))
        return NULL;
    leat__alone_unlist(chan, &chan->receivers, LEAT__CHAN_RECEIVERS, node);
    leat__ring_copy_word(node->data, element, chan->ring.bytes);
    chan->handed++;
    fiber = leat__waiter_host(node->ticket.waiter, node->ticket.generation);
    leat__bias_leave(leat__worker_face(worker)->inside);
    return fiber;
}

/* Take the element of a sender that waits, without capacity. */
static inline int leat__alone_fetch(struct leat_chan *chan, struct leat__worker *worker,
                                    void *element)
{
    struct leat__waitnode *node = leat__alone_claim(chan, &chan->senders, LEAT__CHAN_SENDERS);
    struct leat__waiter *waiter;

    if (__builtin_expect(!node, 0)) {
        leat__bias_leave(leat__worker_face(worker)->inside);
        return -EAGAIN;
    }
    leat__ring_copy(element, node->data, chan->ring.bytes);
    chan->handed++;
    waiter = node->ticket.waiter;
    leat__bias_leave(leat__worker_face(worker)->inside);
    leat__alone_wake(worker, waiter);
    return 0;
}

#endif
