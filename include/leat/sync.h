/* SPDX-License-Identifier: MIT */
/* Tasks and threads taking turns. Caller's memory; all-zero is a valid initial state, so static
 * objects and `= { 0 }` need no call; there is nothing to destroy. */
#ifndef LEAT_SYNC_H
#define LEAT_SYNC_H

#include <leat/api.h>

#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

/* A counting semaphore. All-zero: no permits.
 *
 *     struct leat_semaphore slots;
 *     leat_semaphore_init(&slots, 10);
 *     if ((err = leat_semaphore_acquire(&slots, 1)) == 0) { ...; leat_semaphore_release(&slots, 1);
 *     }
 */
struct leat_semaphore {
    uint64_t leat__private[6];
};

LEAT_API void leat_semaphore_init(struct leat_semaphore *semaphore, uint32_t permits);

/* Take `permits` permits, waiting in order of arrival until all are there at once.
 * Returns -ECANCELED or -ETIMEDOUT. Cancel: on any error none was taken and none is lost. */
LEAT_API LEAT_MUST_CHECK int leat_semaphore_acquire(struct leat_semaphore *semaphore,
                                                    uint32_t permits);

/* -EAGAIN when they are not there, or when somebody waits in front. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_semaphore_try_acquire(struct leat_semaphore *semaphore,
                                                        uint32_t permits);

/* Give permits back (or add new ones). Never blocks. */
LEAT_API void leat_semaphore_release(struct leat_semaphore *semaphore, uint32_t permits);

/* Permits free now; an estimate by the time the caller reads it. */
LEAT_API uint32_t leat_semaphore_available(const struct leat_semaphore *semaphore);

/* A wait group: a count of things under way, and waiting until it is zero. All-zero: none. */
struct leat_waitgroup {
    uint64_t leat__private[6];
};

LEAT_API void leat_waitgroup_add(struct leat_waitgroup *group, uint32_t count);

/* One thing is done. At zero everybody who waits is woken. Never blocks. */
LEAT_API void leat_waitgroup_done(struct leat_waitgroup *group);

/* Wait until the count is zero. Returns -ECANCELED or -ETIMEDOUT. */
LEAT_API LEAT_MUST_CHECK int leat_waitgroup_wait(struct leat_waitgroup *group);

LEAT_END

#endif
