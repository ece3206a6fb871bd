/* SPDX-License-Identifier: MIT */
/* Channels as cases of a select: see task/waitable.h for what each function promises. */
#include "chan/chan.h"
#include "task/waitable.h"

static int attempt_send(struct leat_case *c)
{
    return leat_chan_try_send(c->object, c->source);
}

static int attempt_recv(struct leat_case *c)
{
    return leat_chan_try_recv(c->object, c->data);
}

static bool arm(struct leat_case *c, struct leat__waitnode *node, uint32_t flag)
{
    struct leat_chan *chan = c->object;
    struct leat__chan_turn turn;
    bool possible;

    node->data = c->data;
    leat__chan_enter(chan, &turn);
    leat__chan_list(chan, &turn, flag, node);
    possible = leat__chan_can(chan, flag, node->ticket.waiter);
    leat__chan_leave(chan, &turn);
    return possible;
}

static bool arm_send(struct leat_case *c, struct leat__waitnode *node)
{
    return arm(c, node, LEAT__CHAN_SENDERS);
}

static bool arm_recv(struct leat_case *c, struct leat__waitnode *node)
{
    return arm(c, node, LEAT__CHAN_RECEIVERS);
}

static void disarm(struct leat_case *c, struct leat__waitnode *node, uint32_t flag)
{
    if (!node->won) /* else it is off the list, and the channel may be gone */
        leat__chan_withdraw(c->object, flag, node);
}

static void disarm_send(struct leat_case *c, struct leat__waitnode *node)
{
    disarm(c, node, LEAT__CHAN_SENDERS);
}

static void disarm_recv(struct leat_case *c, struct leat__waitnode *node)
{
    disarm(c, node, LEAT__CHAN_RECEIVERS);
}

const struct leat_waitable leat_waitable_send = {
    .what = "send to a channel",
    .inner = true,
    .attempt = attempt_send,
    .arm = arm_send,
    .disarm = disarm_send,
};

const struct leat_waitable leat_waitable_recv = {
    .what = "receive from a channel",
    .inner = true,
    .attempt = attempt_recv,
    .arm = arm_recv,
    .disarm = disarm_recv,
};
