/* SPDX-License-Identifier: MIT */
/* Everybody gets a turn: no runnable task waits for ever behind others. */
#include "harness/test.h"
#include "sched/worker.h"

#include <leat/leat.h>

#include <errno.h>
#include <string.h>

typedef leat_chan(int) int_chan;

struct pair {
    int_chan there, back;
    bool     stop;
};

static int bounce(void *arg)
{
    struct pair *pair = arg;
    int ball;

    while (leat_recv(&pair->there, &ball) == 0)
        if (leat_send(&pair->back, &ball))
            break;
    return 0;
}

static int play(void *arg)
{
    struct pair *pair = arg;
    int ball = 0, err = 0;

    while (!__atomic_load_n(&pair->stop, __ATOMIC_RELAXED) && !err) {
        err = leat_send(&pair->there, &ball);
        if (!err)
            err = leat_recv(&pair->back, &ball);
    }
    leat_close(&pair->there);
    return err;
}

static int end_game(void *arg)
{
    struct pair *pair = arg;

    for (int i = 0; i < 100; i++)
        leat_yield();
    __atomic_store_n(&pair->stop, true, __ATOMIC_RELAXED);
    return 0;
}

/* The two keep readying each other into the LIFO slot; the third only stands in the queue. */
LEAT_TEST_TASK(turns, two_tasks_that_ready_each_other_do_not_starve_a_third)
{
    struct pair pair = { .stop = false };
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(&pair.there, .capacity = 1));
    assert_ok(leat_chan_open(&pair.back, .capacity = 1));
    leat_spawn(&scope, bounce, &pair);
    leat_spawn(&scope, play, &pair);
    leat_spawn(&scope, end_game, &pair);
    expect_ok(leat_scope_join(&scope));
    leat_chan_destroy(&pair.there);
    leat_chan_destroy(&pair.back);
}

static int stuff(void *arg)
{
    struct pair *pair = arg;
    int ball, err = 0;

    /* Every operation succeeds at once: only the budget makes it let others run. */
    while (!__atomic_load_n(&pair->stop, __ATOMIC_RELAXED) && !err) {
        err = leat_send(&pair->there, &(int){ 1 });
        if (!err)
            err = leat_recv(&pair->there, &ball);
    }
    return err;
}

LEAT_TEST_TASK(turns, a_chain_of_operations_that_never_wait_lets_others_run)
{
    struct pair pair = { .stop = false };
    LEAT_SCOPE(scope);

    assert_ok(leat_chan_open(&pair.there, .capacity = 8));
    leat_spawn(&scope, stuff, &pair);
    leat_spawn(&scope, stuff, &pair);
    leat_spawn(&scope, end_game, &pair);
    expect_ok(leat_scope_join(&scope));
    leat_chan_destroy(&pair.there);
}

LEAT_TEST_TASK(turns, a_task_that_only_yields_lets_timers_fire)
{
    leat_time due = leat_after(3 * LEAT_MSEC);
    struct pair pair = { .stop = false };
    LEAT_SCOPE(scope, .deadline = due);

    while (leat_cancelled() == 0)
        leat_yield();
    expect_ge(leat_now(), due);
    expect_ok(leat_scope_join(&scope));
    (void)pair;
}

static int spin_until(void *arg)
{
    const bool *go = arg;
    leat_time give_up = leat_after(20 * LEAT_SEC);

    while (!__atomic_load_n(go, __ATOMIC_ACQUIRE) && leat_now() < give_up)
        ;
    return __atomic_load_n(go, __ATOMIC_ACQUIRE) ? 0 : -ETIMEDOUT;
}

static int set_go(void *arg)
{
    __atomic_store_n((bool *)arg, true, __ATOMIC_RELEASE);
    return 0;
}

/* With two workers, a task behind one that computes is stolen by the other worker: the first never
 * ends unless the second runs beside it. */
static int two_at_once(void *arg)
{
    bool go = false;
    LEAT_SCOPE(scope);

    (void)arg;
    leat_spawn(&scope, spin_until, &go);
    leat_spawn(&scope, set_go, &go);
    expect_ok(leat_scope_join(&scope));
    return 0;
}

LEAT_TEST(turns, a_task_behind_one_that_computes_is_stolen)
{
    for (int i = 0; i < 20; i++)
        expect_ok(leat_run(two_at_once, NULL, LEAT_OPTIONS(.workers = 2)));
}

