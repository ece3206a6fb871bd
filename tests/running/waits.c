/* SPDX-License-Identifier: MIT */
/* Every call that waits for another task or thread, made by a plain thread: it ends at its
 * deadline, it is ended by a task and by a thread, and in a forked child it is refused. Calls that
 * wait for the kernel, or for no one, are in threads.c and tests/io/thread.c. */
#include "harness/test.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Set up so that a wait has to wait. */
struct stage {
    struct leat_mutex     mutex, guard;
    struct leat_condition condition;
    struct leat_rwlock    rwlock, rwlock_read;
    struct leat_semaphore semaphore;
    struct leat_event     event;
    struct leat_barrier   barrier;
    struct leat_once      once;
    struct leat_waitgroup group;
    struct leat_bucket    bucket;
    struct leat_chan     *empty, *full, *rendezvous, *unfinished;
    atomic_bool           signalled;
    const struct kind    *kind; /* of the thread's wait */
    int                   result;
};

struct kind {
    const char *name;
    int (*wait)(struct stage *stage);
    void (*wake)(struct stage *stage);
};

static int wait_mutex(struct stage *stage)
{
    int err = leat_mutex_lock(&stage->mutex);

    if (!err)
        leat_mutex_unlock(&stage->mutex);
    return err;
}

static void wake_mutex(struct stage *stage)
{
    leat_mutex_unlock(&stage->mutex);
}

static int wait_condition(struct stage *stage)
{
    int err = leat_mutex_lock(&stage->guard);

    if (err)
        return err;
    while (!err && !atomic_load(&stage->signalled))
        err = leat_condition_wait(&stage->condition, &stage->guard);
    leat_mutex_unlock(&stage->guard);
    return err;
}

static void wake_condition(struct stage *stage)
{
    atomic_store(&stage->signalled, true);
    expect_ok(leat_mutex_lock(&stage->guard));
    leat_condition_signal(&stage->condition);
    leat_mutex_unlock(&stage->guard);
}

static int wait_write(struct stage *stage)
{
    int err = leat_rwlock_lock_write(&stage->rwlock);

    if (!err)
        leat_rwlock_unlock_write(&stage->rwlock);
    return err;
}

static int wait_read(struct stage *stage)
{
    int err = leat_rwlock_lock_read(&stage->rwlock);

    if (!err)
        leat_rwlock_unlock_read(&stage->rwlock);
    return err;
}

static void wake_rwlock(struct stage *stage)
{
    leat_rwlock_unlock_write(&stage->rwlock);
}

static int wait_semaphore(struct stage *stage)
{
    return leat_semaphore_acquire(&stage->semaphore, 3);
}

static void wake_semaphore(struct stage *stage)
{
    leat_semaphore_release(&stage->semaphore, 3);
}

static int wait_event(struct stage *stage)
{
    return leat_event_wait(&stage->event);
}

static void wake_event(struct stage *stage)
{
    leat_event_set(&stage->event);
}

static int wait_barrier(struct stage *stage)
{
    int result = leat_barrier_wait(&stage->barrier);

    return result > 0 ? 0 : result; /* one of them is told that it was the last */
}

static void wake_barrier(struct stage *stage)
{
    expect_ge(leat_barrier_wait(&stage->barrier), 0);
}

static int wait_group(struct stage *stage)
{
    return leat_waitgroup_wait(&stage->group);
}

static void wake_group(struct stage *stage)
{
    leat_waitgroup_done(&stage->group);
}

static int wait_recv(struct stage *stage)
{
    return leat_chan_recv(stage->empty, &(int){ 0 });
}

static int wait_recv_many(struct stage *stage)
{
    ssize_t n = leat_chan_recv_many(stage->empty, (int[2]){ 0 }, 2);

    return n > 0 ? 0 : (int)n;
}

static int wait_select(struct stage *stage)
{
    int number;
    struct leat_case cases[] = { leat_case_recv(stage->rendezvous, &number),
                                 leat_case_recv(stage->empty, &number) };
    int index = leat_select_cases(cases, 2);

    return index == 1 ? 0 : index;
}

