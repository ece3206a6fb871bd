/* SPDX-License-Identifier: MIT */
/* The readiness of a descriptor as a case of a select: see task/waitable.h.
 *
 * On a worker it is a poll operation of the reactor's. Its completion claims the select's ticket;
 * whatever ended the wait, disarm gets the operation back before its memory goes, and looks at its
 * result. Readiness is not consumed, so one that was seen and not chosen is not lost. A plain
 * thread has no reactor: select polls (`events`). */
#include "lockfree/atomic.h"
#include "reactor/call.h"
#include "reactor/op.h"
#include "task/waitable.h"

#include <errno.h>
#include <poll.h>

struct armed {
    struct leat__waitnode node; /* data: the op while it is in flight */
    struct leat__op       op;
};

/* In the upper half of a case's number: the error that arm met, for the next attempt. */
#define REFUSED_SHIFT 32

static struct leat__op poll_of(const struct leat_case *c)
{
    struct leat__op op = { .code = LEAT__OP_POLL, .fd = (int)(uint32_t)c->number,
                           .flags = c->how->events };

    return op;
}

static int attempt(struct leat_case *c)
{
    struct leat__op op = poll_of(c);
    int result;

    if (c->number >> REFUSED_SHIFT)
        return -(int)(c->number >> REFUSED_SHIFT);
    result = op.fd < 0 ? -EBADF : leat__op_attempt(&op, false); /* poll(2) ignores those below 0 */
    return result > 0 ? 0 : result;
}

static bool arm(struct leat_case *c, struct leat__waitnode *node)
{
    struct armed *armed = (void *)node;
    int err;

    if (leat__ticket_of_thread(node->ticket))
        return false; /* a plain thread, which polls */
    armed->op = poll_of(c);
    err = leat__op_arm(&armed->op, node->ticket);
    if (err)
        c->number |= (uint64_t)-err << REFUSED_SHIFT;
    else
        node->data = &armed->op;
    return err != 0;
}

static void disarm(struct leat_case *c, struct leat__waitnode *node)
{
    int result;

    (void)c;
    if (!node->data)
        return;
    result = leat__op_disarm(node->data);
    if (result == -ECANCELED || result == -EINTR || result == -EAGAIN)
        return;
    node->won = true;
    node->result = result > 0 ? 0 : result;
}

const struct leat_waitable leat_waitable_readable = {
    .what = "see a descriptor readable",
    .events = POLLIN,
    .bytes = sizeof(struct armed),
    .attempt = attempt,
    .arm = arm,
    .disarm = disarm,
};

const struct leat_waitable leat_waitable_writable = {
    .what = "see a descriptor writable",
    .events = POLLOUT,
    .bytes = sizeof(struct armed),
    .attempt = attempt,
    .arm = arm,
    .disarm = disarm,
};
