/* SPDX-License-Identifier: MIT */
/* Barrier: those who have arrived, until the last one does.
 *
 * INVARIANTS (under the lock)
 *   I1  Fewer than count are in the list; they are those who have arrived.
 *   I2  The last one takes all off the list: they have passed, also one whose wait
 *       was ended by a cancel or a timeout at the same time, which finds that when it has the lock.
 *       One that gets the lock first has not arrived.
 *   I3  The last one touches the barrier last before the wakes. */
#include "base/check.h"
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/sync.h>

struct barrier {
    struct leat__lock     lock;
    uint32_t              count;
    uint32_t              arrived;
    struct leat__waitlist waiters;
} __attribute__((may_alias)); /* lies in a struct leat_barrier of the caller's */

_Static_assert(sizeof(struct barrier) <= sizeof(struct leat_barrier), "it has room");
_Static_assert(offsetof(struct barrier, count) == 4, "as LEAT_BARRIER_INIT has it");

void leat_barrier_init(struct leat_barrier *barrier, uint32_t count)
{
    *barrier = (struct leat_barrier)LEAT_BARRIER_INIT(count);
}

/* With the lock held, which it releases. */
static void open(struct barrier *barrier)
{
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;

    barrier->arrived = 0;
    while ((node = barrier->waiters.first)) {
        leat__waitlist_remove(&barrier->waiters, node); /* I2 */
        if (leat__claim(node->ticket, LEAT__CAUSE_EVENT))
            leat__waitlist_push(&won, node);
    }
    leat__unlock(&barrier->lock);
    leat__waitlist_wake(&won); /* I3 */
}

int leat_barrier_wait(struct leat_barrier *public)
{
    static const struct leat__reason reason = { "see all arrive at a barrier", LEAT__ABOUT_NOTHING,
                                                LEAT__INNER };
    struct barrier *barrier = (struct barrier *)(void *)public;
    struct leat__self *self = leat__self();
    struct leat__waitnode node = { 0 };
    struct leat__wait wait;
    enum leat__cause cause;
    bool own;
    int err = leat__checkpoint(self);

    if (err)
        return err;
    leat__lock(&barrier->lock);
    if (barrier->arrived + 1 >= barrier->count) {
        open(barrier);
        return 1;
    }
    err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);
    if (err) { /* before it arrives: I1 */
        leat__unlock(&barrier->lock);
        return err;
    }
    node.ticket = wait.ticket;
    barrier->arrived++;
    leat__waitlist_push(&barrier->waiters, &node);
    leat__self_reason(self, &reason, NULL);
    cause = leat__wait_park(&wait, &barrier->lock);
    if (cause == LEAT__CAUSE_EVENT)
        return 0;
    err = leat__wait_error(&wait, cause, &own);
    leat__lock(&barrier->lock);
    if (node.linked) {
        leat__waitlist_remove(&barrier->waiters, &node);
        barrier->arrived--;
    } else {
        err = 0; /* I2 */
    }
    leat__unlock(&barrier->lock);
    return err;
}
