/* SPDX-License-Identifier: MIT */
/* Counting semaphore: permits and, in order of arrival, those who wait for some.
 *
 * INVARIANTS (under the lock)
 *   I1  The first waiter wants more permits than there are; so permits never lie idle beside a
 *       waiter they would do for, except behind one that came before it (no starving of big ones).
 *   I2  A waiter's permits are taken in its name before it is woken: a cancel that comes later
 *       finds nothing to undo, one that came first leaves the permits where they are.
 *   I3  It is woken after the lock was released, the last touch: who got what it waited for may
 *       take the semaphore's memory back at once. */
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/sync.h>

#include <errno.h>

struct semaphore {
    struct leat__lock     lock;
    LEAT_ATOMIC(uint32_t) permits; /* atomic for leat_semaphore_available, which takes no lock */
    struct leat__waitlist waiters;
} __attribute__((may_alias)); /* lies in a struct leat_semaphore of the caller's */

_Static_assert(sizeof(struct semaphore) <= sizeof(struct leat_semaphore), "it has room");

static struct semaphore *inside(struct leat_semaphore *semaphore)
{
    return (struct semaphore *)(void *)semaphore;
}

void leat_semaphore_init(struct leat_semaphore *semaphore, uint32_t permits)
{
    *semaphore = (struct leat_semaphore){ { 0 } };
    store_relaxed(&inside(semaphore)->permits, permits); /* relaxed: nobody else has it yet */
}

/* With the lock held, which it releases: serve waiters from the front while there are enough
 * permits (I1). */
static void grant_and_unlock(struct semaphore *semaphore)
{
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;

    /* relaxed, all: under the lock */
    while ((node = semaphore->waiters.first) && node->count <= load_relaxed(&semaphore->permits)) {
        leat__waitlist_remove(&semaphore->waiters, node);
        if (!leat__claim(node->ticket, LEAT__CAUSE_EVENT))
            continue;
        store_relaxed(&semaphore->permits,
                      load_relaxed(&semaphore->permits) - (uint32_t)node->count); /* I2 */
        leat__waitlist_push(&won, node);
    }
    leat__unlock(&semaphore->lock);
    leat__waitlist_wake(&won); /* I3 */
}

/* With the lock held. */
static bool take(struct semaphore *semaphore, uint32_t permits)
{
    uint32_t free = load_relaxed(&semaphore->permits); /* relaxed: under the lock */

    if (!leat__waitlist_empty(&semaphore->waiters) || free < permits)
        return false;
    store_relaxed(&semaphore->permits, free - permits); /* relaxed: likewise */
    return true;
}

int leat_semaphore_acquire(struct leat_semaphore *public, uint32_t permits)
{
    struct semaphore *semaphore = inside(public);
    static const struct leat__reason reason = { "acquire permits of a semaphore:",
                                                LEAT__ABOUT_NUMBER, true };
    struct leat__waitnode node = { .count = permits };
    struct leat__self *self = leat__self();
    int err = leat__checkpoint(self);

    if (err)
        return err;
    leat__lock(&semaphore->lock);
    if (take(semaphore, permits)) {
        leat__unlock(&semaphore->lock);
        return 0;
    }
    leat__self_reason(self, &reason, (void *)(uintptr_t)permits);
    err = leat__waitlist_wait(&semaphore->waiters, &node, &semaphore->lock);
    if (err) { /* whoever stood behind us may be served now (I1) */
        leat__lock(&semaphore->lock);
        grant_and_unlock(semaphore);
    }
    return err;
}

int leat_semaphore_try_acquire(struct leat_semaphore *public, uint32_t permits)
{
    struct semaphore *semaphore = inside(public);
    bool taken;

    leat__lock(&semaphore->lock);
    taken = take(semaphore, permits);
    leat__unlock(&semaphore->lock);
    return taken ? 0 : -EAGAIN;
}

void leat_semaphore_release(struct leat_semaphore *public, uint32_t permits)
{
    struct semaphore *semaphore = inside(public);

    leat__lock(&semaphore->lock);
    /* relaxed: under the lock */
    store_relaxed(&semaphore->permits, load_relaxed(&semaphore->permits) + permits);
    grant_and_unlock(semaphore);
}

uint32_t leat_semaphore_available(const struct leat_semaphore *semaphore)
{
    const struct semaphore *inner = (const struct semaphore *)(const void *)semaphore;

    return load_relaxed(&inner->permits); /* relaxed: an estimate */
}
