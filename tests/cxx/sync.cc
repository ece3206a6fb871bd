// SPDX-License-Identifier: MIT
// Mutexes, conditions and the rest from C++17: their initialisers and functions, in tasks and out.
#include <gtest/gtest.h>

#include <leat/leat.h>

#include <cerrno>

namespace {

leat_semaphore permits = LEAT_SEMAPHORE_INIT(2);
leat_barrier   alone = LEAT_BARRIER_INIT(1);
leat_bucket    bucket = LEAT_BUCKET_INIT(1, 3600 * LEAT_SEC, 1);

int use_all(void *)
{
    leat_mutex     mutex = {};
    leat_condition condition = {};
    leat_rwlock    rwlock = {};
    leat_event     event = {};
    leat_once      once = {};
    leat_waitgroup group = {};
    int            calls = 0;
    auto           count = [](void *arg) { return ++*static_cast<int *>(arg), 0; };

    EXPECT_EQ(leat_mutex_lock(&mutex), 0);
    EXPECT_EQ(leat_mutex_try_lock(&mutex), -EAGAIN);
    leat_condition_signal(&condition);
    leat_mutex_unlock(&mutex);
    EXPECT_EQ(leat_rwlock_lock_read(&rwlock), 0);
    EXPECT_EQ(leat_rwlock_try_lock_write(&rwlock), -EAGAIN);
    leat_rwlock_unlock_read(&rwlock);
    EXPECT_EQ(leat_semaphore_acquire(&permits, 2), 0);
    EXPECT_EQ(leat_semaphore_try_acquire(&permits, 1), -EAGAIN);
    leat_semaphore_release(&permits, 2);
    EXPECT_FALSE(leat_event_is_set(&event));
    leat_event_set(&event);
    EXPECT_EQ(leat_event_wait(&event), 0);
    EXPECT_EQ(leat_barrier_wait(&alone), 1);
    EXPECT_EQ(leat_once_run(&once, count, &calls), 0);
    EXPECT_EQ(leat_once_run(&once, count, &calls), 0);
    EXPECT_EQ(calls, 1);
    leat_waitgroup_add(&group, 1);
    leat_waitgroup_done(&group);
    EXPECT_EQ(leat_waitgroup_wait(&group), 0);
    return 0;
}

} // namespace

TEST(sync_cxx, objects_work_in_a_task_and_in_a_plain_thread)
{
    EXPECT_EQ(use_all(nullptr), 0);
    EXPECT_EQ(leat_run(use_all, nullptr, nullptr), 0);
    EXPECT_EQ(leat_bucket_acquire(&bucket, 1), 0);
    EXPECT_EQ(leat_bucket_try_acquire(&bucket, 1), -EAGAIN);
}
