/* SPDX-License-Identifier: MIT */
/* Sending and receiving: what a program calls, on top of chan.c's turns.
 * (long because each path has a sending and a receiving half, side by side) */
#include "base/check.h"
#include "chan/alone.h"
#include "chan/chan.h"
#include "platform/jump_return.h"
#include "sched/sched.h"
#include "task/self.h"

#include <sched.h>

static int send_any(struct leat_chan *chan, const void *element, bool may_wait);
static int recv_any(struct leat_chan *chan, void *element, bool may_wait);

static const struct leat__reason sending = { "send to a channel", LEAT__ABOUT_NAME, LEAT__INNER };
static const struct leat__reason receiving = { "receive from a channel", LEAT__ABOUT_NAME,
                                               LEAT__INNER };
static const struct leat__reason joining = { "see the elements of a channel done",
                                             LEAT__ABOUT_NAME, LEAT__INNER };

/* A caller's object, whose size the compiler may know under LTO: it would warn of copies of other
 * sizes. */
#define HIDE(pointer) __asm__("" : "+r"(pointer))

/* ---- the fast path: nobody waits, and there is room, or something to take ---- */

/* `but`: flags that do not matter. */
static inline bool is_quick(struct leat_chan *chan, uint32_t but)
{
    /* relaxed: a hint; who must not miss a waiter reads it again (O1 of chan.c) */
    return __builtin_expect((load_relaxed(&chan->waiting) & ~(LEAT__CHAN_JOINERS | but)) == 0, 1);
}

/* The position is ours: fill or drain it, and see to those who wait for that. */
static __attribute__((noinline)) void finish_slow(struct leat_chan *chan, uint64_t at,
                                                  const void *source, void *target)
{
    struct leat__chan_turn turn;

    leat__chan_enter(chan, &turn);
    if (source)
        leat__ring_fill(&chan->ring, at, source);
    else
        leat__ring_drain(&chan->ring, at, target);
    leat__chan_match(chan, &turn);
    leat__chan_leave(chan, &turn);
}

/* One at each end, on two threads: single.h. `target` and `source` as above. */
static inline int pass_single(struct leat_chan *chan, const void *source, void *target)
{
    LEAT_ATOMIC(uintptr_t) *side = source ? &chan->sides.sending : &chan->sides.receiving;
    char mark;
    int err = -EAGAIN;

    /* A turn is a few hundred ns long, less than a sleep on the lock. relaxed: a hint */
    for (int i = 0; i < 16 * LEAT__RING_SPINS &&
                    load_relaxed(&chan->bias.owner) == LEAT__BIAS_MOVING; i++)
        cpu_relax();
    if (!leat__single_enter(side, &chan->bias, &mark))
        return err;
    if (is_quick(chan, LEAT__CHAN_ANY))
        err = source ? leat__ring_push_single(&chan->ring, source)
                     : leat__ring_pop_single(&chan->ring, target);
    leat__single_leave(side, &mark);
    return err;
}

/* Another one of this side. True now and then, for one that is always the same worker.
 * relaxed, all: hints */
static inline bool note(struct leat__ring_user *user, const struct leat__inside *inside)
{
    uint32_t streak = load_relaxed(&user->streak) + 1;

    if (load_relaxed(&user->worker) != (uintptr_t)inside) {
        store_relaxed(&user->worker, (uintptr_t)inside);
        streak = 0;
    }
    store_relaxed(&user->streak, streak);
    return streak > 0 && streak % LEAT__CHAN_OPS == 0 && inside;
}

/* Shared by several threads on a side. */
static inline int send_shared(struct leat_chan *chan, const void *element,
                              struct leat__inside *inside)
{
    uint64_t at;
    int err;

    if (!is_quick(chan, LEAT__CHAN_ANY))
        return -EAGAIN;
    err = leat__ring_claim_tail(&chan->ring, &at);
    if (err)
        return err;
    if (note(&chan->ring.sender, inside)) /* before the turn is passed on: I5 of chan.c */
        leat__chan_regain(chan, inside);
    /* seq_cst, and before the turn is passed on: O1 and I5 of chan.c */
    if (__builtin_expect(load_seq_cst(&chan->waiting) & LEAT__CHAN_RECEIVERS, 0))
        finish_slow(chan, at, element, NULL);
    else
        leat__ring_fill(&chan->ring, at, element);
    return 0;
}

