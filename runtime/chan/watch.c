/* SPDX-License-Identifier: MIT */
/* Watches: one value with a version, under a lock. Who is claimed only looks again, so nothing can
 * be lost to a cancel. */
#include "base/check.h"
#include "lockfree/lock.h"
#include "task/self.h"
#include "task/waitlist.h"

#include <leat/broadcast.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 65536

struct leat_watch {
    struct leat__lock     lock;
    bool                  closed;
    size_t                bytes;
    uint64_t              version;
    struct leat__waitlist waiters;
    unsigned char         value[];
};

int leat_watch_create(struct leat_watch **ret, size_t bytes, const void *value)
{
    struct leat_watch *watch;

    if (bytes == 0 || bytes > VALUE_MAX)
        return -EINVAL;
    watch = calloc(1, sizeof *watch + bytes);
    if (!watch)
        return -ENOMEM;
    watch->bytes = bytes;
    watch->version = 1;
    memcpy(watch->value, value, bytes);
    *ret = watch;
    return 0;
}

void leat_watch_destroy(struct leat_watch *watch)
{
    if (!watch)
        return;
    leat__lock(&watch->lock); /* who is inside leaves first */
    leat__check(leat__waitlist_empty(&watch->waiters),
                "a watch was destroyed while somebody waits on it: close it and join them first");
    leat__unlock(&watch->lock);
    free(watch);
}

/* With the lock held, which it releases. */
static void wake_all(struct leat_watch *watch)
{
    struct leat__waitlist won = { 0 };
    struct leat__waitnode *node;

    while ((node = leat__waitlist_claim(&watch->waiters)))
        leat__waitlist_push(&won, node);
    leat__unlock(&watch->lock);
    leat__waitlist_wake(&won);
}

int leat_watch_set(struct leat_watch *watch, const void *value)
{
    leat__lock(&watch->lock);
    if (watch->closed) {
        leat__unlock(&watch->lock);
        return -EPIPE;
    }
    memcpy(watch->value, value, watch->bytes);
    watch->version++;
    wake_all(watch);
    return 0;
}

uint64_t leat_watch_get(struct leat_watch *watch, void *value)
{
    uint64_t version;

    leat__lock(&watch->lock);
    memcpy(value, watch->value, watch->bytes);
    version = watch->version;
    leat__unlock(&watch->lock);
    return version;
}

int leat_watch_next(struct leat_watch *watch, uint64_t *version, void *value)
{
    static const struct leat__reason reason = { "see another value of a watch",
                                                LEAT__ABOUT_NOTHING, LEAT__INNER };

    for (;;) {
        struct leat__waitnode node = { 0 };
        struct leat__self *self = leat__self();
        int err = leat__checkpoint(self);

        if (err)
            return err;
        leat__lock(&watch->lock);
        if (watch->version > *version) {
            memcpy(value, watch->value, watch->bytes);
            *version = watch->version;
            leat__unlock(&watch->lock);
            return 0;
        }
        if (watch->closed) {
            leat__unlock(&watch->lock);
            return -EPIPE;
        }
        leat__self_reason(self, &reason, NULL);
        err = leat__waitlist_wait(&watch->waiters, &node, &watch->lock);
        if (err)
            return err;
    }
}

void leat_watch_close(struct leat_watch *watch)
{
    leat__lock(&watch->lock);
    watch->closed = true;
    wake_all(watch);
}
