/* SPDX-License-Identifier: MIT */
/* Channels: bounded, many to many, first in first out.
 *
 * Elements pass through a ring with a sequence number in each slot (ring.h). While one worker alone
 * uses the channel it does so by plain loads and stores (bias.h); once another thread has come, by
 * one compare-and-swap an operation, or by none where there is one at each end (single.h). The
 * lists of waiters are touched only by who finds the ring full or empty, and by who finds in
 * `waiting` that somebody is listed: alone, or under the lock.
 *
 * Who sends while receivers wait moves the element straight into the first one's memory, and who
 * receives while senders wait moves the first one's element into the room it made, so neither has
 * to be scheduled for the other to go on. One lock around everything was rejected (it was the first
 * form): four locked instructions an element, 31 million elements a second; a list of blocks
 * without bound was rejected as the only form: what has no bound ends in an out-of-memory kill.
 *
 * INVARIANTS
 *   I1  Receivers are listed only while the ring is empty, senders only while it is full; but for
 *       the moment in which somebody is about to see to it.
 *   I2  An element is in the ring, with a receiver that was claimed, or still its sender's: the
 *       claim decides, so a cancel that wins leaves the element where it was.
 *   I3  Closed: no sender is listed or will be, and receivers drain the ring, then get -EPIPE.
 *   I4  Claimed with a result of -EAGAIN: the ring changed in between; the waiter tries again.
 *   I5  Who got the last element, or saw the end, may free the channel. So the last touch of who is
 *       not inside is the passing on of a slot's turn (`waiting` is read before that), and freeing
 *       enters first, which waits for whoever is inside.
 *
 * ORDERING
 *   O1  Going to wait against the other side's operation, when shared:
 *
 *         receiver                                sender
 *           lock; list the node                     compare-and-swap tail      (seq_cst)
 *           waiting |= RECEIVERS   (seq_cst)        read waiting               (seq_cst)
 *           read tail              (seq_cst)        pass the turn on
 *           empty: unlock, park                     RECEIVERS: lock, match
 *
 *       In the one order of these four, either the receiver's read comes after the sender's
 *       compare-and-swap and finds the ring not empty, or the sender's read comes after the
 *       receiver's mark. The same with the sides exchanged, and head.
 *   O2  The lock, or the bias, orders the lists. leat__wake orders what was copied to or from a
 *       waiter's memory. */
#include "chan/chan.h"
#include "base/check.h"
#include "task/self.h"

#include <stdlib.h>

#define ELEMENT_MAX 65536

int leat_chan_create(struct leat_chan **ret, size_t bytes, const struct leat_chan_options *options)
{
    static const struct leat_chan_options defaults = { .size = sizeof defaults };
    struct leat_chan *chan;
    size_t capacity, ring;
    void *slots;

    if (!options)
        options = &defaults;
    capacity = options->capacity;
    if (options->size != sizeof *options || bytes == 0 || bytes > ELEMENT_MAX)
        return -EINVAL;
    if (options->budget_bytes) {
        if (capacity || options->budget_bytes < bytes)
            return -EINVAL;
        capacity = options->budget_bytes / bytes;
    }
    if (options->oneshot) {
        if (capacity > 1)
            return -EINVAL;
        capacity = 1;
    }
    if (__builtin_mul_overflow(leat__ring_stride(bytes), capacity, &ring) || ring > SIZE_MAX / 2)
        return -EINVAL;
    chan = aligned_alloc(alignof(struct leat_chan), sizeof *chan);
    /* Zeroed by the system where it is large: it costs what is used of it. Never of 0 bytes, for
     * its first turn is looked at even when there is no room. */
    slots = calloc(1, ring ? ring : sizeof(struct leat__ring_slot));
    if (!chan || !slots) {
        free(chan);
        free(slots);
        return -ENOMEM;
    }
    memset(chan, 0, sizeof *chan);
    leat__bias_init(&chan->bias);
    leat__ring_init(&chan->ring, bytes, capacity, slots);
    chan->name = options->name;
    store_relaxed(&chan->patience, LEAT__CHAN_PATIENCE); /* relaxed: as above */
    chan->oneshot = options->oneshot;
    if (chan->oneshot) /* it does not live for long enough to be worth it. relaxed: as above */
        store_relaxed(&chan->bias.owner, LEAT__BIAS_SHARED);
    chan->spsc = options->spsc;
    chan->single = options->spsc && capacity > 0 && !options->oneshot && leat__fence_usable();
    /* relaxed: nobody else has it yet */
    store_relaxed(&chan->waiting, (capacity == 0 || options->oneshot ? LEAT__CHAN_SLOW : 0u) |
                                      (bytes == sizeof(uint64_t) ? 0u : LEAT__CHAN_ANY));
    *ret = chan;
    return 0;
}

