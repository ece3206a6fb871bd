/* SPDX-License-Identifier: MIT */
/* Broadcasts: a ring of the last elements, and a cursor for each subscriber.
 *
 * A position counts elements from the start; element p lies in slot p modulo capacity while it is
 * one of the last `capacity`. Senders take turns under the lock; receivers copy out without it, and
 * nothing is taken away, so a send costs the same for one subscriber as for a thousand, but for
 * those it wakes. A queue for each subscriber was rejected: a copy and a lock for each of them at
 * each send. One lock for all was rejected too: 100 receivers on two workers took 166 ns an
 * element.
 *
 * Who waits takes the lock, and looks again under it. A receiver that waits is seen there by the
 * next sender. A sender that waits (SLOW_WAITS) cannot have every receiver look for it, so it names
 * one that is `capacity` behind, the blocker, and that one looks when it has read; if another is
 * still that far behind, it names the next.
 *
 * INVARIANTS
 *   I1  Receivers are listed only while their cursor is at the end. While senders are listed, the
 *       blocker was seen `capacity` behind after it had been named.
 *   I2  SLOW_WAITS: no cursor is ever more than `capacity` behind, so nothing is missed, and a slot
 *       is written only when all have read it.
 *   I3  SLOW_MISSES: the slot of position p is written anew after end has become p + capacity. So
 *       an element was whole if end is below that after it was copied.
 *   I4  Who is claimed only looks again: nothing is handed over, nothing can be lost to a cancel.
 *
 * ORDERING
 *   O1  end: released by who sent, acquired by who receives. It orders the element.
 *   O2  A cursor: released by its receiver, acquired by senders: the copying out.
 *   O3  The copying out against the next writing: send stores end, release fence, stores the slot;
 *       receive loads the slot, acquire fence, loads end. Who has seen one byte of the new element
 *       sees that end.
 *   O4  Naming against reading on. One of them sees the other's store: the blocker its name, or the
 *       sender that it is not in the way.
 *
 *         receiver                                sender
 *           cursor = p + 1                          blocker = this receiver
 *           leat__fence_light()    <- pairs ->      leat__fence_heavy()
 *           read blocker                            read its cursor */
#include "base/check.h"
#include "lockfree/atomic.h"
#include "lockfree/lock.h"
#include "platform/membarrier.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/broadcast.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENT_MAX 65536

struct subscriber {
    struct leat_broadcast *broadcast;
    struct subscriber     *next, *prev; /* under the lock */
    LEAT_ATOMIC(uint64_t)  cursor;      /* its receiver's; senders look at it */
    size_t                 at;          /* the cursor's slot */
} __attribute__((may_alias)); /* lies in a struct leat_subscriber of the caller's */

_Static_assert(sizeof(struct subscriber) <= sizeof(struct leat_subscriber), "it has room");

struct leat_broadcast {
    size_t bytes, words; /* of an element, and of its slot */
    size_t capacity;
    bool   waits;
    bool   quick; /* receivers need no lock where there is something */
    LEAT_ATOMIC(struct subscriber *) blocker; /* written under the lock */
    unsigned char apart[64]; /* from what each send writes */

    LEAT_ATOMIC(uint64_t) end; /* position of the next element; written under the lock */
    struct leat__lock     lock;
    bool                  closed; /* under the lock, as all that follows */
    size_t                at;     /* end's slot */
    uint64_t              low;    /* no cursor is below it */
    struct subscriber    *subscribers;
    struct leat__waitlist receivers, senders;
    LEAT_ATOMIC(uint64_t) slots[];
};

static struct subscriber *inside(struct leat_subscriber *subscriber)
{
    return (struct subscriber *)(void *)subscriber;
}

int leat_broadcast_create(struct leat_broadcast **ret, size_t bytes, size_t capacity,
                          enum leat_slow slow)
{
    struct leat_broadcast *broadcast;
    size_t words = (bytes + 7) / 8, ring;