static inline int recv_shared(struct leat_chan *chan, void *element,
                              struct leat__inside *inside)
{
    uint64_t at;
    int err;

    if (!is_quick(chan, LEAT__CHAN_ANY))
        return -EAGAIN;
    err = leat__ring_claim_head(&chan->ring, &at);
    if (err)
        return err;
    if (note(&chan->ring.receiver, inside))
        leat__chan_regain(chan, inside);
    /* seq_cst: as in send_shared */
    if (__builtin_expect(load_seq_cst(&chan->waiting) & LEAT__CHAN_SENDERS, 0))
        finish_slow(chan, at, NULL, element);
    else
        leat__ring_drain(&chan->ring, at, element);
    return 0;
}

static bool has_element(void *chan)
{
    return leat__ring_has_element(&((struct leat_chan *)chan)->ring);
}

/* Not alone. Who finds nothing, and has nothing else to do, looks on for what another worker may be
 * about to send (sched.h), as long as it is listed nowhere: so the sender need not know of it. */
static inline int recv_beside_others(struct leat_chan *chan, void *element,
                                     struct leat__inside *inside, bool may_wait)
{
    for (;;) {
        int err = chan->single ? pass_single(chan, NULL, element)
                               : recv_shared(chan, element, inside);

        if (__builtin_expect(err != -EAGAIN, 1) || !may_wait || !is_quick(chan, LEAT__CHAN_ANY) ||
            !leat__watch_for(has_element, chan))
            return err;
        may_wait = false; /* it comes or it does not: the lists see to the rest */
    }
}

/* ---- the slow path ---- */

/* After a try that failed: whether another one may be of use. Where the first look before a wait
 * was right, the second is not stale but somebody's: a slot that is taken and not yet filled or
 * drained, whose holder may need the lock that we would take again and again. */
static bool shall_retry(int err, unsigned tries)
{
    if (err == -EBUSY || (err == -EAGAIN && tries > 0))
        leat__stand_back();
    return err == -EBUSY || err == -EAGAIN;
}

/* What wait_late leaves for the next context. */
struct listed {
    struct leat__late       late;
    struct leat_chan       *chan;
    struct leat__chan_turn *turn;
};

/* `arg` is on the waiter's frame. A cancel may resume it before the turn is over, but it returns
 * only after that: so all is read before the end. */
static bool commit_listed(struct leat__fiber *fiber, void *arg)
{
    struct listed listed = *(const struct listed *)arg;
    struct leat__chan_turn turn = *listed.turn;
    bool parked = leat__late_commit(&listed.late);

    (void)fiber;
    leat__chan_leave(listed.chan, &turn);
    return parked;
}

/* wait_listed, where nothing but an event or a cancel can end the wait: the turn lasts until the
 * fiber is saved. */
static int wait_late(struct leat_chan *chan, struct leat__chan_turn *turn, uint32_t flag,
                     struct leat__waitnode *node, const struct leat__reason *reason)
{
    struct leat__worker *worker = leat__worker_current();
    struct leat__self *self = leat__worker_face(worker)->running->self;
    struct listed listed = { .chan = chan, .turn = turn };
    enum leat__cause cause;

    leat__late_begin(&listed.late, self, worker);
    *node = (struct leat__waitnode){ .data = node->data,
                                     .ticket = leat__late_ticket(&listed.late) };
    leat__chan_list(chan, turn, flag, node);
    if (!turn->alone && flag != LEAT__CHAN_JOINERS &&
        leat__chan_can(chan, flag, self->waiter)) { /* O1 */
        leat__chan_unlist(chan, turn, flag, node);
        leat__chan_leave(chan, turn);
        return -EAGAIN;
    }
    leat__self_reason(self, reason, chan->name);
    leat__park_on(worker, commit_listed, &listed);
    cause = leat__late_end(self);
    if (cause == LEAT__CAUSE_EVENT)
        return node->result; /* the channel may be gone */
    leat__chan_withdraw(chan, flag, node);
    return leat__late_error(cause);
}