void leat_chan_free(struct leat_chan *chan)
{
    struct leat__chan_turn turn;

    if (!chan)
        return;
    leat__chan_enter(chan, &turn); /* I5 */
    leat__check(leat__waitlist_empty(&chan->receivers) && leat__waitlist_empty(&chan->senders) &&
                    leat__waitlist_empty(&chan->joiners),
                "a channel was freed while somebody waits on it: close it and join them first");
    leat__chan_leave(chan, &turn);
    free(chan->ring.slots);
    free(chan);
}

/* ---- turns: exclusive access to the lists ---- */

/* Under the lock: the ring goes to one worker, which is inside from here on, or to all. */
static void regain(struct leat_chan *chan, struct leat__inside *inside)
{
    leat__ring_unshare(&chan->ring);
    leat__bias_give(&chan->bias, inside);
    chan->turns = 0;
    store_relaxed(&chan->ring.sender.streak, 0); /* relaxed, both: hints */
    store_relaxed(&chan->ring.receiver.streak, 0);
}

static void share(struct leat_chan *chan)
{
    uint32_t patience = load_relaxed(&chan->patience); /* relaxed, both: a hint, under the lock */

    leat__ring_share(&chan->ring);
    if (patience < LEAT__CHAN_PATIENCE_MAX)
        store_relaxed(&chan->patience, 2 * patience);
}

/* Under the lock, shared: has the worker taken the last turns, and has no other passed anything by
 * the ring since? relaxed, all: hints */
static bool regains(struct leat_chan *chan, struct leat__inside *inside)
{
    struct leat__ring *ring = &chan->ring;
    uintptr_t own = (uintptr_t)inside, sender, receiver;

    chan->turns = chan->last == inside ? chan->turns + 1 : 1;
    chan->last = inside;
    if (!inside || chan->turns < load_relaxed(&chan->patience) || !leat__fence_usable() ||
        chan->oneshot)
        return false;
    sender = load_relaxed(&ring->sender.worker);
    receiver = load_relaxed(&ring->receiver.worker);
    if ((sender == own || sender == 0) && (receiver == own || receiver == 0))
        return true;
    chan->turns = 0; /* whoever it was: let us see whether he comes again */
    store_relaxed(&ring->sender.worker, 0);
    store_relaxed(&ring->receiver.worker, 0);
    return false;
}

void leat__chan_enter(struct leat_chan *chan, struct leat__chan_turn *turn)
{
    struct leat__inside *inside = leat__worker_inside(leat__worker_current());

    turn->won.first = turn->won.last = NULL;
    turn->locked = false;
    turn->inside = inside;
    turn->alone = leat__bias_enter(&chan->bias, inside);
    if (turn->alone)
        return;
    leat__lock(&chan->lock);
    if (chan->single) {
        turn->alone = leat__single_turn(&chan->sides, &chan->bias, inside);
    } else {
        turn->alone = leat__bias_settle(&chan->bias, inside);
        if (!turn->alone && !leat__ring_is_shared(&chan->ring)) {
            share(chan);
        } else if (!turn->alone && regains(chan, inside)) {
            regain(chan, inside);
            turn->alone = true;
        }
    }
    if (turn->alone)
        leat__unlock(&chan->lock);
    else if (chan->single)
        turn->alone = turn->locked = true;
}

void leat__chan_regain(struct leat_chan *chan, struct leat__inside *inside)
{
    /* relaxed, all: hints */
    uint32_t patience = load_relaxed(&chan->patience) * LEAT__CHAN_OPS;

    if (load_relaxed(&chan->ring.sender.worker) != (uintptr_t)inside ||
        load_relaxed(&chan->ring.receiver.worker) != (uintptr_t)inside ||
        load_relaxed(&chan->ring.sender.streak) < patience ||
        load_relaxed(&chan->ring.receiver.streak) < patience || !leat__trylock(&chan->lock))
        return;
    if (leat__bias_is_shared(&chan->bias)) {
        regain(chan, inside);
        leat__bias_leave(inside);
    }
    leat__unlock(&chan->lock);
}

