/* SPDX-License-Identifier: MIT */
/* Rwlock: MANY permits (permits.h), of which a reader takes one and a writer all. */
#include "base/check.h"
#include "sync/permits.h"
#include "task/self.h"

#include <leat/sync.h>

#define MANY (UINT32_C(1) << 30) /* readers at once: more than there can be tasks */

struct rwlock {
    struct leat__permits permits;
} __attribute__((may_alias)); /* lies in a struct leat_rwlock of the caller's */

_Static_assert(sizeof(struct rwlock) <= sizeof(struct leat_rwlock), "it has room");

static struct leat__permits *inside(struct leat_rwlock *rwlock)
{
    return &((struct rwlock *)(void *)rwlock)->permits;
}

static int lock(struct leat__permits *permits, uint32_t n, const struct leat__reason *reason)
{
    if (__builtin_expect(leat__permits_try(permits, MANY, n), 1))
        return 0;
    return leat__permits_wait(permits, MANY, n, reason);
}

static int try_lock(struct leat__permits *permits, uint32_t n)
{
    return leat__permits_try(permits, MANY, n) ? 0 : -EAGAIN;
}

static void unlock(struct leat__permits *permits, uint32_t n)
{
    /* relaxed: the caller holds n of them, so what others do keeps it true */
    leat__check(leat__permits_free(load_relaxed(&permits->word), MANY) + n <= MANY,
                "unlock an rwlock as you have locked it");
    leat__permits_give(permits, MANY, n);
}

int leat_rwlock_lock_read(struct leat_rwlock *rwlock)
{
    static const struct leat__reason reason = { "lock an rwlock to read", LEAT__ABOUT_NOTHING,
                                                true };

    return lock(inside(rwlock), 1, &reason);
}

int leat_rwlock_lock_write(struct leat_rwlock *rwlock)
{
    static const struct leat__reason reason = { "lock an rwlock to write", LEAT__ABOUT_NOTHING,
                                                true };

    return lock(inside(rwlock), MANY, &reason);
}

int leat_rwlock_try_lock_read(struct leat_rwlock *rwlock)
{
    return try_lock(inside(rwlock), 1);
}

int leat_rwlock_try_lock_write(struct leat_rwlock *rwlock)
{
    return try_lock(inside(rwlock), MANY);
}

void leat_rwlock_unlock_read(struct leat_rwlock *rwlock)
{
    unlock(inside(rwlock), 1);
}

void leat_rwlock_unlock_write(struct leat_rwlock *rwlock)
{
    unlock(inside(rwlock), MANY);
}
