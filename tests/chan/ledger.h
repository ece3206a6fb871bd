/* SPDX-License-Identifier: MIT */
/* Elements that are counted at both ends of a channel, whose tasks are cancelled at any instant:
 * each is with its sender, in the channel or with its receiver. */
#ifndef LEAT_TESTS_CHAN_LEDGER_H
#define LEAT_TESTS_CHAN_LEDGER_H

#include "harness/test.h"

#include <leat/leat.h>

#include <stdatomic.h>

typedef leat_chan(long) long_chan;

struct ledger {
    long_chan   chan;
    atomic_long sent, received;
};

static inline int ledger_send(void *arg)
{
    struct ledger *ledger = arg;
    int err;

    while ((err = leat_send(&ledger->chan, &(long){ 1 })) == 0)
        atomic_fetch_add_explicit(&ledger->sent, 1, memory_order_relaxed);
    return err;
}

static inline int ledger_receive(void *arg)
{
    struct ledger *ledger = arg;
    long value;
    int err;

    while ((err = leat_recv(&ledger->chan, &value)) == 0)
        atomic_fetch_add_explicit(&ledger->received, value, memory_order_relaxed);
    return err;
}

/* When its tasks have ended. Destroys the channel. */
static inline void ledger_close(struct ledger *ledger)
{
    long left = 0, value;

    while (leat_try_recv(&ledger->chan, &value) == 0)
        left += value;
    expect_eq(atomic_load(&ledger->sent), atomic_load(&ledger->received) + left);
    leat_chan_destroy(&ledger->chan);
}

#endif
