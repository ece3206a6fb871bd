/* SPDX-License-Identifier: MIT */
/* Cancel storms: trees of tasks that wait in every way there is, while others cancel any scope and
 * any task of them, again and again, from tasks and from threads. Whoever was started ends; what
 * was taken is given back; the tree's memory outlives every cancel in it. */
#include "sim/scenarios/scenario.h"

#define NODES_MAX 64

/* A node's scope may be cancelled while `open`: by who holds the lock. */
static struct node {
    struct leat_mutex lock;
    struct leat_scope *scope;
    struct leat_task   task;
} nodes[NODES_MAX];

static struct {
    struct leat_chan     *chan;
    struct leat_mutex     mutex;
    struct leat_condition condition;
    struct leat_semaphore semaphore;
    struct leat_rwlock    rwlock;
    struct leat_event     event;
    struct leat_scope    *scope;
    uint32_t              permits, sent, received, inside, started, ended, nodes;
    bool                  over;
} s;

static int grow(void *arg);

static bool is_expected(int err)
{
    return err == 0 || err == -ECANCELED || err == -ETIMEDOUT;
}

static int waits_for_locks(void)
{
    int err = 0;

    switch (leat_sim_choose(4)) {
    case 0:
        if ((err = leat_mutex_lock(&s.mutex)) == 0) {
            leat_sim_expect(s.inside++ == 0);
            dwell();
            s.inside--;
            if (leat_sim_choose(2)) {
                err = leat_condition_wait(&s.condition, &s.mutex);
                leat_sim_expect(s.inside == 0);
            } else {
                leat_condition_signal(&s.condition);
            }
            leat_mutex_unlock(&s.mutex);
        }
        break;
    case 1:
        if ((err = leat_rwlock_lock_read(&s.rwlock)) == 0) {
            dwell();
            leat_rwlock_unlock_read(&s.rwlock);
        }
        break;
    case 2:
        if ((err = leat_rwlock_lock_write(&s.rwlock)) == 0) {
            dwell();
            leat_rwlock_unlock_write(&s.rwlock);
        }
        break;
    default:
        if ((err = leat_semaphore_acquire(&s.semaphore, 1)) == 0) {
            dwell();
            leat_semaphore_release(&s.semaphore, 1);
        }
    }
    return err;
}

static int waits_in_a_select(void)
{
    uint32_t in = 0, out = 1;
    struct leat_case cases[] = {
        LEAT_AT(leat_after((leat_time)leat_sim_choose(200) * LEAT_USEC)),
        leat_case_recv(s.chan, &in),
        leat_case_send(s.chan, &out),
        LEAT_ACQUIRE(&s.semaphore, 1),
    };
    int index = leat_select_cases(cases, 4);

    if (index < 0)
        return index;
    leat_sim_expect(cases[index].result == 0);
    s.received += index == 1;
    s.sent += index == 2;
    if (index == 3)
        leat_semaphore_release(&s.semaphore, 1);
    return 0;
}

static int takes_its_time(void *arg)
{
    *(bool *)arg = true;
    (void)leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
    leat_sim_expect(*(bool *)arg);
    return 0;
}

static int waits_for_a_call(void)
{
    bool under_way = false;
    int err = leat_blocking(takes_its_time, &under_way);

    under_way = false; /* nobody looks at it any more */
    return err;
}

static int waits_somehow(void)
{
    uint32_t number = 1;
    int err = 0, result;

    switch (leat_sim_choose(9)) {
    case 0: return leat_sleep((leat_time)leat_sim_choose(1000) * LEAT_USEC);
    case 1:
        err = leat_chan_send(s.chan, &number);
        s.sent += err == 0;
        return err;
    case 2:
        err = leat_chan_recv(s.chan, &number);
        s.received += err == 0;
        return err;
    case 3: return waits_in_a_select();
    case 4: return leat_event_wait(&s.event);
    case 5:
        err = leat_task_join(nodes[leat_sim_choose(s.nodes)].task, &result);
        return err == -ESRCH || err == -EDEADLK ? 0 : err;
    case 6: return waits_for_a_call();
    default: return waits_for_locks();
    }
}

static int waits(void)
{
    int err;
    LEAT_LIMIT(draw_limit());

    err = waits_somehow();
    leat_sim_expect(is_expected(err));
    return err == -ETIMEDOUT ? 0 : err;
}

