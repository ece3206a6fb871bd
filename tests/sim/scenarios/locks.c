/* SPDX-License-Identifier: MIT */
/* Mutexes, conditions with limits, once and rwlocks: never are there two inside, who gave up holds
 * nothing and takes nobody's turn, and what was handed on is not touched any more. */
#include "sim/scenarios/scenario.h"

static struct leat_mutex mutex;
static uint32_t inside, rounds;

static int locks(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < rounds; i++) {
        LEAT_LIMIT(draw_limit());
        int err = leat_sim_choose(4) ? leat_mutex_lock(&mutex) : leat_mutex_try_lock(&mutex);

        leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EAGAIN);
        if (!err) {
            leat_sim_expect(inside++ == 0);
            dwell();
            leat_sim_expect(--inside == 0);
            leat_mutex_unlock(&mutex);
        }
        dwell();
    }
    return 0;
}

static int locks_as_a_thread(void *arg)
{
    return leat_blocking(locks, arg);
}

SCENARIO(mutexes)
{
    memset(&mutex, 0, sizeof mutex);
    inside = 0;
    rounds = 1 + leat_sim_size() / 8;
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < 2 + leat_sim_choose(6); i++)
            leat_sim_expect(leat_spawn(&scope, leat_sim_choose(8) ? locks : locks_as_a_thread,
                                       NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(leat_mutex_try_lock(&mutex) == 0);
    leat_mutex_unlock(&mutex);
}

/* ---- a mutex in memory that its last holder takes back ---- */

#define BOXES 16

static struct box {
    struct leat_mutex mutex;
    uint32_t          users;
} boxes[BOXES];

static int leaves(void *arg)
{
    struct box *box = arg;
    bool last;

    leat_sim_expect(leat_mutex_lock(&box->mutex) == 0);
    dwell();
    last = --box->users == 0;
    leat_mutex_unlock(&box->mutex);
    if (last)
        bury(box, sizeof *box);
    return 0;
}

SCENARIO(mutexes_in_memory_that_goes)
{
    memset(boxes, 0, sizeof boxes);
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < BOXES; i++) {
            uint32_t users = boxes[i].users = 2 + leat_sim_choose(3);

            spawn_many(&scope, users, leaves, &boxes[i]);
        }
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(is_at_rest(boxes, sizeof boxes));
}

/* ---- a condition with as many signals as there are tokens ---- */

static struct {
    struct leat_mutex     mutex;
    struct leat_condition filled;
    uint32_t              tokens, taken, wanted;
    uint32_t              spare; /* takers that may give up */
} queue;

static int takes_one(void *arg)
{
    bool got = false;

    (void)arg;
    while (!got) {
        int err = 0;
        LEAT_LIMIT(draw_limit());

        if (leat_mutex_lock(&queue.mutex) != 0)
            continue;
        leat_sim_expect(inside++ == 0);
        while (queue.tokens == 0 && !err) {
            inside--;
            err = leat_condition_wait(&queue.filled, &queue.mutex);
            leat_sim_expect(err == 0 || err == -ETIMEDOUT);
            leat_sim_expect(inside++ == 0);
        }
        got = queue.tokens > 0;
        queue.tokens -= got;
        queue.taken += got;
        dwell();
        leat_sim_expect(--inside == 0);
        leat_mutex_unlock(&queue.mutex);
        if (!got && queue.spare > 0 && leat_sim_choose(2)) {
            queue.spare--; /* a signal that came with its timeout is another's */
            break;
        }
    }
    return 0;
}

static int puts_one(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < queue.wanted; i++) {
        leat_sim_expect(leat_mutex_lock(&queue.mutex) == 0);
        leat_sim_expect(inside++ == 0);
        queue.tokens++;
        inside--;
        if (leat_sim_choose(2)) {
            leat_condition_signal(&queue.filled);
            leat_mutex_unlock(&queue.mutex);
        } else {
            leat_mutex_unlock(&queue.mutex);
            leat_condition_signal(&queue.filled);
        }
        dwell();
    }
    return 0;
}

SCENARIO(conditions_with_limits)
{
    memset(&queue, 0, sizeof queue);
    inside = 0;
    queue.wanted = 1 + leat_sim_size() / 4;
    queue.spare = leat_sim_choose(2) * queue.wanted / 2;
    {
        LEAT_SCOPE(scope);

        spawn_many(&scope, queue.wanted, takes_one, NULL);
        leat_sim_expect(leat_spawn(&scope, puts_one, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(queue.tokens + queue.taken == queue.wanted);
}

/* ---- once ---- */

static struct leat_once once;
static uint32_t calls, failures_left;

static int initialise(void *arg)
{
    (void)arg;
    leat_sim_expect(inside++ == 0);
    dwell();
    inside--;
    if (failures_left > 0) {
        failures_left--;
        return -EPROTO;
    }
    calls++;
    return 0;
}

static int needs_it(void *arg)
{
    int err;

    (void)arg;
    do {
        LEAT_LIMIT(draw_limit());
        err = leat_once_run(&once, initialise, NULL);
        leat_sim_expect(err == 0 || err == -EPROTO || err == -ETIMEDOUT);
    } while (err);
    leat_sim_expect(calls == 1);
    return 0;
}

SCENARIO(once)
{
    memset(&once, 0, sizeof once);
    inside = calls = 0;
    failures_left = leat_sim_choose(3);
    LEAT_SCOPE(scope);
    spawn_many(&scope, 1 + leat_sim_size() / 4, needs_it, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(calls == 1);
}

/* ---- rwlocks ---- */

static struct leat_rwlock rwlock;
static uint32_t readers, writers, value;

static void reads(void)
{
    uint32_t before;
    int err = leat_sim_choose(4) ? leat_rwlock_lock_read(&rwlock)
                                 : leat_rwlock_try_lock_read(&rwlock);

    leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EAGAIN);
    if (err)
        return;
    before = value;
    readers++;
    leat_sim_expect(writers == 0);
    dwell();
    leat_sim_expect(writers == 0 && value == before);
    readers--;
    leat_rwlock_unlock_read(&rwlock);
}

static void writes(void)
{
    int err = leat_sim_choose(4) ? leat_rwlock_lock_write(&rwlock)
                                 : leat_rwlock_try_lock_write(&rwlock);

    leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EAGAIN);
    if (err)
        return;
    leat_sim_expect(readers == 0 && writers++ == 0);
    value++;
    dwell();
    leat_sim_expect(readers == 0 && --writers == 0);
    leat_rwlock_unlock_write(&rwlock);
}

static int reads_and_writes(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < rounds; i++) {
        LEAT_LIMIT(draw_limit());
        if (leat_sim_choose(3))
            reads();
        else
            writes();
        leat_sim_point();
    }
    return 0;
}

SCENARIO(rwlocks)
{
    memset(&rwlock, 0, sizeof rwlock);
    readers = writers = 0;
    rounds = 1 + leat_sim_size() / 8;
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < 2 + leat_sim_choose(6); i++)
            leat_sim_expect(leat_spawn(&scope, reads_and_writes, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(leat_rwlock_try_lock_write(&rwlock) == 0);
    leat_rwlock_unlock_write(&rwlock);
}