    if (bytes == 0 || bytes > ELEMENT_MAX || capacity == 0 || (unsigned)slow > LEAT_SLOW_WAITS ||
        __builtin_mul_overflow(words * 8, capacity, &ring) || ring > SIZE_MAX / 2)
        return -EINVAL;
    broadcast = calloc(1, sizeof *broadcast + ring);
    if (!broadcast)
        return -ENOMEM;
    broadcast->bytes = bytes;
    broadcast->words = words;
    broadcast->capacity = capacity;
    broadcast->waits = slow == LEAT_SLOW_WAITS;
    broadcast->quick = leat__fence_usable();
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

/* ---- slots ---- */

/* Word by word, since a receiver may copy while a sender writes (I3).
 * relaxed, both: O1, O2 or O3 order them, or the lock does */
static void copy_in(struct leat_broadcast *broadcast, size_t at, const unsigned char *element)
{
    LEAT_ATOMIC(uint64_t) *slot = broadcast->slots + at * broadcast->words;
    size_t left = broadcast->bytes;
    uint64_t word;

    for (; left >= sizeof word; left -= sizeof word, element += sizeof word, slot++) {
        memcpy(&word, element, sizeof word);
        store_relaxed(slot, word);
    }
    if (left > 0) {
        word = 0;
        memcpy(&word, element, left);
        store_relaxed(slot, word);
    }
}

static inline void copy_out(struct leat_broadcast *broadcast, size_t at, unsigned char *element)
{
    LEAT_ATOMIC(uint64_t) *slot = broadcast->slots + at * broadcast->words;
    size_t left = broadcast->bytes;
    uint64_t word;

    if (__builtin_expect(left == sizeof word, 1)) {
        word = load_relaxed(slot);
        memcpy(element, &word, sizeof word);
        return;
    }
    for (; left >= sizeof word; left -= sizeof word, element += sizeof word, slot++) {
        word = load_relaxed(slot);
        memcpy(element, &word, sizeof word);
    }
    if (left > 0) {
        word = load_relaxed(slot);
        memcpy(element, &word, left);
    }
}

static size_t next_slot(const struct leat_broadcast *broadcast, size_t at)
{
    return at + 1 < broadcast->capacity ? at + 1 : 0;
}

/* ---- who waits; with the lock held ---- */

static void claim_all(struct leat__waitlist *list, struct leat__waitlist *won)
{
    struct leat__waitnode *node;

    while ((node = leat__waitlist_claim(list)))
        leat__waitlist_push(won, node);
}

/* Is the subscriber `capacity` behind? If so it is the blocker, and will see to the senders. */
static bool blocks(struct leat_broadcast *broadcast, struct subscriber *subscriber, uint64_t end)
{
    if (end - load_acquire(&subscriber->cursor) < broadcast->capacity) /* O2 */
        return false;
    store_relaxed(&broadcast->blocker, subscriber); /* relaxed: O4 */
    if (broadcast->quick)
        leat__fence_heavy(); /* O4; else it comes to the lock */
    return end - load_acquire(&subscriber->cursor) == broadcast->capacity; /* O2 */
}

/* Would a send take an element from a subscriber that is to be waited for? Then a blocker is named
 * (I1). */
static bool is_full(struct leat_broadcast *broadcast)
{
    uint64_t end = load_relaxed(&broadcast->end); /* relaxed: the lock */
    uint64_t low = end;

    if (!broadcast->waits || end - broadcast->low < broadcast->capacity)
        return false;
    for (struct subscriber *s = broadcast->subscribers; s; s = s->next) {
        uint64_t cursor;

        if (blocks(broadcast, s, end))
            return true;
        cursor = load_acquire(&s->cursor); /* O2 */
        low = cursor < low ? cursor : low;
    }
    broadcast->low = low;
    return false;
}

/* Senders that need not wait any more, or may not rely on their blocker, look again. */
static void claim_senders(struct leat_broadcast *broadcast, struct leat__waitlist *won)
{
    store_relaxed(&broadcast->blocker, NULL); /* relaxed: under the lock; a late look is harmless */
    claim_all(&broadcast->senders, won);
}

/* The blocker has read on. Without the lock. */
static void unblock(struct leat_broadcast *broadcast)
{
    struct leat__waitlist won = { 0 };

    leat__lock(&broadcast->lock);
    if (leat__waitlist_empty(&broadcast->senders) || !is_full(broadcast))
        claim_senders(broadcast, &won);
    leat__unlock(&broadcast->lock);
    leat__waitlist_wake(&won);
}

/* ---- subscribing ---- */

void leat_subscribe(struct leat_subscriber *public, struct leat_broadcast *broadcast)
{
    struct subscriber *subscriber = inside(public);

    subscriber->broadcast = broadcast;
    subscriber->prev = NULL;
    leat__lock(&broadcast->lock);
    /* relaxed, both: under the lock */
    store_relaxed(&subscriber->cursor, load_relaxed(&broadcast->end));
    subscriber->at = broadcast->at;
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
    struct leat__waitlist won = { 0 };

    leat__lock(&broadcast->lock);
    if (subscriber->prev)
        subscriber->prev->next = subscriber->next;
    else
        broadcast->subscribers = subscriber->next;
    if (subscriber->next)
        subscriber->next->prev = subscriber->prev;
    claim_senders(broadcast, &won);
    leat__unlock(&broadcast->lock);
    leat__waitlist_wake(&won);
}

/* ---- sending ---- */

/* With the lock held, which it releases. */
static void put(struct leat_broadcast *broadcast, const void *element)
{
    struct leat__waitlist won = { 0 };

    fence_release(); /* O3: end is stored, by the last send */
    copy_in(broadcast, broadcast->at, element);
    broadcast->at = next_slot(broadcast, broadcast->at);
    /* relaxed: the lock; release: O1 */
    store_release(&broadcast->end, load_relaxed(&broadcast->end) + 1);
    claim_all(&broadcast->receivers, &won);
    if (!leat__waitlist_empty(&broadcast->senders))
        claim_senders(broadcast, &won); /* there was room: they need not wait for their blocker */
    leat__unlock(&broadcast->lock);
    leat__waitlist_wake(&won);
}

int leat_broadcast_send(struct leat_broadcast *broadcast, const void *element)
{
    static const struct leat__reason reason = { "send to a broadcast", LEAT__ABOUT_NOTHING,
                                                LEAT__INNER };

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
            put(broadcast, element);
            return 0;
        }
        leat__self_reason(self, &reason, NULL);
        err = leat__waitlist_wait(&broadcast->senders, &node, &broadcast->lock);
        if (err)
            return err;
    }
}

