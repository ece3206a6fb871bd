/* SPDX-License-Identifier: MIT */
/* Broadcasts: a ring of the last elements under a lock, and a cursor for each subscriber.
 *
 * A position counts elements from the start; element p lies in slot p modulo capacity while it is
 * one of the last `capacity`. Receivers copy out, nothing is taken away, so a send costs the same
 * for one subscriber as for a thousand, but for those it wakes. A queue for each subscriber was
 * rejected: a copy and a lock for each of them at each send.
 *
 * INVARIANTS (under the lock)
 *   I1  Receivers are listed only while their cursor is at the end, senders only (SLOW_WAITS) while
 *       a subscriber's is `capacity` behind it.
 *   I2  SLOW_WAITS: no cursor is ever more than `capacity` behind, so nothing is missed.
 *   I3  Who is claimed only looks again: nothing is handed over, nothing can be lost to a cancel.
 *       The lock orders all. */
#include "base/check.h"
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/broadcast.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENT_MAX 65536

struct subscriber {
    struct leat_broadcast *broadcast;
    struct subscriber     *next, *prev;
    uint64_t               cursor;
} __attribute__((may_alias)); /* lies in a struct leat_subscriber of the caller's */

_Static_assert(sizeof(struct subscriber) <= sizeof(struct leat_subscriber), "it has room");

struct leat_broadcast {
    struct leat__lock     lock;
    bool                  closed;
    bool                  waits;
    size_t                bytes, capacity;
    uint64_t              end; /* position of the next element */
    struct subscriber    *subscribers;
    struct leat__waitlist receivers, senders;
    unsigned char         slots[];
};

static struct subscriber *inside(struct leat_subscriber *subscriber)
{
    return (struct subscriber *)(void *)subscriber;
}

int leat_broadcast_create(struct leat_broadcast **ret, size_t bytes, size_t capacity,
                          enum leat_slow slow)
{
    struct leat_broadcast *broadcast;
    size_t ring;

    if (bytes == 0 || bytes > ELEMENT_MAX || capacity == 0 || (unsigned)slow > LEAT_SLOW_WAITS ||
        __builtin_mul_overflow(bytes, capacity, &ring) || ring > SIZE_MAX / 2)
        return -EINVAL;
    broadcast = calloc(1, sizeof *broadcast + ring);
    if (!broadcast)
        return -ENOMEM;
    broadcast->bytes = bytes;
    broadcast->capacity = capacity;
    broadcast->waits = slow == LEAT_SLOW_WAITS;
    *ret = broadcast;
    return 0;
}

void leat_broadcast_destroy(struct leat_broadcast *broadcast)
{
    if (!broadcast)
        return;
    leat__lock(&broadcast->lock); /* who is inside leaves first */
    leat__check(!broadcast->subscribers, "a broadcast was destroyed while somebody is subscribed: "
                                         "unsubscribe first");
    leat__unlock(&broadcast->lock);
    free(broadcast);
}

/* With the lock held, which it releases: all of the list look again. */
static void wake_all(struct leat__waitlist *list, struct leat__lock *lock)
{
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;

    while ((node = leat__waitlist_claim(list)))
        leat__waitlist_push(&won, node);
    leat__unlock(lock);
    leat__waitlist_wake(&won);
}

void leat_subscribe(struct leat_subscriber *public, struct leat_broadcast *broadcast)
{
    struct subscriber *subscriber = inside(public);

    subscriber->broadcast = broadcast;
    subscriber->prev = NULL;
    leat__lock(&broadcast->lock);
    subscriber->cursor = broadcast->end;
    subscriber->next = broadcast->subscribers;
    if (subscriber->next)
        subscriber->next->prev = subscriber;
    broadcast->subscribers = subscriber;
    leat__unlock(&broadcast->lock);
}

