/* SPDX-License-Identifier: MIT */
/* Events, barriers and once: everybody goes on when it is time, and not before. */
#include "harness/test.h"

#include <leat/leat.h>
#include <pthread.h>

struct start {
    struct leat_event event;
    int               value; /* plain: the event publishes it */
};

static int await(void *arg)
{
    struct start *start = arg;
    int err = leat_event_wait(&start->event);

    if (!err)
        expect_eq(start->value, 7);
    return err;
}

static void *await_in_thread(void *arg)
{
    expect_ok(await(arg));
    return NULL;
}

LEAT_TEST_TASK(event, a_set_wakes_all_who_wait_and_lets_pass_who_comes)
{
    struct start start = { .value = 0 };
    pthread_t thread;
    LEAT_SCOPE(scope);

    assert_eq(pthread_create(&thread, NULL, await_in_thread, &start), 0);
    for (int i = 0; i < 20; i++)
        leat_spawn(&scope, await, &start);
    expect_ok(leat_sleep(LEAT_MSEC));
    expect(!leat_event_is_set(&start.event));
    start.value = 7;
    leat_event_set(&start.event);
    expect_ok(leat_scope_join(&scope));
    pthread_join(thread, NULL);
    expect(leat_event_is_set(&start.event));
    expect_ok(leat_event_wait(&start.event));
}

LEAT_TEST_TASK(event, after_a_clear_it_waits_again)
{
    struct leat_event event = { { 0 } };

    leat_event_set(&event);
    leat_event_set(&event);
    expect_ok(leat_event_wait(&event));
    leat_event_clear(&event);
    LEAT_LIMIT(LEAT_MSEC);
    expect_err(leat_event_wait(&event), -ETIMEDOUT);
    for (size_t i = 0; i < sizeof event / 8; i++)
        expect_eq(event.leat__private[i], 0u);
}

static int set_it(void *arg)
{
    leat_event_set(arg);
    return 0;
}

LEAT_TEST_TASK(event, one_on_the_stack_is_gone_when_its_wait_is_over)
{
    for (size_t round = 0; round < test_rounds(2000, 100000); round++) {
        LEAT_SCOPE(scope);
        {
            struct leat_event event = { { 0 } };

            leat_spawn(&scope, set_it, &event);
            expect_ok(leat_event_wait(&event));
            for (size_t i = 0; i < sizeof event / 8; i++)
                event.leat__private[i] = UINT64_MAX; /* a late touch meets a locked lock */
        }
        expect_ok(leat_scope_join(&scope));
    }
}

/* ---- barriers ---- */

struct meeting {
    struct leat_barrier barrier;
    int                 last, arrived[4];
};

static int meet(void *arg)
{
    struct meeting *meeting = arg;

    for (int round = 0; round < 100; round++) {
        int last;

        __atomic_add_fetch(&meeting->arrived[round % 4], 1, __ATOMIC_RELAXED);
        last = leat_barrier_wait(&meeting->barrier);
        if (last < 0)
            return last;
        if (last)
            __atomic_add_fetch(&meeting->last, 1, __ATOMIC_RELAXED);
        expect_eq(__atomic_load_n(&meeting->arrived[round % 4], __ATOMIC_RELAXED) % 10, 0);
        last = leat_barrier_wait(&meeting->barrier); /* all have looked */
        if (last < 0)
            return last;
    }
    return 0;
}

LEAT_TEST_TASK(barrier, nobody_passes_before_all_are_there_and_one_is_last)
{
    struct meeting meeting = { .barrier = LEAT_BARRIER_INIT(10) };
    LEAT_SCOPE(scope);

    for (int i = 0; i < 10; i++)
        leat_spawn(&scope, meet, &meeting);
    expect_ok(leat_scope_join(&scope));
    expect_eq(meeting.last, 100);
}

static int arrive(void *arg)
{
    int last = leat_barrier_wait(arg);

    return last < 0 ? last : 0;
}

LEAT_TEST_TASK(barrier, who_gave_up_has_not_arrived)
{
    struct leat_barrier barrier;
    LEAT_SCOPE(scope);

    leat_barrier_init(&barrier, 2);
    {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(leat_barrier_wait(&barrier), -ETIMEDOUT);
    }
    {
        LEAT_LIMIT(LEAT_MSEC);
        expect_err(leat_barrier_wait(&barrier), -ETIMEDOUT);
    }
    leat_spawn(&scope, arrive, &barrier);
    expect_ge(leat_barrier_wait(&barrier), 0);
    expect_ok(leat_scope_join(&scope));
}

LEAT_TEST(barrier, of_one_or_none_holds_nobody)
{
    struct leat_barrier one = LEAT_BARRIER_INIT(1), none = { { 0 } };

    expect_eq(leat_barrier_wait(&one), 1);
    expect_eq(leat_barrier_wait(&none), 1);
}

/* ---- once ---- */

struct config {
    struct leat_once once;
    int              calls, fail; /* how often to fail */
    int              value;
};

static int load(void *arg)
{
    struct config *config = arg;

    config->calls++;
    leat_yield();
    if (config->fail > 0) {
        config->fail--;
        return -EIO;
    }
    config->value = 5;
    return 0;
}

static int use(void *arg)
{
    struct config *config = arg;
    int err = leat_once_run(&config->once, load, config);

    if (!err)
        expect_eq(config->value, 5);
    else
        expect_err(err, -EIO);
    return 0;
}

static void use_by_many(struct config *config)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < 20; i++)
        leat_spawn(&scope, use, config);
    expect_ok(leat_scope_join(&scope));
    expect_eq(config->value, 5);
}

LEAT_TEST_TASK(once, is_done_by_one_and_seen_by_all)
{
    struct config config = { .fail = 0 };

    use_by_many(&config);
    expect_eq(config.calls, 1);
}

LEAT_TEST_TASK(once, after_a_failure_the_next_one_tries)
{
    struct config config = { .fail = 3 };

    use_by_many(&config);
    expect_eq(config.calls, 4);
}
