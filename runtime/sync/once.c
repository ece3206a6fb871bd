/* SPDX-License-Identifier: MIT */
/* Once: a mark that it has been done, and a mutex for those who find it missing: who holds it
 * tries, and who waits for it looks again.
 *
 * ORDERING
 *   O1  The mark releases what fn did to whoever sees it without the mutex. */
#include "sync/mutex.h"

struct once {
    struct leat__mutex mutex;
    LEAT_ATOMIC(bool) done;
} __attribute__((may_alias)); /* lies in a struct leat_once of the caller's */

_Static_assert(sizeof(struct once) <= sizeof(struct leat_once), "it has room");

int leat_once_run(struct leat_once *public, int (*fn)(void *arg), void *arg)
{
    struct once *once = (struct once *)(void *)public;
    const void *from = __builtin_return_address(0);
    int err;

    if (__builtin_expect(load_acquire(&once->done), 1)) /* O1 */
        return 0;
    err = leat__mutex_lock(&once->mutex, LEAT__WAIT_ABANDONABLE, from);
    if (err)
        return err;
    if (!load_relaxed(&once->done)) { /* relaxed: under the mutex */
        err = fn(arg);
        if (err >= 0) {
            err = 0;
            store_release(&once->done, true); /* O1 */
        }
    }
    leat__mutex_unlock(&once->mutex, from);
    return err;
}