void leat_unsubscribe(struct leat_subscriber *public)
{
    struct subscriber *subscriber = inside(public);
    struct leat_broadcast *broadcast = subscriber->broadcast;

    leat__lock(&broadcast->lock);
    if (subscriber->prev)
        subscriber->prev->next = subscriber->next;
    else
        broadcast->subscribers = subscriber->next;
    if (subscriber->next)
        subscriber->next->prev = subscriber->prev;
    wake_all(&broadcast->senders, &broadcast->lock);
}

/* With the lock held: would a send take an element from a subscriber that is to be waited for? */
static bool is_full(const struct leat_broadcast *broadcast)
{
    if (!broadcast->waits)
        return false;
    for (const struct subscriber *s = broadcast->subscribers; s; s = s->next)
        if (broadcast->end - s->cursor == broadcast->capacity)
            return true;
    return false;
}

static unsigned char *slot(struct leat_broadcast *broadcast, uint64_t position)
{
    return broadcast->slots + position % broadcast->capacity * broadcast->bytes;
}

int leat_broadcast_send(struct leat_broadcast *broadcast, const void *element)
{
    static const struct leat__reason reason = { "send to a broadcast", LEAT__ABOUT_NOTHING, true };

    for (;;) {
        struct leat__waitnode node = { 0 };
        struct leat__self *self = leat__self();
        int err = leat__checkpoint(self);

        if (err)
            return err;
        leat__lock(&broadcast->lock);
        if (broadcast->closed) {
            leat__unlock(&broadcast->lock);
            return -EPIPE;
        }
        if (!is_full(broadcast)) {
            memcpy(slot(broadcast, broadcast->end++), element, broadcast->bytes);
            wake_all(&broadcast->receivers, &broadcast->lock);
            return 0;
        }
        leat__self_reason(self, &reason, NULL);
        err = leat__waitlist_wait(&broadcast->senders, &node, &broadcast->lock);
        if (err)
            return err;
    }
}

/* With the lock held, which it releases: the subscriber is not at the end. */
static void take(struct leat_broadcast *broadcast, struct subscriber *subscriber, void *element,
                 uint64_t *missed)
{
    uint64_t behind = broadcast->end - subscriber->cursor;
    uint64_t lost = behind > broadcast->capacity ? behind - broadcast->capacity : 0;

    subscriber->cursor += lost;
    memcpy(element, slot(broadcast, subscriber->cursor++), broadcast->bytes);
    if (missed)
        *missed = lost;
    if (!leat__waitlist_empty(&broadcast->senders) && !is_full(broadcast))
        wake_all(&broadcast->senders, &broadcast->lock);
    else
        leat__unlock(&broadcast->lock);
}

int leat_broadcast_recv(struct leat_subscriber *public, void *element, uint64_t *missed)
{
    static const struct leat__reason reason = { "receive from a broadcast", LEAT__ABOUT_NOTHING,
                                                true };
    struct subscriber *subscriber = inside(public);
    struct leat_broadcast *broadcast = subscriber->broadcast;

    for (;;) {
        struct leat__waitnode node = { 0 };
        struct leat__self *self = leat__self();
        int err = leat__checkpoint(self);

        if (err)
            return err;
        leat__lock(&broadcast->lock);
        if (subscriber->cursor != broadcast->end) {
            take(broadcast, subscriber, element, missed);
            return 0;
        }
        if (broadcast->closed) {
            leat__unlock(&broadcast->lock);
            return -EPIPE;
        }
        leat__self_reason(self, &reason, NULL);
        err = leat__waitlist_wait(&broadcast->receivers, &node, &broadcast->lock);
        if (err)
            return err;
    }
}

void leat_broadcast_close(struct leat_broadcast *broadcast)
{
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;

    leat__lock(&broadcast->lock);
    broadcast->closed = true;
    while ((node = leat__waitlist_claim(&broadcast->senders)))
        leat__waitlist_push(&won, node);
    while ((node = leat__waitlist_claim(&broadcast->receivers)))
        leat__waitlist_push(&won, node);
    leat__unlock(&broadcast->lock);
    leat__waitlist_wake(&won);
}
