/* SPDX-License-Identifier: MIT */
/* One to all: a broadcast gives every element to every subscriber, a watch keeps the latest value.
 *
 *     struct leat_broadcast *news;
 *     struct leat_subscriber reader;
 *     err = leat_broadcast_create(&news, sizeof(struct item), 64, LEAT_SLOW_MISSES);
 *     leat_subscribe(&reader, news);
 *     ...
 *     while ((err = leat_broadcast_recv(&reader, &item, &missed)) == 0)
 *         handle(&item);                        // -EPIPE: closed, and all was read
 *     leat_unsubscribe(&reader);
 *
 * Elements and values have 1 to 65,536 bytes. */
#ifndef LEAT_BROADCAST_H
#define LEAT_BROADCAST_H

#include <leat/api.h>

#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

struct leat_broadcast;

/* What becomes of a subscriber that is `capacity` elements behind. */
enum leat_slow {
    LEAT_SLOW_MISSES, /* the oldest are gone for it, and it is told how many; sends never wait */
    LEAT_SLOW_WAITS,  /* sends wait for it */
};

/* Owned by its user, who subscribes before and unsubscribes after all other use; one task or thread
 * receives at a time. */
struct leat_subscriber {
    uint64_t leat__private[6];
};

/* Create a broadcast that keeps the last `capacity` elements (at least 1).
 * Returns -EINVAL or -ENOMEM. */
LEAT_API LEAT_MUST_CHECK int leat_broadcast_create(struct leat_broadcast **ret, size_t bytes,
                                                   size_t capacity, enum leat_slow slow);

/* Free it. NULL is fine. Everybody has unsubscribed: checked. */
LEAT_API void leat_broadcast_destroy(struct leat_broadcast *broadcast);

/* From now on, what is sent is received. Never blocks. */
LEAT_API void leat_subscribe(struct leat_subscriber *subscriber, struct leat_broadcast *broadcast);

/* No more. Those who wait for this subscriber to read go on. Never blocks. */
LEAT_API void leat_unsubscribe(struct leat_subscriber *subscriber);

/* Send one element to all who have subscribed. Without any it is gone.
 * Returns -EPIPE if closed, and with LEAT_SLOW_WAITS -ECANCELED or -ETIMEDOUT.
 * Cancel: on any error nobody gets it. */
LEAT_API LEAT_MUST_CHECK int leat_broadcast_send(struct leat_broadcast *broadcast,
                                                 const void *element);

/* Receive the next element. *missed (may be NULL) is how many were lost just before it.
 * Returns -EPIPE once closed and read to the end, -ECANCELED or -ETIMEDOUT. */
LEAT_API LEAT_MUST_CHECK int leat_broadcast_recv(struct leat_subscriber *subscriber, void *element,
                                                 uint64_t *missed);

/* End of the stream. Idempotent; never blocks. */
LEAT_API void leat_broadcast_close(struct leat_broadcast *broadcast);

/* A watch: the latest value, and waiting for another than the one seen last. */
struct leat_watch;

/* Create a watch with an initial value, which is version 1. Returns -EINVAL or -ENOMEM. */
LEAT_API LEAT_MUST_CHECK int leat_watch_create(struct leat_watch **ret, size_t bytes,
                                               const void *value);

/* Free it. NULL is fine. Nobody waits on it: checked. */
LEAT_API void leat_watch_destroy(struct leat_watch *watch);

/* Put another value. Returns -EPIPE if closed. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_watch_set(struct leat_watch *watch, const void *value);

/* Copy the latest value. Returns its version. Never blocks. */
LEAT_API uint64_t leat_watch_get(struct leat_watch *watch, void *value);

/* Wait until there is a version after *version (0: any), copy that value and update *version.
 * Values that were replaced before they were looked at are skipped.
 * Returns -EPIPE when it is closed and *version the last, -ECANCELED or -ETIMEDOUT. */
LEAT_API LEAT_MUST_CHECK int leat_watch_next(struct leat_watch *watch, uint64_t *version,
                                             void *value);

/* There will be no other value. Idempotent; never blocks. */
LEAT_API void leat_watch_close(struct leat_watch *watch);

LEAT_END

#endif