/* Inside, and leaves: wait in a list until claimed. Returns the node's result: -EAGAIN to try
 * again; or the error of the scopes. */
static int wait_listed(struct leat_chan *chan, struct leat__chan_turn *turn, uint32_t flag,
                       struct leat__waitnode *node, const struct leat__reason *reason)
{
    struct leat__wait wait;
    enum leat__cause cause = LEAT__CAUSE_EVENT;
    bool own, again;
    int err;

    /* (Those who were won are woken at once, not by the next context.) */
    if (leat__wait_may_be_late(leat__self()) && leat__waitlist_empty(&turn->won) &&
        leat__fence_usable())
        return wait_late(chan, turn, flag, node, reason);
    err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);
    if (err) {
        leat__chan_leave(chan, turn);
        return err;
    }
    *node = (struct leat__waitnode){ .data = node->data, .ticket = wait.ticket };
    leat__chan_list(chan, turn, flag, node);
    again = !turn->alone && flag != LEAT__CHAN_JOINERS &&
            leat__chan_can(chan, flag, wait.ticket.waiter); /* O1 */
    if (again)
        leat__chan_unlist(chan, turn, flag, node);
    leat__chan_leave(chan, turn);
    if (again) {
        cause = leat__wait_abandon(&wait); /* nobody of the channel has seen the ticket */
        if (cause == LEAT__CAUSE_EVENT)
            return -EAGAIN;
        return leat__wait_error(&wait, cause, &own);
    }
    leat__self_reason(wait.self, reason, chan->name);
    cause = leat__wait_park(&wait, NULL);
    if (cause == LEAT__CAUSE_EVENT)
        return node->result; /* the channel may be gone */
    leat__chan_withdraw(chan, flag, node);
    return leat__wait_error(&wait, cause, &own);
}

static __attribute__((noinline)) int send_slow(struct leat_chan *chan, const void *element,
                                               bool may_wait)
{
    struct leat__waitnode node = { .data = (void *)(uintptr_t)element };
    struct leat__chan_turn turn;
    int err;

    for (unsigned tries = 0;; tries++) {
        leat__chan_enter(chan, &turn);
        err = leat__chan_send_now(chan, &turn, element);
        if (err == -EAGAIN && may_wait)
            err = wait_listed(chan, &turn, LEAT__CHAN_SENDERS, &node, &sending);
        else
            leat__chan_leave(chan, &turn);
        if (!may_wait)
            return err == -EBUSY ? -EAGAIN : err;
        if (!shall_retry(err, tries))
            return err;
    }
}

static __attribute__((noinline)) int recv_slow(struct leat_chan *chan, void *element, bool may_wait)
{
    struct leat__waitnode node = { .data = element };
    struct leat__chan_turn turn;
    int err;

    for (unsigned tries = 0;; tries++) {
        leat__chan_enter(chan, &turn);
        err = leat__chan_recv_now(chan, &turn, element);
        if (err == -EAGAIN && may_wait)
            err = wait_listed(chan, &turn, LEAT__CHAN_RECEIVERS, &node, &receiving);
        else
            leat__chan_leave(chan, &turn);
        if (!may_wait)
            return err == -EBUSY ? -EAGAIN : err;
        if (!shall_retry(err, tries))
            return err;
    }
}

/* ---- alone, inside: alone.h ---- */

/* Full or empty, after many elements: the other side could go on by now, most likely. Then the
 * caller gives way, as if its budget were spent, and looks again: that costs no claim and no wake.
 * True once for so many elements. */
static bool may_give_way(const struct leat_chan *chan, struct leat__self *self)
{
    if (chan->ring.capacity == 0 || self->budget > LEAT__BUDGET - LEAT__CHAN_MANY)
        return false;
    self->budget = 0;
    return true;
}

/* What the calls that programs make go on with, by a jump: so there is one frame above the
 * program's, whose name in a report says which call it was. Those that wait return by a jump as
 * well: they were called on another stack (platform/jump_return.h). */
LEAT__JUMP_RETURN __attribute__((noinline)) static int
send_waits(struct leat_chan *chan, const void *element, struct leat__worker *worker,
           struct leat__self *self) __asm__("leat_chan_send.waits");