static void wake_recv(struct stage *stage)
{
    expect_ok(leat_chan_send(stage->empty, &(int){ 1 }));
}

static int wait_send(struct stage *stage)
{
    return leat_chan_send(stage->full, &(int){ 2 });
}

static int wait_send_many(struct stage *stage)
{
    ssize_t n = leat_chan_send_many(stage->full, (int[1]){ 2 }, 1);

    return n == 1 ? 0 : (int)n;
}

static void wake_send(struct stage *stage)
{
    expect_ok(leat_chan_recv(stage->full, &(int){ 0 }));
}

static int wait_rendezvous(struct stage *stage)
{
    return leat_chan_send(stage->rendezvous, &(int){ 3 });
}

static void wake_rendezvous(struct stage *stage)
{
    expect_ok(leat_chan_recv(stage->rendezvous, &(int){ 0 }));
}

static int wait_join(struct stage *stage)
{
    return leat_chan_join(stage->unfinished);
}

static void wake_join(struct stage *stage)
{
    expect_ok(leat_chan_recv(stage->unfinished, &(int){ 0 }));
    leat_chan_done(stage->unfinished);
}

/* Nobody wakes it: the tokens come. */
static int wait_bucket(struct stage *stage)
{
    return leat_bucket_acquire(&stage->bucket, 1);
}

static void wake_bucket(struct stage *stage)
{
    (void)stage;
}

static const struct kind kinds[] = {
    { "mutex", wait_mutex, wake_mutex },
    { "condition", wait_condition, wake_condition },
    { "rwlock, to write", wait_write, wake_rwlock },
    { "rwlock, to read", wait_read, wake_rwlock },
    { "semaphore", wait_semaphore, wake_semaphore },
    { "event", wait_event, wake_event },
    { "barrier", wait_barrier, wake_barrier },
    { "wait group", wait_group, wake_group },
    { "recv", wait_recv, wake_recv },
    { "recv_many", wait_recv_many, wake_recv },
    { "select", wait_select, wake_recv },
    { "send", wait_send, wake_send },
    { "send_many", wait_send_many, wake_send },
    { "rendezvous", wait_rendezvous, wake_rendezvous },
    { "join", wait_join, wake_join },
    { "bucket", wait_bucket, wake_bucket },
};

#define KINDS (sizeof kinds / sizeof kinds[0])

static void set_up(struct stage *stage, const struct kind *kind)
{
    memset(stage, 0, sizeof *stage);
    stage->kind = kind;
    stage->result = 1;
    leat_barrier_init(&stage->barrier, 2);
    leat_bucket_init(&stage->bucket, 1, 40 * LEAT_MSEC, 1);
    leat_waitgroup_add(&stage->group, 1);
    assert_ok(leat_mutex_lock(&stage->mutex));
    assert_ok(leat_rwlock_lock_write(&stage->rwlock));
    assert_ok(leat_bucket_acquire(&stage->bucket, 1));
    assert_ok(leat_chan_create(&stage->empty, sizeof(int),
                               &(const struct leat_chan_options){ .size = sizeof(
                                   struct leat_chan_options), .capacity = 2 }));
    assert_ok(leat_chan_create(&stage->full, sizeof(int),
                               &(const struct leat_chan_options){ .size = sizeof(
                                   struct leat_chan_options), .capacity = 1 }));
    assert_ok(leat_chan_create(&stage->unfinished, sizeof(int),
                               &(const struct leat_chan_options){ .size = sizeof(
                                   struct leat_chan_options), .capacity = 1 }));
    assert_ok(leat_chan_create(&stage->rendezvous, sizeof(int),
                               &(const struct leat_chan_options){ .size = sizeof(
                                   struct leat_chan_options) }));
    assert_ok(leat_chan_send(stage->full, &(int){ 1 }));
    assert_ok(leat_chan_send(stage->unfinished, &(int){ 1 }));
}

static void take_down(struct stage *stage)
{
    leat_chan_free(stage->empty);
    leat_chan_free(stage->full);
    leat_chan_free(stage->unfinished);
    leat_chan_free(stage->rendezvous);
}