/* ---- receiving ---- */

/* Returns whether this is the blocker: then it is to call unblock. */
static bool advance(struct leat_broadcast *broadcast, struct subscriber *subscriber,
                    uint64_t cursor)
{
    subscriber->at = next_slot(broadcast, subscriber->at);
    store_release(&subscriber->cursor, cursor + 1); /* O2 */
    leat__fence_light(); /* O4; without it, the lock */
    return load_relaxed(&broadcast->blocker) == subscriber; /* relaxed: O4 */
}

/* Without the lock. False: there is nothing, or it must be looked at under the lock. */
static bool take_quick(struct leat_broadcast *broadcast, struct subscriber *subscriber,
                       void *element)
{
    uint64_t cursor = load_relaxed(&subscriber->cursor); /* relaxed: our own */

    if (load_acquire(&broadcast->end) == cursor || !broadcast->quick) /* O1 */
        return false;
    copy_out(broadcast, subscriber->at, element);
    if (!broadcast->waits) {
        fence_acquire(); /* O3 */
        if (load_relaxed(&broadcast->end) - cursor >= broadcast->capacity) /* relaxed: O3 */
            return false; /* I3; under the lock it is overwritten by what is there */
    }
    if (__builtin_expect(advance(broadcast, subscriber, cursor), 0))
        unblock(broadcast);
    return true;
}

/* With the lock held, which it releases: the subscriber is not at the end. */
static uint64_t take(struct leat_broadcast *broadcast, struct subscriber *subscriber, void *element)
{
    /* relaxed, both: our own, and the lock */
    uint64_t cursor = load_relaxed(&subscriber->cursor);
    uint64_t behind = load_relaxed(&broadcast->end) - cursor;
    uint64_t lost = behind > broadcast->capacity ? behind - broadcast->capacity : 0;
    bool blocker;

    if (lost > 0)
        subscriber->at = broadcast->at; /* the oldest lies where the next will */
    copy_out(broadcast, subscriber->at, element);
    blocker = advance(broadcast, subscriber, cursor + lost);
    leat__unlock(&broadcast->lock);
    if (blocker)
        unblock(broadcast);
    return lost;
}

/* Under the lock, to begin with. */
static __attribute__((noinline)) int recv_slow(struct leat_broadcast *broadcast,
                                               struct subscriber *subscriber, void *element,
                                               uint64_t *lost)
{
    static const struct leat__reason reason = { "receive from a broadcast", LEAT__ABOUT_NOTHING,
                                                LEAT__INNER };
    int err = 0;

    while (!err) {
        struct leat__waitnode node = { 0 };

        leat__lock(&broadcast->lock);
        /* relaxed, both: our own, and the lock */
        if (load_relaxed(&subscriber->cursor) != load_relaxed(&broadcast->end)) {
            *lost = take(broadcast, subscriber, element);
            return 0;
        }
        if (broadcast->closed) {
            leat__unlock(&broadcast->lock);
            return -EPIPE;
        }
        leat__self_reason(leat__self(), &reason, NULL);
        err = leat__waitlist_wait(&broadcast->receivers, &node, &broadcast->lock);
    }
    return err;
}

int leat_broadcast_recv(struct leat_subscriber *public, void *element, uint64_t *missed)
{
    struct subscriber *subscriber = inside(public);
    struct leat_broadcast *broadcast = subscriber->broadcast;
    uint64_t lost = 0;
    int err = leat__checkpoint(leat__self());

    if (!err && !take_quick(broadcast, subscriber, element))
        err = recv_slow(broadcast, subscriber, element, &lost);
    if (!err && missed)
        *missed = lost;
    return err;
}

void leat_broadcast_close(struct leat_broadcast *broadcast)
{
    struct leat__waitlist won = { 0 };

    leat__lock(&broadcast->lock);
    broadcast->closed = true;
    claim_all(&broadcast->senders, &won);
    claim_all(&broadcast->receivers, &won);
    leat__unlock(&broadcast->lock);
    leat__waitlist_wake(&won);
}
