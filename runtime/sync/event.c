/* SPDX-License-Identifier: MIT */
/* Event: a bit, and those who wait for it.
 *
 * INVARIANTS
 *   I1  WAITING is set while the list is not empty, and changes only under the lock; SET is not set
 *       beside it: who waits announces it by a compare-and-swap that sees SET clear, and who sets
 *       takes all waiters first.
 *   I2  A set in passing touches the event last when it is seen. One that finds WAITING set under
 *       the lock touches it last before it wakes; until then, or until it has the lock after us, a
 *       waiter's call is under way, and nobody may take the memory back. (WAITING seen without the
 *       lock tells nothing: who waited may have given up, and its next call sees the event set.)
 *
 * ORDERING
 *   O1  Set releases, also when it was set, to the acquire of whoever sees it, or by claim and
 *       wake. */
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/sync.h>

#define SET     UINT32_C(1)
#define WAITING UINT32_C(2)

struct event {
    LEAT_ATOMIC(uint32_t) word;
    struct leat__lock     lock;
    struct leat__waitlist waiters;
} __attribute__((may_alias)); /* lies in a struct leat_event of the caller's */

_Static_assert(sizeof(struct event) <= sizeof(struct leat_event), "it has room");

static struct event *inside(struct leat_event *event)
{
    return (struct event *)(void *)event;
}

void leat_event_set(struct leat_event *public)
{
    struct event *event = inside(public);
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;
    uint32_t old = load_relaxed(&event->word); /* relaxed: the compare-and-swap decides */

    for (;;) {
        while (!(old & WAITING))
            if (cas_weak_release(&event->word, &old, SET)) /* O1, I2 */
                return;
        leat__lock(&event->lock);
        old = load_relaxed(&event->word); /* relaxed: it changes from WAITING under the lock */
        if (old & WAITING)
            break;
        leat__unlock(&event->lock); /* those who waited have left */
    }
    while ((node = leat__waitlist_claim(&event->waiters)))
        leat__waitlist_push(&won, node);
    (void)exchange_release(&event->word, SET); /* O1 */
    leat__unlock(&event->lock);
    leat__waitlist_wake(&won); /* I2 */
}

void leat_event_clear(struct leat_event *event)
{
    /* relaxed: what the caller did before is for the next set to release */
    (void)fetch_and_relaxed(&inside(event)->word, ~SET);
}

bool leat_event_is_set(const struct leat_event *event)
{
    /* pairs with the release in set (O1) */
    return load_acquire(&((const struct event *)(const void *)event)->word) & SET;
}

/* With the lock held: it is set, or we have said that we wait (I1). */
static bool set_or_announce(struct event *event)
{
    uint32_t old = load_acquire(&event->word); /* pairs with the release in set (O1) */

    do {
        if (old & SET)
            return true;
    } while (!cas_weak_acquire(&event->word, &old, old | WAITING)); /* as above, when it fails */
    return false;
}

int leat_event_wait(struct leat_event *public)
{
    static const struct leat__reason reason = { "see an event set", LEAT__ABOUT_NOTHING,
                                                LEAT__INNER };
    struct event *event = inside(public);
    struct leat__self *self = leat__self();
    struct leat__waitnode node = { 0 };
    int err;

    leat__spend(self);
    if (leat_event_is_set(public))
        return 0;
    leat__lock(&event->lock);
    if (set_or_announce(event)) {
        leat__unlock(&event->lock);
        return 0;
    }
    leat__self_reason(self, &reason, NULL);
    err = leat__waitlist_wait(&event->waiters, &node, &event->lock);
    if (err) {
        leat__lock(&event->lock);
        if (leat__waitlist_empty(&event->waiters))
            (void)fetch_and_relaxed(&event->word, ~WAITING); /* relaxed: as in set */
        leat__unlock(&event->lock);
    }
    return err;
}