/* A node opens its scope to cancels, spawns others, waits, and closes it again. */
static int branches(struct node *node)
{
    int err = 0;
    LEAT_SCOPE(scope, .on_error = leat_sim_choose(2) ? LEAT_COLLECT : LEAT_CANCEL);

    LEAT_SHIELD (LEAT_NEVER)
        leat_sim_expect(leat_mutex_lock(&node->lock) == 0);
    node->scope = &scope;
    leat_mutex_unlock(&node->lock);
    for (uint32_t i = leat_sim_choose(4); i > 0 && s.nodes < NODES_MAX; i--) {
        struct node *child = &nodes[s.nodes++];

        s.started++;
        leat_sim_expect(leat_spawn_handle(&scope, &child->task, grow, child, NULL) == 0);
    }
    for (uint32_t i = leat_sim_choose(4); i > 0 && err == 0; i--)
        err = waits();
    LEAT_SHIELD (LEAT_NEVER)
        leat_sim_expect(leat_mutex_lock(&node->lock) == 0);
    node->scope = NULL;
    leat_mutex_unlock(&node->lock);
    if (leat_sim_choose(2))
        return leat_scope_join(&scope);
    return err; /* cancels what is left */
}

static int grow(void *arg)
{
    int err = 0;

    for (uint32_t i = 1 + leat_sim_choose(2); i > 0 && err == 0; i--)
        err = branches(arg);
    s.ended++;
    return leat_sim_choose(4) ? 0 : err;
}

/* A task, or a thread of the pool. */
static int rages(void *arg)
{
    (void)arg;
    while (!s.over) {
        struct node *node = &nodes[leat_sim_choose(s.nodes)];

        if (leat_sim_choose(3) == 0) {
            (void)leat_task_cancel(node->task);
        } else if (leat_mutex_lock(&node->lock) == 0) {
            if (node->scope)
                leat_scope_cancel(node->scope);
            leat_mutex_unlock(&node->lock);
        }
        if (leat_sim_choose(4) == 0)
            leat_event_set(&s.event);
        else if (leat_sim_choose(4) == 0)
            leat_event_clear(&s.event);
        (void)leat_sleep((leat_time)(1 + leat_sim_choose(400)) * LEAT_USEC);
    }
    return 0;
}

static int rages_as_a_thread(void *arg)
{
    return leat_blocking(rages, arg);
}

static void expect_all_back(void)
{
    uint32_t number;

    leat_sim_expect(s.started == s.ended);
    while (leat_chan_try_recv(s.chan, &number) == 0)
        s.received++;
    leat_sim_expect(s.sent == s.received);
    leat_sim_expect(leat_semaphore_available(&s.semaphore) == s.permits);
    leat_sim_expect(leat_mutex_try_lock(&s.mutex) == 0);
    leat_mutex_unlock(&s.mutex);
    leat_sim_expect(leat_rwlock_try_lock_write(&s.rwlock) == 0);
    leat_rwlock_unlock_write(&s.rwlock);
}

SCENARIO(cancel_storm)
{
    struct leat_chan_options options = { .size = sizeof options };
    leat_time began = leat_now();

    memset(nodes, 0, sizeof nodes);
    memset(&s, 0, sizeof s);
    options.capacity = leat_sim_choose(2) ? leat_sim_capacity() : 0;
    leat_sim_expect(leat_chan_create(&s.chan, sizeof(uint32_t), &options) == 0);
    leat_semaphore_init(&s.semaphore, s.permits = 1 + leat_sim_choose(2));
    {
        LEAT_SCOPE(ragers);
        LEAT_SCOPE(roots, .on_error = LEAT_COLLECT);

        for (uint32_t i = 1 + leat_sim_size() / 20; i > 0 && s.nodes < NODES_MAX; i--) {
            struct node *root = &nodes[s.nodes++];

            s.started++;
            leat_sim_expect(leat_spawn_handle(&roots, &root->task, grow, root, NULL) == 0);
        }
        for (uint32_t i = 1 + leat_sim_choose(3); i > 0; i--)
            leat_sim_expect(leat_spawn(&ragers, leat_sim_choose(4) ? rages : rages_as_a_thread,
                                       NULL) == 0);
        (void)leat_scope_join(&roots);
        s.over = true;
        leat_sim_expect(leat_scope_join(&ragers) == 0);
    }
    expect_all_back();
    leat_chan_free(s.chan);
    leat_sim_expect(leat_now() - began < LEAT_MINUTE);
}