LEAT__JUMP_RETURN __attribute__((noinline)) static int
recv_waits(struct leat_chan *chan, void *element, struct leat__worker *worker,
           struct leat__self *self) __asm__("leat_chan_recv.waits");
static __attribute__((noinline)) int send_alone_any(struct leat_chan *chan, const void *element,
                                                    struct leat__worker *worker,
                                                    struct leat__self *self)
    __asm__("leat_chan_send.any");
static __attribute__((noinline)) int send_alone(struct leat_chan *chan, const void *element,
                                                struct leat__worker *worker,
                                                struct leat__self *self)
    __asm__("leat_chan_send.alone");
static __attribute__((noinline)) int recv_alone(struct leat_chan *chan, void *element,
                                                struct leat__worker *worker,
                                                struct leat__self *self)
    __asm__("leat_chan_recv.alone");

/* Behind a call: it is no tail call, so that reports of who waits show what the program called. */
static inline void keep_frame(void)
{
    __asm__ volatile("");
}

static int send_waits(struct leat_chan *chan, const void *element, struct leat__worker *worker,
                      struct leat__self *self)
{
    int err = leat__alone_wait(chan, worker, self, LEAT__CHAN_SENDERS,
                               (void *)(uintptr_t)element, &sending);

    if (__builtin_expect(err == -EAGAIN, 0)) {
        err = send_slow(chan, element, true);
        keep_frame();
    }
    return err;
}

static int recv_waits(struct leat_chan *chan, void *element, struct leat__worker *worker,
                      struct leat__self *self)
{
    int err = leat__alone_wait(chan, worker, self, LEAT__CHAN_RECEIVERS, element, &receiving);

    if (__builtin_expect(err == -EAGAIN, 0)) {
        err = recv_slow(chan, element, true);
        keep_frame();
    }
    return err;
}

/* There is no room, or somebody waits, or the elements are no words. */
static int send_alone_any(struct leat_chan *chan, const void *element, struct leat__worker *worker,
                          struct leat__self *self)
{
    int err = -EAGAIN;

    /* relaxed: nobody else is there */
    if (load_relaxed(&chan->waiting) & LEAT__CHAN_RECEIVERS) {
        err = leat__alone_hand_over(chan, worker, element);
    } else {
        if (is_quick(chan, LEAT__CHAN_ANY))
            err = leat__ring_push_alone(&chan->ring, element, leat__ring_copy);
        if (err && !chan->closed &&
            (chan->ring.capacity == 0 || leat__ring_is_full(&chan->ring))) {
            if (!may_give_way(chan, self))
                return send_waits(chan, element, worker, self);
            leat__bias_leave(leat__worker_face(worker)->inside);
            err = send_any(chan, element, true);
            keep_frame();
            return err;
        }
        leat__bias_leave(leat__worker_face(worker)->inside);
    }
    if (__builtin_expect(err && err != -EPIPE, 0)) {
        err = send_slow(chan, element, true);
        keep_frame();
    }
    return err;
}

static __attribute__((noinline)) int ready(struct leat__worker *worker, struct leat__fiber *fiber)
{
    leat__ready_on(worker, fiber);
    return 0;
}

static int send_alone(struct leat_chan *chan, const void *element, struct leat__worker *worker,
                      struct leat__self *self)
{
    struct leat__fiber *fiber;

    HIDE(element);
    fiber = leat__alone_hand_over_quick(chan, worker, element);
    if (__builtin_expect(fiber != NULL, 1))
        return leat__ready_quick(worker, fiber) ? 0 : ready(worker, fiber);
    if (is_quick(chan, 0) &&
        leat__ring_push_alone(&chan->ring, element, leat__ring_copy_word) == 0) {
        leat__ring_stretch_room(&chan->ring);
        leat__bias_leave(leat__worker_face(worker)->inside);
        return 0;
    }
    return send_alone_any(chan, element, worker, self);
}

/* There is nothing to take, or somebody waits, or the elements are no words. */
static int recv_alone(struct leat_chan *chan, void *element, struct leat__worker *worker,
                      struct leat__self *self)
{
    int err = -EAGAIN;

