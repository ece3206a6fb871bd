/* SPDX-License-Identifier: MIT */
/* A channel from the inside: see chan.c for how it works, ring.h and bias.h for its parts. */
#ifndef LEAT_CHAN_CHAN_H
#define LEAT_CHAN_CHAN_H

#include "chan/bias.h"
#include "chan/ring.h"
#include "chan/single.h"
#include "chan/stretch.h"
#include "lockfree/lock.h"
#include "task/waitlist.h"

#include <leat/chan.h>

/* In `waiting`. The first three: the list is not empty. */
enum {
    LEAT__CHAN_RECEIVERS = 1,
    LEAT__CHAN_SENDERS = 2,
    LEAT__CHAN_JOINERS = 4,
    LEAT__CHAN_SLOW = 8, /* each operation enters: no capacity, or it closes itself */
    LEAT__CHAN_ANY = 16, /* elements are no words */
};

/* A worker that alone took so many turns, or alone passed so many elements each way, gets a shared
 * channel for itself; twice as many each time that it lost it, up to a limit. */
#ifndef LEAT__CHAN_PATIENCE /* the model checker builds with fewer */
#define LEAT__CHAN_PATIENCE     4 /* doubled before it first counts */
#define LEAT__CHAN_PATIENCE_MAX 128
#define LEAT__CHAN_OPS          8 /* for a turn */
#endif

/* So many elements of a task's budget, and it gives way once before it waits (pass.c). */
#define LEAT__CHAN_MANY 64

struct leat_chan {
    /* read by every operation */
    struct leat__bias     bias;
    LEAT_ATOMIC(uint32_t) waiting;
    bool                  oneshot;
    bool                  single; /* .spsc: single.h */
    bool                  spsc;   /* its check; single too, where that is possible */
    const char           *name;
    struct leat__ring     ring;

    /* touched by those who wait, and by who finds them waiting */
    alignas(64) struct leat__lock lock;
    bool                  closed; /* as in the ring's tail */
    struct leat__waitlist receivers;
    struct leat__waitlist senders;
    struct leat__waitlist joiners;
    uint64_t              handed; /* elements that passed beside the ring */
    uint64_t              done;   /* elements that leat_chan_done was told of */
    const void           *last;   /* the worker's place of the last turn while shared */
    uint32_t              turns;  /* that it took, one after the other */
    LEAT_ATOMIC(uint32_t) patience; /* read as a hint without the lock */
    struct leat__single   sides;  /* of `single` */
};

/* Exclusive access to the lists: alone (bias.h, single.h) or under the lock, and those who are to
 * be woken when it ends. */
struct leat__chan_turn {
    bool                  alone;  /* nobody else is on the ring either */
    bool                  locked; /* by single.h: to be undone at the end */
    struct leat__inside  *inside; /* the caller's */
    struct leat__waitlist won;
};

void leat__chan_enter(struct leat_chan *chan, struct leat__chan_turn *turn);
void leat__chan_leave(struct leat_chan *chan, struct leat__chan_turn *turn);

/* Outside, shared: the worker may have been the only one for long, and gets the channel if so. */
void leat__chan_regain(struct leat_chan *chan, struct leat__inside *inside);

/* Inside: 0, -EPIPE, -EAGAIN, or -EBUSY: a slot is in the hands of a thread that was preempted. */
int leat__chan_send_now(struct leat_chan *chan, struct leat__chan_turn *turn, const void *element);
int leat__chan_recv_now(struct leat_chan *chan, struct leat__chan_turn *turn, void *element);

/* Inside: as long as there is room for those who wait to send, or something for those who wait to
 * receive, do it for them. */
void leat__chan_match(struct leat_chan *chan, struct leat__chan_turn *turn);

/* Inside: wake those who wait for all elements to be done, if they are. */
void leat__chan_count_done(struct leat_chan *chan, struct leat__chan_turn *turn);
bool leat__chan_is_done(struct leat_chan *chan);
void leat__chan_end(struct leat_chan *chan, struct leat__chan_turn *turn); /* close it */

/* Inside: list the node, and take it off the list again if it is still there. */
void leat__chan_list(struct leat_chan *chan, struct leat__chan_turn *turn, uint32_t flag,
                     struct leat__waitnode *node);
void leat__chan_unlist(struct leat_chan *chan, struct leat__chan_turn *turn, uint32_t flag,
                       struct leat__waitnode *node);

/* Outside: the same, in a turn of its own. */
void leat__chan_withdraw(struct leat_chan *chan, uint32_t flag, struct leat__waitnode *node);

/* Inside, after listing: is an attempt of this side worth it? `waiter` is who asks. */
bool leat__chan_can(struct leat_chan *chan, uint32_t flag, const struct leat__waiter *waiter);

#endif
