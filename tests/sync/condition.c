/* SPDX-License-Identifier: MIT */
/* A condition wakes who waits for it, and its waiters hold the mutex when they go on. */
#include "harness/test.h"

#include <leat/leat.h>
#include <pthread.h>

struct queue {
    struct leat_mutex     mutex;
    struct leat_condition filled, drained;
    int                   length, most;
    long                  in, out; /* sums */
    int                   left; /* items to come */
};

static int produce(void *arg)
{
    struct queue *queue = arg;

    for (int i = 1; i <= 1000; i++) {
        int err = leat_mutex_lock(&queue->mutex);

        while (!err && queue->length == 4)
            err = leat_condition_wait(&queue->drained, &queue->mutex);
        if (err)
            return err;
        queue->length++;
        queue->in += i;
        leat_condition_signal(&queue->filled);
        leat_mutex_unlock(&queue->mutex);
    }
    return 0;
}

static int consume(void *arg)
{
    struct queue *queue = arg;
    int err;

    while ((err = leat_mutex_lock(&queue->mutex)) == 0) {
        while (!err && queue->length == 0 && queue->left > 0)
            err = leat_condition_wait(&queue->filled, &queue->mutex);
        if (queue->length > queue->most)
            queue->most = queue->length;
        if (queue->length > 0) {
            queue->length--;
            queue->out++;
            if (--queue->left == 0)
                leat_condition_broadcast(&queue->filled);
            leat_condition_signal(&queue->drained);
        } else if (queue->left == 0 || err) {
            leat_mutex_unlock(&queue->mutex);
            return err;
        }
        leat_mutex_unlock(&queue->mutex);
    }
    return err;
}

static void *produce_in_thread(void *arg)
{
    expect_ok(produce(arg));
    return NULL;
}

LEAT_TEST_TASK(condition, a_queue_among_tasks_and_a_thread_passes_all)
{
    struct queue queue = { .left = 4000 };
    pthread_t thread;
    LEAT_SCOPE(scope);

    assert_eq(pthread_create(&thread, NULL, produce_in_thread, &queue), 0);
    for (int i = 0; i < 3; i++) {
        leat_spawn(&scope, produce, &queue);
        leat_spawn(&scope, consume, &queue);
    }
    expect_ok(leat_scope_join(&scope));
    pthread_join(thread, NULL);
    expect_eq(queue.out, 4000);
    expect_eq(queue.in, 4 * 1000 * 1001 / 2);
    expect_le(queue.most, 4);
}

struct gate {
    struct leat_mutex     mutex;
    struct leat_condition opened;
    bool                  open;
    int                   waiting, passed, cancelled;
};

static int pass(void *arg)
{
    struct gate *gate = arg;
    int err = leat_mutex_lock(&gate->mutex);

    if (err)
        return err;
    gate->waiting++;
    while (!err && !gate->open)
        err = leat_condition_wait(&gate->opened, &gate->mutex);
    expect_err(leat_mutex_try_lock(&gate->mutex), -EAGAIN); /* it is held, whatever came */
    if (err)
        gate->cancelled++;
    else
        gate->passed++;
    leat_mutex_unlock(&gate->mutex);
    return err;
}

static void until_all_wait(struct gate *gate, int all)
{
    for (;;) {
        int waiting;

        assert_ok(leat_mutex_lock(&gate->mutex));
        waiting = gate->waiting;
        leat_mutex_unlock(&gate->mutex);
        if (waiting == all)
            return;
        leat_yield();
    }
}

LEAT_TEST_TASK(condition, a_broadcast_wakes_all)
{
    struct gate gate = { .open = false };
    LEAT_SCOPE(scope);

    for (int i = 0; i < 50; i++)
        leat_spawn(&scope, pass, &gate);
    until_all_wait(&gate, 50);
    assert_ok(leat_mutex_lock(&gate.mutex));
    gate.open = true;
    leat_condition_broadcast(&gate.opened);
    leat_mutex_unlock(&gate.mutex);
    expect_ok(leat_scope_join(&scope));
    expect_eq(gate.passed, 50);
}

LEAT_TEST_TASK(condition, a_cancelled_wait_holds_the_mutex_again)
{
    struct gate gate = { .open = false };
    LEAT_SCOPE(scope);

    for (int i = 0; i < 5; i++)
        leat_spawn(&scope, pass, &gate);
    until_all_wait(&gate, 5);
    leat_scope_cancel(&scope);
    expect_err(leat_scope_join(&scope), -ECANCELED);
    expect_eq(gate.cancelled, 5);
}

LEAT_TEST_TASK(condition, a_wait_ends_at_its_deadline)
{
    struct gate gate = { .open = false };
    LEAT_LIMIT(2 * LEAT_MSEC);

    expect_ok(leat_mutex_lock(&gate.mutex));
    expect_err(leat_condition_wait(&gate.opened, &gate.mutex), -ETIMEDOUT);
    expect_err(leat_mutex_try_lock(&gate.mutex), -EAGAIN);
    leat_mutex_unlock(&gate.mutex);
}

LEAT_TEST(condition, a_signal_that_nobody_waits_for_is_nothing)
{
    struct leat_condition condition = { { 0 } };

    leat_condition_signal(&condition);
    leat_condition_broadcast(&condition);
    for (size_t i = 0; i < sizeof condition / 8; i++)
        expect_eq(condition.leat__private[i], 0u);
}