    HIDE(element);
    if (is_quick(chan, 0) &&
        leat__ring_pop_alone(&chan->ring, element, leat__ring_copy_word) == 0) {
        leat__ring_stretch_store(&chan->ring);
        leat__bias_leave(leat__worker_face(worker)->inside);
        return 0;
    }
    if (!leat__waitlist_empty(&chan->senders)) {
        err = chan->ring.capacity == 0 ? leat__alone_fetch(chan, worker, element)
                                       : leat__alone_refill(chan, worker, element);
    } else if (leat__alone_is_empty(chan)) {
        if (!may_give_way(chan, self))
            return recv_waits(chan, element, worker, self);
        leat__bias_leave(leat__worker_face(worker)->inside);
        err = recv_any(chan, element, true);
        keep_frame();
        return err;
    } else {
        if (is_quick(chan, LEAT__CHAN_ANY))
            err = leat__ring_pop_alone(&chan->ring, element, leat__ring_copy);
        leat__bias_leave(leat__worker_face(worker)->inside);
    }
    if (__builtin_expect(err && err != -EPIPE, 0)) {
        err = recv_slow(chan, element, true);
        keep_frame();
    }
    return err;
}

/* ---- what programs call ---- */

/* Not alone, or not on a fiber, or the scopes have ended, or the budget is spent. */
static __attribute__((noinline)) int send_any(struct leat_chan *chan, const void *element,
                                              bool may_wait)
{
    struct leat__self *self = leat__self();
    int err = may_wait && !leat__checkpoint_idle(self) ? leat__checkpoint_slow(self) : 0;
    struct leat__inside *inside = leat__worker_inside(leat__worker_current());

    HIDE(element);
    if (err)
        return err;
    if (leat__bias_enter(&chan->bias, inside)) {
        err = is_quick(chan, LEAT__CHAN_ANY)
                  ? leat__ring_push_alone(&chan->ring, element, leat__ring_copy)
                  : -EAGAIN;
        leat__bias_leave(inside);
    } else {
        err = chan->single ? pass_single(chan, element, NULL) : send_shared(chan, element, inside);
    }
    return __builtin_expect(err, 0) && err != -EPIPE ? send_slow(chan, element, may_wait) : err;
}

static __attribute__((noinline)) int recv_any(struct leat_chan *chan, void *element, bool may_wait)
{
    struct leat__self *self = leat__self();
    int err = may_wait && !leat__checkpoint_idle(self) ? leat__checkpoint_slow(self) : 0;
    struct leat__inside *inside = leat__worker_inside(leat__worker_current());

    HIDE(element);
    if (err)
        return err;
    if (leat__bias_enter(&chan->bias, inside)) {
        err = is_quick(chan, LEAT__CHAN_ANY)
                  ? leat__ring_pop_alone(&chan->ring, element, leat__ring_copy)
                  : -EAGAIN;
        leat__bias_leave(inside);
    } else {
        err = recv_beside_others(chan, element, inside, may_wait);
    }
    return __builtin_expect(err, 0) && err != -EPIPE ? recv_slow(chan, element, may_wait) : err;
}

/* The next two are one straight line in a stretch: no call, so that no register is saved. */

int leat_chan_send(struct leat_chan *chan, const void *element)
{
    const void *hidden = element;
    struct leat__worker *worker = leat__worker_current();
    struct leat__fiber *fiber = worker ? leat__worker_face(worker)->running : NULL;
    struct leat__inside *inside = leat__worker_inside(worker);
    int err;

    HIDE(hidden);
    if (__builtin_expect(fiber && leat__checkpoint_quick(fiber->self), 1) &&
        leat__bias_enter_often(&chan->bias, inside)) {
        if (__builtin_expect(leat__ring_push_stretch(&chan->ring, hidden), 1)) {
            leat__bias_leave(inside);
            return 0;
        }
        return send_alone(chan, element, worker, fiber->self);
    }
    err = send_any(chan, element, true);
    keep_frame();
    return err;
}

