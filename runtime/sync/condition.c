/* SPDX-License-Identifier: MIT */
/* Condition: a list of those who wait, beside a mutex that they hold before and after.
 *
 * INVARIANTS
 *   I1  A waiter is in the list before it lets go of the mutex, so a signal that comes after finds
 *       it. Its wait is open by then: a claim that comes before it parks is an early one.
 *   I2  A signal takes the first waiter whose claim succeeds: one that is being cancelled is passed
 *       over, one that was claimed returns 0, so each signal is seen by one waiter if there is one.
 *   I3  Signal and broadcast touch the condition last before the wake. */
#include "sync/mutex.h"
#include "task/self.h"

struct condition {
    struct leat__lock     lock;
    struct leat__waitlist waiters;
} __attribute__((may_alias)); /* lies in a struct leat_condition of the caller's */

_Static_assert(sizeof(struct condition) <= sizeof(struct leat_condition), "it has room");

static struct condition *inside(struct leat_condition *condition)
{
    return (struct condition *)(void *)condition;
}

int leat_condition_wait(struct leat_condition *public, struct leat_mutex *public_mutex)
{
    static const struct leat__reason reason = { "be signalled a condition", LEAT__ABOUT_NOTHING,
                                                LEAT__INNER };
    struct condition *condition = inside(public);
    struct leat__mutex *mutex = (struct leat__mutex *)(void *)public_mutex;
    const void *from = __builtin_return_address(0);
    struct leat__self *self = leat__self();
    struct leat__waitnode node = { 0 };
    struct leat__wait wait;
    enum leat__cause cause;
    bool own;
    int err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, LEAT_NEVER);

    if (err)
        return err;
    node.ticket = wait.ticket;
    leat__lock(&condition->lock);
    leat__waitlist_push(&condition->waiters, &node);
    leat__unlock(&condition->lock);
    leat__mutex_unlock(mutex, from); /* I1 */
    leat__self_reason(self, &reason, NULL);
    cause = leat__wait_park(&wait, NULL);
    if (cause != LEAT__CAUSE_EVENT) {
        err = leat__wait_error(&wait, cause, &own);
        leat__lock(&condition->lock);
        leat__waitlist_remove(&condition->waiters, &node);
        leat__unlock(&condition->lock);
    }
    /* 0: nothing ends a shielded wait */
    (void)leat__mutex_lock(mutex, LEAT__WAIT_SHIELDED, from);
    return err;
}

void leat_condition_signal(struct leat_condition *public)
{
    struct condition *condition = inside(public);
    struct leat__waitnode *node;

    leat__lock(&condition->lock);
    node = leat__waitlist_claim(&condition->waiters); /* I2 */
    leat__unlock(&condition->lock);
    if (node)
        leat__wake(node->ticket.waiter); /* I3 */
}

void leat_condition_broadcast(struct leat_condition *public)
{
    struct condition *condition = inside(public);
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;

    leat__lock(&condition->lock);
    while ((node = leat__waitlist_claim(&condition->waiters)))
        leat__waitlist_push(&won, node);
    leat__unlock(&condition->lock);
    leat__waitlist_wake(&won); /* I3 */
}