void leat__chan_leave(struct leat_chan *chan, struct leat__chan_turn *turn)
{
    if (turn->locked)
        leat__single_end(&chan->bias);
    if (turn->alone && !turn->locked)
        leat__bias_leave(turn->inside);
    else
        leat__unlock(&chan->lock);
    leat__waitlist_wake(&turn->won); /* I5: the channel may be gone from here on */
}

static void mark(struct leat_chan *chan, const struct leat__chan_turn *turn, uint32_t flag)
{
    /* relaxed: nobody else is there. seq_cst: O1 */
    if (turn->alone)
        store_relaxed(&chan->waiting, load_relaxed(&chan->waiting) | flag);
    else
        (void)fetch_or_seq_cst(&chan->waiting, flag);
}

static void unmark(struct leat_chan *chan, const struct leat__chan_turn *turn, uint32_t flag)
{
    /* relaxed, all: a mark that is seen for too long costs a look at an empty list */
    if (turn->alone)
        store_relaxed(&chan->waiting, load_relaxed(&chan->waiting) & ~flag);
    else
        (void)fetch_and_relaxed(&chan->waiting, ~flag);
}

static struct leat__waitlist *list_of(struct leat_chan *chan, uint32_t flag)
{
    return flag == LEAT__CHAN_RECEIVERS ? &chan->receivers
           : flag == LEAT__CHAN_SENDERS ? &chan->senders
                                        : &chan->joiners;
}

/* Does somebody wait there who is not the caller? */
static bool others_wait(const struct leat__waitlist *list, const struct leat__waiter *waiter)
{
    for (const struct leat__waitnode *node = list->first; node; node = node->next)
        if (node->ticket.waiter != waiter)
            return true;
    return false;
}

void leat__chan_list(struct leat_chan *chan, struct leat__chan_turn *turn, uint32_t flag,
                     struct leat__waitnode *node)
{
    struct leat__waitlist *list = list_of(chan, flag);
    bool first = leat__waitlist_empty(list);

    leat__check(!chan->spsc || flag == LEAT__CHAN_JOINERS ||
                    !others_wait(list, node->ticket.waiter),
                LEAT__SINGLE_BUG);
    leat__waitlist_push(list, node);
    leat__ring_shut(&chan->ring);
    if (first)
        mark(chan, turn, flag);
}

void leat__chan_unlist(struct leat_chan *chan, struct leat__chan_turn *turn, uint32_t flag,
                       struct leat__waitnode *node)
{
    struct leat__waitlist *list = list_of(chan, flag);

    if (!node->linked)
        return;
    leat__waitlist_remove(list, node);
    if (leat__waitlist_empty(list))
        unmark(chan, turn, flag);
}

void leat__chan_withdraw(struct leat_chan *chan, uint32_t flag, struct leat__waitnode *node)
{
    struct leat__chan_turn turn;

    leat__chan_enter(chan, &turn);
    leat__chan_unlist(chan, &turn, flag, node);
    leat__chan_leave(chan, &turn);
}

/* Claim the first of a list that can be claimed; it is to be given what it waits for, and is woken
 * by leave. */
static struct leat__waitnode *claim(struct leat_chan *chan, struct leat__chan_turn *turn,
                                    uint32_t flag)
{
    struct leat__waitlist *list = list_of(chan, flag);
    struct leat__waitnode *node;

    if (leat__waitlist_empty(list))
        return NULL;
    node = leat__waitlist_claim(list);
    if (leat__waitlist_empty(list))
        unmark(chan, turn, flag);
    if (node)
        leat__waitlist_push(&turn->won, node);
    return node;
}

/* ---- the ring, inside ---- */

static int push(struct leat_chan *chan, const struct leat__chan_turn *turn, const void *element)
{
    uint64_t at;
    int err;

    if (turn->alone)
        return leat__ring_push_alone(&chan->ring, element, leat__ring_copy);
    err = leat__ring_claim_tail(&chan->ring, &at);
    if (!err)
        leat__ring_fill(&chan->ring, at, element);
    return err;
}

static int pop(struct leat_chan *chan, const struct leat__chan_turn *turn, void *element)
{
    uint64_t at;
    int err;

    if (turn->alone)
        return leat__ring_pop_alone(&chan->ring, element, leat__ring_copy);
    err = leat__ring_claim_head(&chan->ring, &at);
    if (!err)
        leat__ring_drain(&chan->ring, at, element);
    return err;
}

