/* SPDX-License-Identifier: MIT */
/* Rwlock: MANY permits (permits.h), of which a reader takes one and a writer all. */
#include "base/check.h"
#include "sync/permits.h"
#include "task/held.h"
#include "task/self.h"

#include <leat/sync.h>

#define MANY (UINT32_C(1) << 30) /* readers at once: more than there can be tasks */

struct rwlock {
    struct leat__permits   permits;
    struct leat__held_name name; /* for debug reports */
} __attribute__((may_alias)); /* lies in a struct leat_rwlock of the caller's */

_Static_assert(sizeof(struct rwlock) <= sizeof(struct leat_rwlock), "it has room");

static const struct leat__reason reading = { "lock an rwlock to read", LEAT__ABOUT_NOTHING,
                                             LEAT__INNER };
static const struct leat__reason writing = { "lock an rwlock to write", LEAT__ABOUT_NOTHING,
                                             LEAT__INNER };

static struct rwlock *inside(struct leat_rwlock *rwlock)
{
    return (struct rwlock *)(void *)rwlock;
}

static struct leat__held_lock told(struct rwlock *rwlock, uint32_t n, const void *from)
{
    return (struct leat__held_lock){ &rwlock->name, n == 1 ? LEAT__HELD_READ : LEAT__HELD_WRITE,
                                     from };
}

static int wait_for(struct rwlock *rwlock, uint32_t n)
{
    return leat__permits_wait(&rwlock->permits, MANY, n, n == 1 ? &reading : &writing);
}

__attribute__((noinline, cold)) static int lock_watched(struct rwlock *rwlock, uint32_t n,
                                                        const void *from)
{
    struct leat__held_lock lock = told(rwlock, n, from);
    int err;

    leat__held_before(&lock);
    err = leat__permits_try(&rwlock->permits, MANY, n) ? 0 : wait_for(rwlock, n);
    if (!err)
        leat__held_taken(&lock);
    return err;
}

__attribute__((noinline, cold)) static int try_watched(struct rwlock *rwlock, uint32_t n,
                                                       const void *from)
{
    struct leat__held_lock lock = told(rwlock, n, from);

    if (!leat__permits_try(&rwlock->permits, MANY, n))
        return -EAGAIN;
    leat__held_taken(&lock);
    return 0;
}

static void unlock(struct rwlock *rwlock, uint32_t n)
{
    /* relaxed: the caller holds n of them, so what others do keeps it true */
    leat__check(leat__permits_free(load_relaxed(&rwlock->permits.word), MANY) + n <= MANY,
                "unlock an rwlock as you have locked it");
    leat__permits_give(&rwlock->permits, MANY, n);
}

__attribute__((noinline, cold)) static void unlock_watched(struct rwlock *rwlock, uint32_t n,
                                                           const void *from)
{
    struct leat__held_lock lock = told(rwlock, n, from);

    leat__held_given(&lock);
    unlock(rwlock, n);
}

static inline int lock(struct rwlock *rwlock, uint32_t n)
{
    return __builtin_expect(leat__permits_try(&rwlock->permits, MANY, n), 1)
               ? 0
               : wait_for(rwlock, n);
}

static inline int try_lock(struct rwlock *rwlock, uint32_t n)
{
    return leat__permits_try(&rwlock->permits, MANY, n) ? 0 : -EAGAIN;
}

int leat_rwlock_lock_read(struct leat_rwlock *rwlock)
{
    return leat__held_watched() ? lock_watched(inside(rwlock), 1, leat__held_from())
                                : lock(inside(rwlock), 1);
}

int leat_rwlock_lock_write(struct leat_rwlock *rwlock)
{
    return leat__held_watched() ? lock_watched(inside(rwlock), MANY, leat__held_from())
                                : lock(inside(rwlock), MANY);
}

int leat_rwlock_try_lock_read(struct leat_rwlock *rwlock)
{
    return leat__held_watched() ? try_watched(inside(rwlock), 1, leat__held_from())
                                : try_lock(inside(rwlock), 1);
}

int leat_rwlock_try_lock_write(struct leat_rwlock *rwlock)
{
    return leat__held_watched() ? try_watched(inside(rwlock), MANY, leat__held_from())
                                : try_lock(inside(rwlock), MANY);
}

void leat_rwlock_unlock_read(struct leat_rwlock *rwlock)
{
    if (leat__held_watched())
        unlock_watched(inside(rwlock), 1, leat__held_from());
    else
        unlock(inside(rwlock), 1);
}

void leat_rwlock_unlock_write(struct leat_rwlock *rwlock)
{
    if (leat__held_watched())
        unlock_watched(inside(rwlock), MANY, leat__held_from());
    else
        unlock(inside(rwlock), MANY);
}
