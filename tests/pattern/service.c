/* SPDX-License-Identifier: MIT */
/* A service's tasks live until it is stopped, and not a moment longer. */
#include "harness/test.h"

#include <leat/leat.h>

#include <stdatomic.h>

struct worker {
    struct leat_service service;
    leat_time           pause;
    atomic_int          rounds, ended;
    int                 started, stopped;
};

static int tick(void *arg)
{
    struct worker *worker = arg;
    int err;

    while ((err = leat_service_pause(&worker->service, worker->pause)) == 0)
        atomic_fetch_add(&worker->rounds, 1);
    atomic_fetch_add(&worker->ended, 1);
    return err;
}

static int stay(void *arg)
{
    struct worker *worker = arg;
    int err = leat_sleep(LEAT_HOUR);

    atomic_fetch_add(&worker->ended, 1);
    return err;
}

static int fail(void *arg)
{
    (void)arg;
    return -EIO;
}

static int on_start(void *arg)
{
    struct worker *worker = arg;

    return worker->started++ ? -EALREADY : 0;
}

static void on_stop(void *arg)
{
    struct worker *worker = arg;

    expect_ok(leat_sleep(LEAT_USEC)); /* shielded */
    worker->stopped = atomic_load(&worker->ended) + 1;
}

LEAT_TEST_TASK(service, its_tasks_run_in_the_background_until_it_is_stopped)
{
    struct worker worker = { .pause = 100 * LEAT_USEC };

    assert_ok(leat_service_start(&worker.service,
                                 LEAT_SERVICE_OPTIONS(.name = "clock", .on_start = on_start,
                                                      .on_stop = on_stop, .arg = &worker)));
    for (int i = 0; i < 3; i++)
        expect_ok(leat_service_spawn(&worker.service, "tick", tick, &worker));
    expect(!leat_service_stopping(&worker.service));
    while (atomic_load(&worker.rounds) < 5)
        expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_service_stop(&worker.service, LEAT_MINUTE));
    expect(leat_service_stopping(&worker.service));
    expect_eq(worker.stopped, 4); /* after all three */
    expect_err(leat_service_spawn(&worker.service, "late", tick, &worker), -ESHUTDOWN);
    expect_ok(leat_service_stop(&worker.service, 0));
    expect_eq(worker.stopped, 4);
}

LEAT_TEST_TASK(service, a_task_that_does_not_hear_is_cancelled_after_the_grace)
{
    struct worker worker = { 0 };
    leat_time began;

    assert_ok(leat_service_start(&worker.service, NULL));
    expect_ok(leat_service_spawn(&worker.service, "deaf", stay, &worker));
    began = leat_now();
    expect_ok(leat_service_stop(&worker.service, 2 * LEAT_MSEC));
    expect_ge(leat_now() - began, 2 * LEAT_MSEC);
    expect_eq(atomic_load(&worker.ended), 1);
}

LEAT_TEST_TASK(service, a_failing_task_ends_no_other_and_is_what_stop_returns)
{
    struct worker worker = { .pause = LEAT_HOUR };

    assert_ok(leat_service_start(&worker.service, NULL));
    expect_ok(leat_service_spawn(&worker.service, "tick", tick, &worker));
    expect_ok(leat_service_spawn(&worker.service, "broken", fail, NULL));
    expect_ok(leat_sleep(LEAT_MSEC));
    expect_eq(atomic_load(&worker.ended), 0);
    expect_err(leat_service_stop(&worker.service, LEAT_MINUTE), -EIO);
    expect_eq(atomic_load(&worker.ended), 1);
}

LEAT_TEST_TASK(service, whose_start_fails_is_not_running)
{
    struct worker worker = { .started = 1 };

    expect_err(leat_service_start(&worker.service,
                                  LEAT_SERVICE_OPTIONS(.on_start = on_start, .on_stop = on_stop,
                                                       .arg = &worker)), -EALREADY);
    expect_err(leat_service_spawn(&worker.service, "late", tick, &worker), -ESHUTDOWN);
    expect_ok(leat_service_stop(&worker.service, 0));
    expect_eq(worker.stopped, 0);
}

static int start_elsewhere(void *arg)
{
    struct worker *worker = arg;
    int err = leat_service_start(&worker->service, NULL);

    return err ? err : leat_service_spawn(&worker->service, "tick", tick, worker);
}

LEAT_TEST_TASK(service, outlives_the_scope_in_which_it_was_started)
{
    struct worker worker = { .pause = 100 * LEAT_USEC };
    int rounds;
    {
        LEAT_SCOPE(scope);
        leat_spawn(&scope, start_elsewhere, &worker);
        leat_scope_join(&scope);
    }
    rounds = atomic_load(&worker.rounds);
    while (atomic_load(&worker.rounds) <= rounds)
        expect_ok(leat_sleep(LEAT_MSEC));
    expect_ok(leat_service_stop(&worker.service, LEAT_MINUTE));
}

LEAT_TEST_TASK(service, stopped_at_any_moment_has_ended_each_task_it_took)
{
    for (int moment = 0; moment < 20; moment++) {
        struct worker worker = { .pause = 10 * LEAT_USEC };
        int taken = 0;

        assert_ok(leat_service_start(&worker.service, NULL));
        for (int i = 0; i < moment; i++)
            taken += leat_service_spawn(&worker.service, NULL, i % 2 ? tick : stay, &worker) == 0;
        (void)leat_sleep(moment % 5 * 10 * LEAT_USEC);
        expect_ok(leat_service_stop(&worker.service, moment % 2 ? LEAT_USEC : 0));
        expect_eq(atomic_load(&worker.ended), taken);
    }
}

LEAT_TEST(service, needs_a_runtime)
{
    struct leat_service service;

    expect_err(leat_service_start(&service, NULL), -EPERM);
}
