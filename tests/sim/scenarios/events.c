/* SPDX-License-Identifier: MIT */
/* Events, barriers, wait groups and token buckets: everybody who is to pass does, nobody before it
 * is time, and what woke a waiter does not touch what that one takes back. */
#include "sim/scenarios/scenario.h"

#define BOXES 16

/* One sets, one waits in memory of its own, which is then something else. */
static struct box {
    struct leat_event     event;
    struct leat_semaphore semaphore;
    struct leat_waitgroup group;
    uint32_t              kind;
} boxes[BOXES];

static int gives(void *arg)
{
    struct box *box = arg;
    uint32_t kind = box->kind;

    dwell();
    if (kind == 0)
        leat_event_set(&box->event);
    else if (kind == 1)
        leat_semaphore_release(&box->semaphore, 1);
    else
        leat_waitgroup_done(&box->group);
    return 0;
}

static int awaits(void *arg)
{
    struct box *box = arg;
    int err;

    do {
        LEAT_LIMIT(draw_limit());
        if (box->kind == 0)
            err = leat_event_wait(&box->event);
        else if (box->kind == 1)
            err = leat_semaphore_acquire(&box->semaphore, 1);
        else
            err = leat_waitgroup_wait(&box->group);
        leat_sim_expect(err == 0 || err == -ETIMEDOUT);
    } while (err);
    bury(box, sizeof *box);
    return 0;
}

SCENARIO(wakers_let_go)
{
    memset(boxes, 0, sizeof boxes);
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < BOXES; i++) {
            bool first = leat_sim_choose(2);

            boxes[i].kind = leat_sim_choose(3);
            leat_waitgroup_add(&boxes[i].group, 1);
            leat_sim_expect(leat_spawn(&scope, first ? gives : awaits, &boxes[i]) == 0);
            leat_sim_expect(leat_spawn(&scope, first ? awaits : gives, &boxes[i]) == 0);
        }
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(is_at_rest(boxes, sizeof boxes));
}

/* ---- an event that is set and cleared ---- */

static struct leat_event event;
static uint32_t passed;

static int passes(void *arg)
{
    int err;

    (void)arg;
    do {
        LEAT_LIMIT(draw_limit());
        err = leat_event_wait(&event);
    } while (err);
    passed++;
    return 0;
}

SCENARIO(events)
{
    uint32_t count = 1 + leat_sim_size() / 4;

    memset(&event, 0, sizeof event);
    passed = 0;
    LEAT_SCOPE(scope);
    for (uint32_t i = 0; i < count; i++) {
        leat_sim_expect(leat_spawn(&scope, passes, NULL) == 0);
        if (leat_sim_choose(8) == 0) {
            leat_event_set(&event);
            dwell();
            leat_event_clear(&event);
        }
    }
    dwell();
    leat_event_set(&event);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(passed == count);
}

/* ---- a barrier at which some give up and come back ---- */

static struct leat_barrier barrier;
static uint32_t parties, rounds, leaders;

static int arrives(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < rounds;) {
        LEAT_LIMIT(draw_limit());
        int got = leat_barrier_wait(&barrier);

        leat_sim_expect(got == 0 || got == 1 || got == -ETIMEDOUT);
        if (got == 1)
            leaders++;
        if (got >= 0) {
            i++;
            passed++;
            /* nobody is a whole round ahead of anybody else */
            leat_sim_expect(passed < (leaders + 1) * parties);
            leat_sim_expect(passed + parties > leaders * parties);
        }
        dwell();
    }
    return 0;
}

SCENARIO(barriers)
{
    parties = 1 + leat_sim_choose(6);
    rounds = 1 + leat_sim_size() / 8;
    passed = leaders = 0;
    leat_barrier_init(&barrier, parties);
    LEAT_SCOPE(scope);
    spawn_many(&scope, parties, arrives, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(leaders == rounds && passed == rounds * parties);
}

/* ---- a token bucket: never more than it fills, and those who give up hold up nobody ---- */

#define PER LEAT_MSEC

static struct leat_bucket bucket;
static uint32_t burst, taken;
static leat_time began;

static int takes(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t tokens = 1 + leat_sim_choose(burst);
        LEAT_LIMIT(draw_limit());
        int err = leat_sim_choose(4) ? leat_bucket_acquire(&bucket, tokens)
                                     : leat_bucket_try_acquire(&bucket, tokens);

        leat_sim_expect(err == 0 || err == -ETIMEDOUT || err == -EAGAIN);
        if (!err)
            taken += tokens;
        leat_sim_expect(taken <= burst + (uint64_t)(leat_now() - began) / PER);
    }
    return 0;
}

SCENARIO(buckets)
{
    leat_time end;

    burst = 1 + leat_sim_choose(4);
    rounds = 1 + leat_sim_size() / 20;
    taken = 0;
    leat_bucket_init(&bucket, 1, PER, burst);
    began = leat_now();
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < 2 + leat_sim_choose(4); i++)
            leat_sim_expect(leat_spawn(&scope, takes, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    end = leat_now();
    /* it was never idle while somebody waited: all that was taken came at its rate */
    leat_sim_expect(end - began <= (leat_time)(taken + 6 * burst) * PER + 50 * LEAT_MSEC);
}
