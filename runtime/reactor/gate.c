/* SPDX-License-Identifier: MIT */
/* The cold half of gates: shutting, closing, and ops that have to wait. See gate.h.
 *
 * A shut does not reach into the kernel: it claims the waits of the pending ops as a cancel would,
 * and their callers recall their own ops. The alternative, a cancel message per op, would need the
 * ops to outlive it, and they live in frames of tasks that may be about to return. */
#include "reactor/gate.h"

#include "base/check.h"
#include "reactor/op.h"
#include "task/self.h"

#include <errno.h>
#include <stddef.h>

int leat__gate_enter(struct leat__gate *gate, uint32_t mark)
{
    /* acquire: what the opener, and the call before of the same mark, did with the handle (O1) */
    uint32_t old = fetch_add_acquire(&gate->word, LEAT__GATE_COUNT + mark);

    leat__check(!(old & mark), mark == LEAT__GATE_READER
                                   ? "let only one task at a time read from a stream"
                                   : "let only one task at a time write to a stream");
    if (__builtin_expect(!(old & LEAT__GATE_SHUT), 1))
        return 0;
    leat__gate_leave(gate, mark);
    return -ECANCELED;
}

void leat__gate_leave(struct leat__gate *gate, uint32_t mark)
{
    /* O1: release to the closer and to the next of this mark; acquire: `closer`, if CLOSING (I3) */
    uint32_t old = fetch_sub_acq_rel(&gate->word, LEAT__GATE_COUNT + mark);

    if (__builtin_expect(old & LEAT__GATE_CLOSING && old < 2 * LEAT__GATE_COUNT, 0)) {
        struct leat__ticket closer = gate->closer;

        if (leat__claim(closer, LEAT__CAUSE_EVENT))
            leat__wake(closer.waiter); /* the gate may be gone by now */
    }
}

void leat__gate_shut(struct leat__gate *gate)
{
    /* relaxed: who enters later needs nothing of us; I2 is by the lock */
    fetch_or_relaxed(&gate->word, LEAT__GATE_SHUT);
    leat__lock(&gate->lock);
    if (gate->waiting.next) {
        leat__list_each(node, &gate->waiting) {
            struct leat__op *op = leat__list_entry(node, struct leat__op, at_gate);
            struct leat__ticket ticket = op->ticket[0];

            /* Its caller can't leave before it has dismissed the op, under the lock. */
            if (leat__claim(ticket, LEAT__CAUSE_CANCEL))
                leat__wake(ticket.waiter);
        }
    }
    leat__unlock(&gate->lock);
}

void leat__gate_close(struct leat__gate *gate)
{
    static const struct leat__reason reason = { "close, until the operations under way are back",
                                                LEAT__ABOUT_NOTHING, LEAT__OUTER };
    struct leat__wait wait;
    int err = leat__wait_begin(&wait, LEAT__WAIT_SHIELDED, LEAT_NEVER);

    leat__self_reason(wait.self, &reason, NULL);
    leat__check(err == 0, "a shielded wait must begin");
    gate->closer = wait.ticket;
    leat__gate_shut(gate);
    /* O1: acquires what those who have left did; release: closer (I3) */
    if (fetch_or_acq_rel(&gate->word, LEAT__GATE_CLOSING) >= LEAT__GATE_COUNT) {
        (void)leat__wait_park(&wait, NULL);
        /* acquire: O1, the last one's leave */
        leat__check(load_acquire(&gate->word) < LEAT__GATE_COUNT,
                    "use no stream or listener after its close has begun");
    } else {
        (void)leat__wait_abandon(&wait);
    }
}

int leat__gate_admit(struct leat__gate *gate, struct leat__op *op)
{
    int err = 0;

    leat__lock(&gate->lock);
    /* relaxed: ordered by the lock (I2) */
    if (load_relaxed(&gate->word) & LEAT__GATE_SHUT) {
        err = -ECANCELED;
    } else {
        if (!gate->waiting.next)
            leat__list_init(&gate->waiting);
        leat__list_push_back(&gate->waiting, &op->at_gate);
    }
    leat__unlock(&gate->lock);
    return err;
}

void leat__gate_dismiss(struct leat__gate *gate, struct leat__op *op)
{
    leat__lock(&gate->lock);
    leat__list_remove(&op->at_gate);
    leat__unlock(&gate->lock);
}
