/* SPDX-License-Identifier: MIT */
/* Cancel everywhere: it reaches every suspension, and finds what a cancel loses. */
#include "harness/test.h"

#include <leat/leat.h>
#include <leat/testing.h>

#include <errno.h>
#include <string.h>

static struct leat_sim_report report;
static struct leat_semaphore semaphore;
static bool careless;

static int takes_permits(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        int err = leat_semaphore_acquire(&semaphore, 1);

        if (err)
            return err;
        err = leat_sleep(LEAT_MSEC);
        if (err && careless)
            return err; /* with the permit */
        leat_semaphore_release(&semaphore, 1);
        if (err)
            return err;
    }
    return 0;
}

static int crowd(void *arg)
{
    LEAT_SCOPE(scope);
    for (int i = 0; i < 3; i++)
        leat_spawn(&scope, takes_permits, arg);
    return leat_scope_join(&scope);
}

static int all_permits_are_back(void *arg)
{
    (void)arg;
    if (leat_semaphore_try_acquire(&semaphore, 2) != 0)
        return -EBADE;
    leat_semaphore_release(&semaphore, 2);
    return 0;
}

LEAT_TEST(sim_cancel, permits_survive_a_cancel_at_any_suspension)
{
    careless = false;
    leat_semaphore_init(&semaphore, 2);
    expect_ok(leat_sim_cancel_everywhere(crowd, NULL,
                                         LEAT_SIM_OPTIONS(.seeds = 20, .report = &report,
                                                          .check = all_permits_are_back)));
    expect_gt(report.suspensions, 20 * 5);
    expect_gt(report.seeds, 2 * report.suspensions);
}

LEAT_TEST(sim_cancel, a_permit_lost_to_a_cancel_is_found)
{
    careless = true;
    leat_semaphore_init(&semaphore, 2);
    expect_err(leat_sim_cancel_everywhere(crowd, NULL,
                                          LEAT_SIM_OPTIONS(.report = &report,
                                                           .check = all_permits_are_back)),
               -EBADE);
    expect_contains(report.again, "cancel_at=");
    expect_contains(report.text, "it returned");
    expect_contains(report.text, "cancels at 1");
}

static int sleeps(void *arg)
{
    int err = leat_sleep(LEAT_HOUR);

    (void)arg;
    leat_sim_expect(err == 0 || err == -ECANCELED || err == -ETIMEDOUT);
    return err;
}

LEAT_TEST(sim_cancel, one_sleep_is_one_suspension)
{
    expect_ok(leat_sim_cancel_everywhere(sleeps, NULL, LEAT_SIM_OPTIONS(.report = &report)));
    expect_eq(report.suspensions, 1);
    expect_eq(report.seeds, 3);
}

/* A test that registers itself: the harness runs it, with its seeds. */
LEAT_TEST_SIM(sim_registered, a_day_is_no_time, .seeds = 20)
{
    leat_time begin = leat_now();

    leat_sim_expect(leat_sleep(24 * LEAT_HOUR) == 0);
    leat_sim_expect(leat_now() - begin >= 24 * LEAT_HOUR);
    expect_ge(leat_sim_size(), 1);
}