int leat_chan_recv(struct leat_chan *chan, void *element)
{
    void *hidden = element;
    struct leat__worker *worker = leat__worker_current();
    struct leat__fiber *fiber = worker ? leat__worker_face(worker)->running : NULL;
    struct leat__inside *inside = leat__worker_inside(worker);
    int err;

    HIDE(hidden);
    if (__builtin_expect(fiber && leat__checkpoint_quick(fiber->self), 1) &&
        leat__bias_enter_often(&chan->bias, inside)) {
        if (__builtin_expect(leat__ring_pop_stretch(&chan->ring, hidden), 1)) {
            leat__bias_leave(inside);
            return 0;
        }
        return recv_alone(chan, element, worker, fiber->self);
    }
    err = recv_any(chan, element, true);
    keep_frame();
    return err;
}

int leat_chan_try_send(struct leat_chan *chan, const void *element)
{
    return send_any(chan, element, false);
}

int leat_chan_try_recv(struct leat_chan *chan, void *element)
{
    return recv_any(chan, element, false);
}

/* As many as go at once, in one turn; 0 when none does. */
static size_t send_some(struct leat_chan *chan, const unsigned char *elements, size_t count)
{
    struct leat__chan_turn turn;
    size_t i = 0;

    leat__chan_enter(chan, &turn);
    while (i < count && leat__chan_send_now(chan, &turn, elements + i * chan->ring.bytes) == 0)
        i++;
    leat__chan_leave(chan, &turn);
    return i;
}

static size_t recv_some(struct leat_chan *chan, unsigned char *elements, size_t count)
{
    struct leat__chan_turn turn;
    size_t i = 0;

    leat__chan_enter(chan, &turn);
    while (i < count && leat__chan_recv_now(chan, &turn, elements + i * chan->ring.bytes) == 0)
        i++;
    leat__chan_leave(chan, &turn);
    return i;
}

ssize_t leat_chan_send_many(struct leat_chan *chan, const void *elements, size_t count)
{
    const unsigned char *next = elements;
    size_t bytes = chan->ring.bytes; /* once the last one is sent the channel may be gone */
    size_t sent = 0;

    while (sent < count) {
        int err = leat__checkpoint(leat__self());
        size_t some = err ? 0 : send_some(chan, next, count - sent);

        if (some == 0) {
            if (!err)
                err = send_slow(chan, next, true);
            if (err)
                return sent > 0 ? (ssize_t)sent : err;
            some = 1;
        }
        sent += some;
        next += some * bytes;
    }
    return (ssize_t)sent;
}

ssize_t leat_chan_recv_many(struct leat_chan *chan, void *elements, size_t count)
{
    size_t some;
    int err = count == 0 ? 0 : leat__checkpoint(leat__self());

    if (err || count == 0)
        return err;
    some = recv_some(chan, elements, count);
    if (some == 0) {
        err = recv_slow(chan, elements, true);
        if (err)
            return err;
        some = 1;
    }
    return (ssize_t)some;
}

void leat_chan_close(struct leat_chan *chan)
{
    struct leat__chan_turn turn;

    leat__chan_enter(chan, &turn);
    if (!chan->closed)
        leat__chan_end(chan, &turn);
    leat__chan_leave(chan, &turn);
}

/* ---- done and join ---- */

void leat_chan_done(struct leat_chan *chan)
{
    struct leat__chan_turn turn;

    leat__chan_enter(chan, &turn);
    leat__chan_count_done(chan, &turn);
    leat__chan_leave(chan, &turn);
}

int leat_chan_join(struct leat_chan *chan)
{
    struct leat__waitnode node = { .data = NULL };
    struct leat__chan_turn turn;
    int err = leat__checkpoint(leat__self());

    if (err)
        return err;
    leat__chan_enter(chan, &turn);
    if (leat__chan_is_done(chan))
        leat__chan_leave(chan, &turn);
    else
        err = wait_listed(chan, &turn, LEAT__CHAN_JOINERS, &node, &joining);
    return err;
}

size_t leat_chan_length(const struct leat_chan *chan)
{
    return (size_t)leat__ring_length((struct leat__ring *)(uintptr_t)&chan->ring);
}

size_t leat_chan_capacity(const struct leat_chan *chan)
{
    return (size_t)chan->ring.capacity;
}
