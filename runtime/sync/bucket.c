/* SPDX-License-Identifier: MIT */
/* Token bucket: a rate with bursts, kept as the time at which the bucket will be full again (the
 * generic cell rate algorithm, ITU-T I.371 annex A): no timer fills it.
 *
 * Who finds too little waits in line. Only the first knows its time; the others wait for the first
 * to leave. Times reserved for all at their arrival were rejected: a cancelled reservation leaves a
 * hole, and to give it to those behind or to newcomers breaks the order, or the burst.
 *
 * INVARIANTS (under the lock)
 *   I1  Who takes the first waiter off the list wakes the new first one, unless that one is awake:
 *       it then looks, under the lock, whether it is the first.
 *   I2  Tokens are taken under the lock by the caller itself, when it is the first: a cancelled
 *       wait has taken none. */
#include "base/clamp.h"
#include "lockfree/lock.h"
#include "platform/clock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/sync.h>

#include <errno.h>

struct bucket {
    uint32_t              tokens, burst;
    leat_time             per;
    leat_time             full_at;
    uint64_t              rest; /* of a nanosecond, in 1/tokens */
    struct leat__lock     lock;
    struct leat__waitlist waiters;
} __attribute__((may_alias)); /* lies in a struct leat_bucket of the caller's */

_Static_assert(sizeof(struct bucket) <= sizeof(struct leat_bucket), "it has room");

static struct bucket *inside(struct leat_bucket *bucket)
{
    return (struct bucket *)(void *)bucket;
}

void leat_bucket_init(struct leat_bucket *bucket, uint32_t tokens, leat_time per, uint32_t burst)
{
    *bucket = (struct leat_bucket)LEAT_BUCKET_INIT(tokens, per, burst);
}

static bool fits(const struct bucket *bucket, uint32_t n)
{
    return bucket->tokens > 0 && bucket->per > 0 && n <= bucket->burst;
}

/* How long n tokens take to fill, and what is left of a nanosecond. */
static leat_time filling(const struct bucket *bucket, uint32_t n, uint64_t rest, uint64_t *ret_rest)
{
    unsigned __int128 parts = (unsigned __int128)n * (uint64_t)bucket->per + rest;

    *ret_rest = (uint64_t)(parts % bucket->tokens);
    parts /= bucket->tokens;
    return parts < (unsigned __int128)LEAT_NEVER ? (leat_time)parts : LEAT_NEVER;
}

/* When n tokens will be there, if nobody takes any before. */
static leat_time time_of(const struct bucket *bucket, uint32_t n)
{
    uint64_t rest;

    return leat__time_sub(bucket->full_at,
                          filling(bucket, bucket->burst - n, bucket->tokens - 1, &rest));
}

static void take(struct bucket *bucket, uint32_t n, leat_time now)
{
    leat_time needs;

    if (bucket->full_at < now) {
        bucket->full_at = now;
        bucket->rest = 0;
    }
    needs = filling(bucket, n, bucket->rest, &bucket->rest);
    bucket->full_at = leat__time_add(bucket->full_at, needs);
}

/* With the lock held, which it releases: `node` leaves (I1). */
static void leave(struct bucket *bucket, struct leat__waitnode *node)
{
    bool first = bucket->waiters.first == node;
    struct leat__waiter *waiter = NULL;
    struct leat__waitnode *next;

    leat__waitlist_remove(&bucket->waiters, node);
    next = bucket->waiters.first;
    if (first && next && leat__claim(next->ticket, LEAT__CAUSE_EVENT))
        waiter = next->ticket.waiter;
    leat__unlock(&bucket->lock);
    if (waiter)
        leat__wake(waiter);
}

/* With the lock held, which it releases. */
static int wait_in_line(struct bucket *bucket, uint32_t n, struct leat__self *self)
{
    static const struct leat__reason reason = { "take tokens of a bucket:", LEAT__ABOUT_NUMBER,
                                                LEAT__OUTER };
    struct leat__waitnode node = { .count = n };
    struct leat__wait wait;
    int err = 0;

    leat__waitlist_push(&bucket->waiters, &node);
    for (;;) {
        bool first = bucket->waiters.first == &node, own;
        leat_time now = leat__clock_now();
        leat_time when = first ? time_of(bucket, n) : LEAT_NEVER;

        if (first && when <= now) {
            take(bucket, n, now);
            break;
        }
        err = leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, when);
        if (err)
            break;
        node.ticket = wait.ticket;
        leat__self_reason(self, &reason, (void *)(uintptr_t)n);
        err = leat__wait_error(&wait, leat__wait_park(&wait, &bucket->lock), &own);
        leat__lock(&bucket->lock);
        if (err)
            break;
    }
    leave(bucket, &node);
    return err;
}

/* With the lock held. */
static bool take_now(struct bucket *bucket, uint32_t n)
{
    leat_time now = leat__clock_now();

    if (!leat__waitlist_empty(&bucket->waiters) || time_of(bucket, n) > now)
        return false;
    take(bucket, n, now);
    return true;
}

int leat_bucket_acquire(struct leat_bucket *public, uint32_t tokens)
{
    struct bucket *bucket = inside(public);
    struct leat__self *self = leat__self();
    int err = leat__checkpoint(self);

    if (err)
        return err;
    if (!fits(bucket, tokens))
        return -EINVAL;
    leat__lock(&bucket->lock);
    if (!take_now(bucket, tokens))
        return wait_in_line(bucket, tokens, self);
    leat__unlock(&bucket->lock);
    return 0;
}

int leat_bucket_try_acquire(struct leat_bucket *public, uint32_t tokens)
{
    struct bucket *bucket = inside(public);
    bool taken;

    if (!fits(bucket, tokens))
        return -EINVAL;
    leat__lock(&bucket->lock);
    taken = take_now(bucket, tokens);
    leat__unlock(&bucket->lock);
    return taken ? 0 : -EAGAIN;
}
