/* SPDX-License-Identifier: MIT */
/* Cancel storms: tasks that begin waits which nothing but their end would end, for hours, while they
 * are cancelled, one by one or all at once, or run out of time. All have ended soon after, in the
 * words that say why; tasks that are shielded end when their shield does. */
#include "sim/scenarios/scenario.h"

#include <string.h>

static struct {
    struct leat_chan     *empty, *full;
    struct leat_semaphore none;
    struct leat_event     never;
    uint32_t              ended, started;
    bool                  by_time;
} storm;

static int waits_on_a_thread(void *arg)
{
    (void)arg;
    return leat_event_wait(&storm.never);
}

static int waits_long(void *arg)
{
    uint32_t number = 0;
    int err;

    (void)arg;
    switch (leat_sim_choose(6)) {
    case 0:
        err = leat_sleep(1000 * LEAT_HOUR);
        break;
    case 1:
        err = leat_chan_recv(storm.empty, &number);
        break;
    case 2:
        err = leat_chan_send(storm.full, &number);
        break;
    case 3:
        err = leat_semaphore_acquire(&storm.none, 1);
        break;
    case 4: {
        struct leat_case cases[2] = { leat_case_recv(storm.empty, &number),
                                      leat_case_send(storm.full, &number) };

        err = leat_select_cases(cases, 2);
        break;
    }
    default:
        err = leat_blocking(waits_on_a_thread, NULL);
        break;
    }
    leat_sim_expect(err == -ECANCELED || (storm.by_time && err == -ETIMEDOUT));
    return err;
}

static int weathers(void *arg)
{
    bool shielded = leat_sim_choose(4) == 0;
    leat_time until = leat_after(10 * LEAT_MSEC);
    int err;

    if (shielded) {
        leat_shield();
        leat_sim_expect(leat_sleep_until(until) == 0 && leat_now() >= until);
        leat_unshield();
    }
    err = waits_long(arg);
    storm.ended++;
    return err;
}

SCENARIO(storm)
{
    static const struct leat_event never;
    struct leat_chan_options options = { .size = sizeof options, .capacity = 1 };
    struct leat_task tasks[24];
    uint32_t count = 1 + leat_sim_size() % 24, how = leat_sim_choose(3), number = 7;
    leat_time begin = leat_now(), soon = begin + (leat_time)(1 + leat_sim_choose(200)) * LEAT_USEC;

    storm.never = never;
    storm.ended = storm.started = 0;
    storm.by_time = how == 0;
    leat_semaphore_init(&storm.none, 0);
    leat_sim_expect(leat_chan_create(&storm.empty, sizeof number, &options) == 0);
    leat_sim_expect(leat_chan_create(&storm.full, sizeof number, &options) == 0);
    leat_sim_expect(leat_chan_send(storm.full, &number) == 0);
    {
        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT, .deadline = storm.by_time ? soon : 0);

        for (uint32_t i = 0; i < count; i++)
            storm.started +=
                leat_spawn_handle(&scope, &tasks[i], weathers, NULL, NULL) == 0;
        if (how == 1) {
            (void)leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
            leat_scope_cancel(&scope);
        }
        for (uint32_t i = 0; how == 2 && i < storm.started; i++) {
            leat_sim_expect(leat_task_cancel(tasks[i]) == 0);
            if (leat_sim_choose(3) == 0)
                leat_yield();
        }
        (void)leat_scope_join(&scope);
    }
    leat_sim_expect(storm.ended == storm.started);
    leat_sim_expect(leat_now() - begin < LEAT_MINUTE);
    leat_chan_free(storm.empty);
    leat_chan_free(storm.full);
}

/* ---- many timers of one instant, some of which are not waited for ---- */

static uint32_t rung;
static leat_time hour;

static int sleeps_to_the_hour(void *arg)
{
    int err = leat_sleep_until(hour + (leat_time)leat_sim_choose(2) * LEAT_MSEC);

    (void)arg;
    leat_sim_expect(err == -ECANCELED || (err == 0 && leat_now() >= hour));
    leat_sim_expect(leat_now() < hour + LEAT_SEC);
    rung++;
    return err;
}

SCENARIO(alarm_clock)
{
    struct leat_task tasks[300];
    uint32_t count = 3 * leat_sim_size();

    rung = 0;
    hour = leat_after((leat_time)(1 + leat_sim_choose(3000)) * LEAT_MSEC);
    LEAT_SCOPE(scope, .on_error = LEAT_COLLECT);
    for (uint32_t i = 0; i < count; i++)
        leat_sim_expect(
            leat_spawn_handle(&scope, &tasks[i], sleeps_to_the_hour, NULL, NULL) == 0);
    for (uint32_t i = 0; i < count; i += 1 + leat_sim_choose(8))
        leat_sim_expect(leat_task_cancel(tasks[i]) == 0);
    (void)leat_scope_join(&scope);
    leat_sim_expect(rung == count);
}
