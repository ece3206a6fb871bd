/* SPDX-License-Identifier: MIT */
/* See suspend.h. */
#include "fault/suspend.h"
#include "fault/failing.h"
#include "harness/test.h"
#include "platform/clock.h"
#include "sched/sched.h"
#include "task/held.h"

#include <leat/leat.h>

#include <stdatomic.h>
#include <stdio.h>

enum how { NOTHING, CANCEL_AFTER, CANCEL_BEFORE, DEADLINE, HOWS };

#define DEADLINE_NS (LEAT_MSEC * TEST_SLOWDOWN)
#define POINTS_MAX  5000

struct sweep {
    const char   *name;
    leat_task_fn *body;
    void         *arg;
    void (*check)(void *arg);
    bool          early;
    unsigned      workers;
    long          points;
};

/* One run. */
static struct {
    leat__commit_fn    *wait, *join; /* where the pointers led */
    struct leat__fiber *driver;      /* which is not counted */
    struct leat_scope   victim;
    enum how            how;
    leat_time           deadline;
    long                at;
    atomic_long         seen;
    atomic_int          inside; /* hooks that may touch the victim */
    atomic_bool         struck;
} point;

static bool suspend(leat__commit_fn *commit, struct leat__fiber *fiber, void *arg)
{
    enum how how = NOTHING;
    bool parked;

    if (fiber == point.driver)
        return commit(fiber, arg);
    atomic_fetch_add(&point.inside, 1);
    if (atomic_fetch_add(&point.seen, 1) + 1 == point.at) {
        how = point.how;
        atomic_store(&point.struck, true);
    }
    if (how == CANCEL_BEFORE)
        leat_scope_cancel(&point.victim);
    while (how == DEADLINE && leat__clock_now() < point.deadline)
        cpu_relax();
    parked = commit(fiber, arg); /* from here on the fiber may be anywhere */
    if (how == CANCEL_AFTER)
        leat_scope_cancel(&point.victim);
    atomic_fetch_sub(&point.inside, 1);
    return parked;
}

static bool suspend_wait(struct leat__fiber *fiber, void *arg)
{
    return suspend(point.wait, fiber, arg);
}

static bool suspend_join(struct leat__fiber *fiber, void *arg)
{
    return suspend(point.join, fiber, arg);
}

struct life {
    const struct sweep *sweep;
    struct leat_event   over;
};

static int live(void *arg)
{
    struct life *life = arg;

    (void)life->sweep->body(life->sweep->arg);
    leat_event_set(&life->over);
    return 0;
}

/* Returns whether there was such a point. */
static bool run_once(const struct sweep *sweep, enum how how, long at)
{
    struct life life = { .sweep = sweep };

    point.how = how;
    point.at = at;
    point.driver = leat__fiber_current();
    point.deadline = how == DEADLINE ? leat_after(DEADLINE_NS) : 0;
    atomic_store(&point.seen, 0);
    atomic_store(&point.struck, false);
    expect_ok(leat_scope_open(&point.victim, LEAT_SCOPE_OPTIONS(.deadline = point.deadline)));
    leat_spawn(&point.victim, live, &life);
    expect_ok(leat_event_wait(&life.over));
    while (atomic_load(&point.inside) > 0)
        leat_yield();
    expect_ok(leat_scope_close(&point.victim));
    sweep->check(sweep->arg);
    return atomic_load(&point.struck);
}

static int sweep_all(void *arg)
{
    struct sweep *sweep = arg;

    point.wait = leat__wait_commit;
    point.join = leat__join_commit;
    leat__wait_commit = suspend_wait;
    leat__join_commit = suspend_join;
    for (enum how how = CANCEL_AFTER; how < HOWS && !test_failed(); how++) {
        long at = 1;

        if (how == CANCEL_BEFORE && !sweep->early)
            continue;
        while (at < POINTS_MAX && !test_failed() && run_once(sweep, how, at))
            at++;
        expect_lt(at, POINTS_MAX);
        if (test_failed())
            printf("R9 %s: workers %u, how %d, at suspension %ld\n", sweep->name, sweep->workers,
                   (int)how, at);
        sweep->points += at - 1;
    }
    leat__wait_commit = point.wait;
    leat__join_commit = point.join;
    return 0;
}

void suspend_sweep(const char *name, leat_task_fn *body, void *arg, void (*check)(void *arg),
                   bool early)
{
    struct sweep sweep = { .name = name, .body = body, .arg = arg, .check = check,
                           .early = early };
    size_t rounds = test_rounds(1, 10);
    int fds = test_count_fds();
    long blocks = 0;

    for (size_t i = 0; i <= 2 * rounds && !test_failed(); i++) {
        sweep.workers = 2 - i % 2; /* two first: some is kept for each worker */
        expect_ok(leat_run(sweep_all, &sweep, LEAT_OPTIONS(.workers = sweep.workers)));
        if (i == 0 && failing_possible()) /* what is kept for good is kept now */
            blocks = failing_blocks();
    }
    if (failing_possible())
        expect_lt(failing_blocks() - blocks, (long)rounds + 1);
    expect_eq(test_count_fds(), fds);
    expect_gt(sweep.points, 0);
    printf("R9 scenario=%s points=%ld fail=%d\n", name, sweep.points, test_failed());
}
