/* SPDX-License-Identifier: MIT */
/* Tasks and threads taking turns. Caller's memory; all-zero is a valid initial state, so static
 * objects and `= { 0 }` need no call; there is nothing to destroy.
 *
 *     static struct leat_mutex lock;
 *
 *     int err = leat_mutex_lock(&lock);
 *     if (err)
 *         return err;                 // cancelled, or too late: not locked
 *     ...
 *     leat_mutex_unlock(&lock);
 *
 * Among tasks of any runtime and plain threads, all at once. A wait ends with its scope's deadline
 * or cancel, and then nothing was taken; what is there at once is taken without a look at the
 * scopes, except where said. Whoever got what it waited for may take the object's memory back as
 * soon as no other call on it is under way: the call that gave it does not touch it any more.
 *
 * Looking for deadlocks before they happen: with LEAT_DEBUG=1 in the environment (and in debug
 * builds, unless it is 0) mutexes and rwlocks are watched, and standard error says, with tasks and
 * stacks,
 *   - which locks are taken in different orders, as soon as each order was taken once;
 *   - which lock a task holds at its end, locks again, or unlocks for another;
 *   - which pthread mutex a task holds over a suspension: with libleat_debug.so linked or in
 *     LD_PRELOAD, which debug builds have inside.
 * Each is said once. Without LEAT_DEBUG none of it costs an instruction of a mutex. Orders are of
 * single locks: memory that is zeroed for another one, or copied, is another lock. Not reported:
 * orders that only one task takes, that another lock always guards, or that only readers take, and
 * locks that were only tried. */
#ifndef LEAT_SYNC_H
#define LEAT_SYNC_H

#include <leat/api.h>
#include <leat/select.h>
#include <leat/time.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

/* A mutex: one holder. All-zero: unlocked. Not recursive.
 * A task may suspend while it holds one. Who comes by when it is free takes it, also in front of
 * those who wait, which keeps short sections fast; a waiter who was passed over for half a
 * millisecond is handed it, and so are those behind it who have waited as long. */
struct leat_mutex {
    uint64_t leat__private[6];
};

/* Returns -ECANCELED or -ETIMEDOUT, when it had to wait; then the mutex is not held. */
LEAT_API LEAT_MUST_CHECK int leat_mutex_lock(struct leat_mutex *mutex);

/* -EAGAIN when somebody holds it. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_mutex_try_lock(struct leat_mutex *mutex);

/* By the task or thread that locked it. Never blocks. */
LEAT_API void leat_mutex_unlock(struct leat_mutex *mutex);

/* A condition: waiting for what a mutex guards. All-zero: nobody waits.
 *
 *     while (!err && queue->length == 0)
 *         err = leat_condition_wait(&queue->filled, &queue->lock);
 */
struct leat_condition {
    uint64_t leat__private[4];
};

/* Unlock the mutex, wait for a signal, and lock it again: it is held on return, also after an
 * error. A signal after the unlock is not missed. No wake without a signal, but what was signalled
 * may be gone again before the mutex is got: look again.
 * Returns -ECANCELED or -ETIMEDOUT.
 * Cancel: the mutex is locked again, however long that takes. No signal is lost: it wakes another,
 * or this call returns 0. */
LEAT_API LEAT_MUST_CHECK int leat_condition_wait(struct leat_condition *condition,
                                                 struct leat_mutex *mutex);

/* Wake the one who has waited longest; nobody, if nobody waits. With or without the mutex. Never
 * blocks. */
LEAT_API void leat_condition_signal(struct leat_condition *condition);

/* Wake all who wait. Never blocks. */
LEAT_API void leat_condition_broadcast(struct leat_condition *condition);

/* A lock for many readers or one writer. All-zero: free. In order of arrival: readers who come when
 * a writer waits stand behind it, so writers are not starved, nor readers by writers. Not
 * recursive: a reader that reads again behind a waiting writer waits for itself. */
struct leat_rwlock {
    uint64_t leat__private[6];
};

/* Return -ECANCELED or -ETIMEDOUT, when they had to wait; then it is not held. */
LEAT_API LEAT_MUST_CHECK int leat_rwlock_lock_read(struct leat_rwlock *rwlock);
LEAT_API LEAT_MUST_CHECK int leat_rwlock_lock_write(struct leat_rwlock *rwlock);

/* -EAGAIN when it would have to wait. Never block. */
LEAT_API LEAT_MUST_CHECK int leat_rwlock_try_lock_read(struct leat_rwlock *rwlock);
LEAT_API LEAT_MUST_CHECK int leat_rwlock_try_lock_write(struct leat_rwlock *rwlock);

/* By the task or thread that locked it so. Never block. */
LEAT_API void leat_rwlock_unlock_read(struct leat_rwlock *rwlock);
LEAT_API void leat_rwlock_unlock_write(struct leat_rwlock *rwlock);

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

#define LEAT_SEMAPHORE_INIT(permits) { { (uint64_t)(permits) << 1 } }

LEAT_API void leat_semaphore_init(struct leat_semaphore *semaphore, uint32_t permits);

/* Take `permits` permits, waiting in order of arrival until all are there at once.
 * Returns -ECANCELED or -ETIMEDOUT, also when the permits are there.
 * Cancel: on any error none was taken and none is lost. */