static int count_workers(void *arg)
{
    unsigned char *seen = arg;
    leat_time until = leat_after(LEAT_MSEC);

    __atomic_store_n(&seen[leat_worker()], 1, __ATOMIC_RELAXED);
    while (leat_now() < until)
        ;
    return 0;
}

static int spread(void *arg)
{
    LEAT_SCOPE(scope);

    for (int i = 0; i < 200 / TEST_SLOWDOWN; i++)
        leat_spawn(&scope, count_workers, arg);
    return leat_scope_join(&scope);
}

LEAT_TEST(turns, work_spreads_over_all_workers)
{
    unsigned char seen[4] = { 0 };

    expect_ok(leat_run(spread, seen, LEAT_OPTIONS(.workers = 4)));
    for (int i = 0; i < 4; i++)
        expect_eq(seen[i], 1);
}

/* ---- yields on one worker, where they go round in the ring ---- */

enum { ROUND = 5, ROUNDS = 200 };

struct round {
    struct leat_waitgroup gate;
    struct leat_waitgroup asked; /* somebody waits for it until the yields are under way */
    int log[ROUND * ROUNDS];
    int logged;
    int number; /* of the next to begin */
    int late;   /* of those that came in between, how many have had their turn */
};

static int come_late(void *arg)
{
    struct round *round = arg;

    round->late++;
    return 0;
}

static int wait_for_it(void *arg)
{
    struct round *round = arg;

    if (leat_waitgroup_wait(&round->asked))
        return -ECANCELED;
    round->late++;
    return 0;
}

static int go_round(void *arg)
{
    struct round *round = arg;
    int number = round->number++;

    if (leat_waitgroup_wait(&round->gate))
        return -ECANCELED;
    for (int i = 0; i < ROUNDS; i++) {
        round->log[round->logged++] = number;
        leat_yield();
    }
    return 0;
}

static int watch_order(void *arg)
{
    static struct round round;
    LEAT_SCOPE(scope);

    (void)arg;
    round = (struct round){ 0 };
    leat_waitgroup_add(&round.gate, 1);
    for (int i = 0; i < ROUND; i++)
        leat_spawn(&scope, go_round, &round);
    while (round.number < ROUND)
        leat_yield();
    leat_waitgroup_done(&round.gate);
    expect_ok(leat_scope_join(&scope));
    expect_eq(round.logged, ROUND * ROUNDS);
    for (int i = 2 * ROUND; i < round.logged; i++) /* the first comes from the LIFO slot */
        expect_eq(round.log[i], round.log[i - ROUND]);
    return 0;
}

LEAT_TEST(turns, yields_on_one_worker_go_round_in_order)
{
    expect_ok(leat_run(watch_order, NULL, LEAT_OPTIONS(.workers = 1)));
}

static int mix(void *arg)
{
    static struct round round;
    LEAT_SCOPE(scope);

    (void)arg;
    round = (struct round){ 0 };
    leat_waitgroup_add(&round.asked, 1);
    leat_spawn(&scope, wait_for_it, &round);
    for (int i = 0; i < ROUND; i++)
        leat_spawn(&scope, go_round, &round);
    while (round.number < ROUND || round.logged < ROUND * 10)
        leat_yield();
    expect_eq(round.late, 0);
    leat_spawn(&scope, come_late, &round);
    leat_spawn_opt(&scope, come_late, &round, LEAT_TASK_OPTIONS(.priority = LEAT_PRIORITY_HIGH));
    leat_spawn_opt(&scope, come_late, &round, LEAT_TASK_OPTIONS(.pinned = true));
    leat_waitgroup_done(&round.asked);
    for (int i = 0; i < 10; i++)
        leat_yield();
    expect_eq(round.late, 4); /* ready, spawned, of a class, pinned */
    expect_lt(round.logged, ROUND * 40);
    leat_spawn_opt(&scope, come_late, &round, LEAT_TASK_OPTIONS(.priority = LEAT_PRIORITY_LOW));
    expect_ok(leat_scope_join(&scope));
    expect_eq(round.late, 5);
    return 0;
}

LEAT_TEST(turns, what_comes_between_yields_on_one_worker_gets_its_turn_among_them)
{
    expect_ok(leat_run(mix, NULL, LEAT_OPTIONS(.workers = 1)));
}