void leat__chan_match(struct leat_chan *chan, struct leat__chan_turn *turn)
{
    struct leat__waitnode *node;
    bool moved = chan->ring.capacity > 0;

    while (moved) {
        moved = false;
        while (!leat__waitlist_empty(&chan->receivers) && leat__ring_has_element(&chan->ring) &&
               (node = claim(chan, turn, LEAT__CHAN_RECEIVERS))) {
            node->result = pop(chan, turn, node->data) ? -EAGAIN : 0; /* I4 */
            moved = true;
        }
        while (!leat__waitlist_empty(&chan->senders) && leat__ring_has_room(&chan->ring) &&
               (node = claim(chan, turn, LEAT__CHAN_SENDERS))) {
            node->result = push(chan, turn, node->data) ? -EAGAIN : 0;
            moved = true;
        }
    }
}

/* Everybody who waits is told, and looks again: there may be something left for receivers. */
void leat__chan_end(struct leat_chan *chan, struct leat__chan_turn *turn)
{
    struct leat__waitnode *node;

    chan->closed = true;
    if (turn->alone) /* relaxed: nobody else is there */
        store_relaxed(&chan->ring.tail, load_relaxed(&chan->ring.tail) | LEAT__RING_CLOSED);
    else
        (void)fetch_or_seq_cst(&chan->ring.tail, LEAT__RING_CLOSED); /* O1, and ring.h I2 */
    while ((node = claim(chan, turn, LEAT__CHAN_SENDERS)))
        node->result = -EPIPE;
    while ((node = claim(chan, turn, LEAT__CHAN_RECEIVERS)))
        node->result = -EAGAIN;
}

/* Have all elements that were sent been said to be done? An element that is about to be sent while
 * this is asked is sent after it. */
bool leat__chan_is_done(struct leat_chan *chan)
{
    /* relaxed: an element that somebody knows to be sent was ordered before */
    uint64_t tail = load_relaxed(&chan->ring.tail);

    return chan->done == leat__ring_count(&chan->ring, tail) + chan->handed;
}

void leat__chan_count_done(struct leat_chan *chan, struct leat__chan_turn *turn)
{
    uint64_t tail = load_relaxed(&chan->ring.tail); /* relaxed: as above */

    leat__check(chan->done < leat__ring_count(&chan->ring, tail) + chan->handed,
                "leat_chan_done was called more often than elements were sent");
    chan->done++;
    if (leat__chan_is_done(chan))
        while (claim(chan, turn, LEAT__CHAN_JOINERS))
            ;
}

static bool is_empty(struct leat_chan *chan)
{
    return leat__ring_length(&chan->ring) == 0;
}

int leat__chan_send_now(struct leat_chan *chan, struct leat__chan_turn *turn, const void *element)
{
    struct leat__waitnode *node = NULL;
    int err;

    if (chan->closed)
        return -EPIPE;
    leat__chan_match(chan, turn);
    if (!leat__waitlist_empty(&chan->receivers) && is_empty(chan))
        node = claim(chan, turn, LEAT__CHAN_RECEIVERS);
    if (node) {
        leat__ring_copy(node->data, element, chan->ring.bytes);
        chan->handed++;
        err = 0;
    } else if (chan->ring.capacity == 0 || !leat__waitlist_empty(&chan->senders)) {
        return -EAGAIN; /* others came before */
    } else {
        err = push(chan, turn, element);
        if (!err)
            leat__chan_match(chan, turn);
    }
    if (!err && chan->oneshot)
        leat__chan_end(chan, turn);
    return err;
}

int leat__chan_recv_now(struct leat_chan *chan, struct leat__chan_turn *turn, void *element)
{
    struct leat__waitnode *node;
    int err;

    if (chan->ring.capacity == 0) {
        node = claim(chan, turn, LEAT__CHAN_SENDERS);
        if (!node)
            return chan->closed ? -EPIPE : -EAGAIN;
        leat__ring_copy(element, node->data, chan->ring.bytes);
        chan->handed++;
        return 0;
    }
    leat__chan_match(chan, turn);
    err = pop(chan, turn, element);
    if (!err)
        leat__chan_match(chan, turn);
    return err;
}

bool leat__chan_can(struct leat_chan *chan, uint32_t flag, const struct leat__waiter *waiter)
{
    if (chan->closed)
        return true;
    if (flag == LEAT__CHAN_SENDERS)
        return others_wait(&chan->receivers, waiter) ||
               (chan->ring.capacity > 0 && !leat__ring_is_full(&chan->ring));
    return chan->ring.capacity > 0 ? !is_empty(chan) : others_wait(&chan->senders, waiter);
}