LEAT_API LEAT_MUST_CHECK int leat_semaphore_acquire(struct leat_semaphore *semaphore,
                                                    uint32_t permits);

/* -EAGAIN when they are not there, or when somebody waits in front. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_semaphore_try_acquire(struct leat_semaphore *semaphore,
                                                        uint32_t permits);

/* Give permits back (or add new ones). Never blocks. */
LEAT_API void leat_semaphore_release(struct leat_semaphore *semaphore, uint32_t permits);

/* A case of a select (select.h): as leat_semaphore_acquire. */
LEAT_API extern const struct leat_waitable leat_waitable_acquire;

static inline struct leat_case leat_case_acquire(struct leat_semaphore *semaphore, uint32_t permits)
{
    struct leat_case c = { &leat_waitable_acquire, semaphore, { NULL }, permits, 0 };

    return c;
}
#define LEAT_ACQUIRE(semaphore, permits) leat_case_acquire(semaphore, permits)

/* Permits free now; an estimate by the time the caller reads it. */
LEAT_API uint32_t leat_semaphore_available(const struct leat_semaphore *semaphore);

/* An event: set or not, and waiting until it is. All-zero: not set. It stays set until cleared. */
struct leat_event {
    uint64_t leat__private[4];
};

/* Wake all who wait, and let pass who comes. Fine when it is set. Never blocks. */
LEAT_API void leat_event_set(struct leat_event *event);

/* Who comes from now on waits; who was woken has passed. Never blocks. */
LEAT_API void leat_event_clear(struct leat_event *event);

LEAT_API bool leat_event_is_set(const struct leat_event *event);

/* Wait until it is set. Returns -ECANCELED or -ETIMEDOUT, when it had to wait. */
LEAT_API LEAT_MUST_CHECK int leat_event_wait(struct leat_event *event);

/* A barrier: everybody waits for the last of `count`, over and over. All-zero: nobody waits, as for
 * a count of one. */
struct leat_barrier {
    uint64_t leat__private[4];
};

#define LEAT_BARRIER_INIT(count) { { (uint64_t)(count) << 32 } }

LEAT_API void leat_barrier_init(struct leat_barrier *barrier, uint32_t count);

/* Arrive, and wait for the others.
 * Returns 1 to one of them, who came last, and 0 to the rest; -ECANCELED or -ETIMEDOUT.
 * Cancel: on any error it has not arrived: the others wait for another.
 * The memory may be taken back when every call has returned. */
LEAT_API LEAT_MUST_CHECK int leat_barrier_wait(struct leat_barrier *barrier);

/* Something to be done once. All-zero: not done. */
struct leat_once {
    uint64_t leat__private[8];
};

/* Call fn(arg) if no call of it has returned 0 yet; who comes meanwhile waits for it. fn may
 * suspend. When it fails (a negative result), its caller gets the error, and the next caller, or
 * one that waits, tries again.
 * Returns 0: it has been done, and what it did is seen. Else fn's error, or -ECANCELED or
 * -ETIMEDOUT, when it had to wait. */
LEAT_API LEAT_MUST_CHECK int leat_once_run(struct leat_once *once, int (*fn)(void *arg), void *arg);

/* A wait group: a count of things under way, and waiting until it is zero. All-zero: none. */
struct leat_waitgroup {
    uint64_t leat__private[6];
};

LEAT_API void leat_waitgroup_add(struct leat_waitgroup *group, uint32_t count);

/* One thing is done. At zero everybody who waits is woken. Never blocks. */
LEAT_API void leat_waitgroup_done(struct leat_waitgroup *group);

/* Wait until the count is zero. Returns -ECANCELED or -ETIMEDOUT. */
LEAT_API LEAT_MUST_CHECK int leat_waitgroup_wait(struct leat_waitgroup *group);

/* A token bucket: a rate, with bursts. It fills at `tokens` in `per` nanoseconds, evenly, up to
 * `burst`, and is full at first. All-zero: takes no requests (-EINVAL).
 *
 *     struct leat_bucket calls = LEAT_BUCKET_INIT(100, LEAT_SEC, 10);   // 100 a second, 10 at once
 *
 *     if ((err = leat_bucket_acquire(&calls, 1)) == 0)
 *         err = call(service);
 */
struct leat_bucket {
    uint64_t leat__private[8];
};

#define LEAT_BUCKET_INIT(tokens, per, burst)                                                       \
    { { (uint64_t)(tokens) | (uint64_t)(burst) << 32, (uint64_t)(per) } }

LEAT_API void leat_bucket_init(struct leat_bucket *bucket, uint32_t tokens, leat_time per,
                               uint32_t burst);

/* Take tokens, waiting in order of arrival until so many are there.
 * Returns -EINVAL (more than `burst`: they never will be), -ECANCELED or -ETIMEDOUT, also when the
 * tokens are there.
 * Cancel: on any error none was taken; those behind move up. */
LEAT_API LEAT_MUST_CHECK int leat_bucket_acquire(struct leat_bucket *bucket, uint32_t tokens);

/* -EAGAIN when they are not there, or when somebody waits in front; -EINVAL. Never blocks. */
LEAT_API LEAT_MUST_CHECK int leat_bucket_try_acquire(struct leat_bucket *bucket, uint32_t tokens);

LEAT_END

#endif