static void *wait_with_a_limit(void *arg)
{
    struct stage *stage = arg;
    leat_time begin = leat_now();

    {
        LEAT_LIMIT(3 * LEAT_MSEC);
        stage->result = stage->kind->wait(stage);
    }
    expect_ge(leat_now() - begin, 3 * LEAT_MSEC);
    return NULL;
}

LEAT_TEST(waits, each_ends_at_its_deadline_on_a_plain_thread)
{
    for (size_t i = 0; i < KINDS; i++) {
        struct stage stage;
        pthread_t thread;

        set_up(&stage, &kinds[i]);
        assert_ok(pthread_create(&thread, NULL, wait_with_a_limit, &stage));
        assert_ok(pthread_join(thread, NULL));
        if (stage.result != -ETIMEDOUT)
            test_fail("%s: %d instead of -ETIMEDOUT", kinds[i].name, stage.result);
        take_down(&stage);
    }
}

static void *wait_in_thread(void *arg)
{
    struct stage *stage = arg;

    stage->result = stage->kind->wait(stage);
    return NULL;
}

static int join_thread(void *arg)
{
    return -pthread_join(*(pthread_t *)arg, NULL);
}

static void wait_and_wake(const struct kind *kind)
{
    struct stage stage;
    pthread_t thread;

    set_up(&stage, kind);
    assert_ok(pthread_create(&thread, NULL, wait_in_thread, &stage));
    expect_ok(leat_sleep(LEAT_MSEC)); /* it waits by now, or the wake is there before: as good */
    kind->wake(&stage);
    expect_ok(leat_blocking(join_thread, &thread));
    if (stage.result != 0)
        test_fail("%s: %d instead of 0", kind->name, stage.result);
    take_down(&stage);
}

LEAT_TEST(waits, each_is_ended_by_another_thread)
{
    for (size_t i = 0; i < KINDS; i++)
        wait_and_wake(&kinds[i]);
}

LEAT_TEST_TASK(waits, each_is_ended_by_a_task)
{
    for (size_t i = 0; i < KINDS; i++)
        wait_and_wake(&kinds[i]);
}

/* ---- after a fork ---- */

static struct stage forked;
static size_t tried;

/* No check of the harness in here: its locks may be held by threads that are not here. */
static void wait_in_child(void)
{
    _exit(kinds[tried].wait(&forked) == -EPERM ? 0 : 10 + (int)tried);
}

/* expect_exits forks from the test's main thread, so that one must not be leat_run's. */
static void *run_beside(void *arg)
{
    expect_ok(leat_run(*(int (**)(void *))arg, &forked, NULL));
    return NULL;
}

static int run_until_closed(void *arg)
{
    struct stage *stage = arg;
    int number;

    expect_ok(leat_chan_send(stage->empty, &(int){ 1 })); /* here we are */
    expect_ok(leat_chan_recv(stage->rendezvous, &number));
    expect_eq(number, 1);
    return 0;
}

/* What never waits may work on the child's copy; it wakes nobody in the parent. */
static void give_in_child(void)
{
    (void)!leat_chan_try_send(forked.rendezvous, &(int){ 99 });
    leat_event_set(&forked.event);
    leat_chan_close(forked.rendezvous);
    _exit(0);
}

LEAT_TEST(waits, each_is_refused_in_a_forked_child)
{
    int (*fn)(void *) = run_until_closed;
    pthread_t thread;

    if (LEAT__TSAN)
        test_skip("ThreadSanitizer allows no waits on locks of its own in a forked child");
    set_up(&forked, NULL);
    assert_ok(pthread_create(&thread, NULL, run_beside, &fn));
    expect_ok(leat_chan_recv(forked.empty, &(int){ 0 }));
    for (tried = 0; tried < KINDS; tried++)
        expect_exits(wait_in_child, 0, "forked from one with a running runtime");
    expect_exits(give_in_child, 0, NULL);
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_chan_send(forked.rendezvous, &(int){ 1 }));
    expect(!leat_event_is_set(&forked.event));
    assert_ok(pthread_join(thread, NULL));
    take_down(&forked);
}
