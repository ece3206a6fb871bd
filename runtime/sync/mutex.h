/* SPDX-License-Identifier: MIT */
/* The mutex's inside, for condition and once: see mutex.c. */
#ifndef LEAT_SYNC_MUTEX_H
#define LEAT_SYNC_MUTEX_H

#include "lockfree/lock.h"
#include "task/held.h"
#include "task/waitlist.h"

#include <leat/sync.h>

struct leat__mutex {
    LEAT_ATOMIC(uint32_t) word;
    struct leat__lock     lock;
    struct leat__waitlist waiters;
    struct leat__held_name name; /* for debug reports */
} __attribute__((may_alias)); /* lies in a struct leat_mutex of the caller's */

_Static_assert(sizeof(struct leat__mutex) <= sizeof(struct leat_mutex), "it has room");

/* leat_mutex_lock, and unlock; `from`: the program's call. SHIELDED: whatever becomes of the
 * caller's scopes, and always 0. */
int  leat__mutex_lock(struct leat__mutex *mutex, enum leat__wait_kind kind, const void *from);
void leat__mutex_unlock(struct leat__mutex *mutex, const void *from);

#endif
