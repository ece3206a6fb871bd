/* SPDX-License-Identifier: MIT */
/* The waitable: what select knows of channels, semaphores, tasks and descriptors.
 *
 * A kind of case gives four functions. `attempt` does the thing if it can be done now. Otherwise
 * select opens a wait of its caller, and `arm` publishes its ticket at each case; whoever can do
 * the thing for the caller claims the ticket, does it, marks the node and wakes. At the end every
 * armed case is disarmed, the one that happened too. See select.c.
 *
 * CONTRACT
 *   attempt  never blocks. Its result is the case's, or -EAGAIN: it cannot be done now.
 *   arm      node->ticket is set. Publishes the node first, then looks again: true means that an
 *            attempt seems worth it now. The look leaves out what the same waiter has published
 *            (a select that sends to and receives from one channel does not talk to itself).
 *   claimer  claims with leat__waitnode_claim, so the node says that it was this case that
 *            happened; node->result is the case's, or -EAGAIN: it did not happen after all, all is
 *            attempted anew. leat__wake comes after that, as always.
 *   disarm   withdraws the node: when it returns, nobody has it any more. It may wait for that
 *            (an operation in the kernel), shielded. */
#ifndef LEAT_TASK_WAITABLE_H
#define LEAT_TASK_WAITABLE_H

#include "task/waitlist.h"

#include <leat/select.h>

struct leat_waitable {
    const char *what;  /* continues "waits to " in reports */
    bool        inner; /* only another task or thread of the program can make it happen */
    short       events; /* not 0: those of poll(2) that the descriptor, its number, is to have;
                           plain threads, which have no reactor, poll for it and do not arm it */
    size_t      bytes; /* for arm: a struct that begins with a leat__waitnode */
    int  (*attempt)(struct leat_case *c);
    bool (*arm)(struct leat_case *c, struct leat__waitnode *node);
    void (*disarm)(struct leat_case *c, struct leat__waitnode *node);
};

#endif
