/* SPDX-License-Identifier: MIT */
/* The slow sides of fork and join: requests of thieves, full deques, stolen jobs; and thieves.
 *
 *        owner                          the job                        thief
 *     fork                          private
 *     publish, when asked           public, state 0
 *                                   stolen                          compare-and-swap on the word
 *                                   TAKEN by lane t                 leat__lane_run
 *     join: help t, then sleep      TAKEN, AWAITED
 *                                   DONE                            wakes the owner if AWAITED
 *
 * A join on a stolen job helps its thief with what that job has forked, and with nothing else
 * (leapfrogging: Wagner and Calder, 1993), so that a lock held over a join never meets an unrelated
 * job; then it sleeps, and the pool may put another thread in its place. Running any job there is,
 * as most pools do, was rejected for that, and because it can bury the awaited result under a long
 * computation.
 *
 * INVARIANTS (split.h has those of the deque)
 *   I1  A job is touched by its thief until the exchange to DONE, by its owner after it; nobody
 *       touches it after that but to wake on its address.
 *   I2  A job's root was set before it was published, and lives until the job was joined.
 *
 * ORDERING
 *   O1  The exchange to DONE releases what the job did; the owner acquires it in ended().
 *   O2  An owner marks the job AWAITED by a read-modify-write, so either it sees DONE or the
 *       exchange to DONE sees the mark. */
#include "base/check.h"
#include "compute/lane.h"
#include "platform/clock.h"
#include "platform/futex.h"

/* How long a join that finds nothing to help with stays awake. */
#ifndef LEAT__JOIN_SPIN_NS
#define LEAT__JOIN_SPIN_NS (10 * LEAT_USEC)
#endif
/* Looks between two of the clock. The model checker has one. */
#ifndef LEAT__LOOKS
#define LEAT__LOOKS 16
#endif

void leat__lane_init_serial(struct leat__lane *lane)
{
    *lane = (struct leat__lane){ .pool = NULL };
    leat__split_init(&lane->split, lane->none + 1);
    store_relaxed(leat__split_high(&lane->split), 0); /* relaxed, both: nobody else's */
    store_relaxed(leat__split_low(&lane->split), UINTPTR_MAX);
}

void leat__lane_check(const struct leat__lane *lane, struct leat__mark mark)
{
    leat__check(lane->split.ctx.leat__head == mark.head && lane->split.over == mark.over,
                "a function has returned before it joined a job that it forked: join them all, "
                "the last forked first");
}

/* ---- owner ---- */

/* Make `count` jobs public. Each learns in whose name it runs. */
static void publish(struct leat__lane *lane, uint32_t count)
{
    struct leat__split *split = &lane->split;

    for (uint32_t i = split->owner_split; i < split->owner_split + count; i++) {
        struct leat_job *job = split->slots[i];
        struct leat__root *root = lane->root;

        while (root->outer && split->slots + i < root->base)
            root = root->outer;
        job->leat__root = root;
        store_relaxed(leat__job_state(job), 0); /* relaxed: published with the word */
    }
    leat__split_publish(split, count);
}

/* Answer a request, when there is something to give: half of what is private, the oldest. */
static void answer(struct leat__lane *lane)
{
    struct leat__split *split = &lane->split;
    uint32_t count = leat__split_head(split) - split->owner_split;

    if (!lane->pool || !leat__split_asked(split) || count == 0)
        return;
    publish(lane, (count + 1) / 2);
    leat__split_settle(split);
    leat__compute_published(lane->pool, lane);
}

/* There is no room for the job. */
static inline void run_at_once(struct leat__split *split, struct leat_job *job)
{
    split->over++;
    store_relaxed(leat__split_low(split), UINTPTR_MAX); /* relaxed: our own next join reads it */
    job->leat__fn(&split->ctx, job);
}

/* Somebody has asked, or there is no pool where anybody could. */
static __attribute__((noinline)) void fork_asked(struct leat__lane *lane, struct leat_job *job)
{
    struct leat__split *split = &lane->split;
    bool room = lane->pool && leat__split_head(split) < LEAT__SPLIT_SLOTS;

    if (room)
        *split->ctx.leat__head++ = job;
    answer(lane);
    if (!room)
        run_at_once(split, job);
}

void leat__fork_slow(struct leat_ctx *ctx, struct leat_job *job)
{
    struct leat__lane *lane = leat__lane_of(ctx);

    if (leat__split_asked(&lane->split))
        fork_asked(lane, job);
    else
        run_at_once(&lane->split, job);
}

static bool ended(struct leat_job *job, uint32_t *state)
{
    *state = load_acquire(leat__job_state(job)); /* O1: pairs with the exchange in end */
    return *state & LEAT__JOB_DONE;
}

/* Run something that the job, which its thief runs, has forked. False: there was nothing. */
static bool help(struct leat__lane *lane, struct leat_job *job, uint32_t state)
{
    struct leat__split *split;
    struct leat_job *descendant;
    uint64_t word;

    if (!(state & LEAT__JOB_TAKEN))
        return false;
    split = &leat__compute_lane(lane->pool, state >> LEAT__JOB_LANE_SHIFT)->split;
    word = load_acquire(&split->word); /* split.h, O3: pairs with publish's release */
    if (!leat__split_has_public(word)) {
        leat__split_ask(split);
        return false;
    }
    if (ended(job, &state))
        return false;
    descendant = leat__split_steal_at(split, word);
    if (!descendant)
        return false;
    leat__lane_run(lane, descendant);
    return true;
}

static void sleep_over(struct leat_job *job)
{
    /* O2; acquire: O1, end's exchange */
    uint32_t state = fetch_or_acquire(leat__job_state(job), LEAT__JOB_AWAITED);

    while (!(state & LEAT__JOB_DONE)) {
        leat__futex_wait(leat__job_state(job), state | LEAT__JOB_AWAITED, LEAT_NEVER);
        ended(job, &state);
    }
}

void leat__job_await(struct leat_job *job)
{
    leat_time end = leat__clock_now() + LEAT__JOIN_SPIN_NS;
    uint32_t state;

    do {
        for (int i = 0; i < LEAT__LOOKS; i++) {
            if (ended(job, &state))
                return;
            cpu_relax();
        }
    } while (leat__clock_now() < end);
    sleep_over(job);
}

/* Wait for the end of the newest stolen job. */
static void await(struct leat__lane *lane, struct leat_job *job)
{
    leat_time begin = leat__clock_now();
    uint32_t state;

    do {
        for (int i = 0; i < LEAT__LOOKS; i++) {
            if (ended(job, &state))
                return;
            if (help(lane, job, state))
                begin = leat__clock_now();
            else
                cpu_relax();
        }
    } while (leat__clock_now() - begin < LEAT__JOIN_SPIN_NS);
    leat__compute_vacate(lane);
    sleep_over(job);
    leat__compute_occupy(lane);
}

/* Take public jobs back. A request stands until somebody has taken what it brought: where nothing
 * stays public the next fork publishes again, or a thread that has asked would look on while its
 * owner computes next to a job that nobody can see. False: all were stolen. */
static bool reclaim(struct leat__lane *lane)
{
    struct leat__split *split = &lane->split;

    if (!leat__split_reclaim(split))
        return false;
    /* relaxed: the owner's own, but for thieves' steps, after which less is public */
    if (!leat__split_has_public(load_relaxed(&split->word)) && leat__compute_sought(lane->pool))
        store_relaxed(leat__split_high(split), 0); /* relaxed: split.h, O4 */
    return true;
}

/* The newest job is one that may be public, or somebody has asked. */
static __attribute__((noinline)) void join_asked(struct leat_ctx *ctx, struct leat_job *job,
                                                 leat_job_fn *fn)
{
    struct leat__lane *lane = leat__lane_of(ctx);
    struct leat__split *split = &lane->split;
    uint32_t newest;

    leat__check(ctx->leat__head > split->slots && ctx->leat__head[-1] == job,
                "join jobs in the reverse order of their forks, with the context they had");
    newest = leat__split_head(split) - 1;
    if (newest < split->owner_split && !reclaim(lane)) {
        await(lane, job);
        leat__split_joined(split);
        leat__split_settle_low(split);
        return;
    }
    ctx->leat__head--;
    answer(lane);
    leat__split_settle_low(split);
    fn(ctx, job);
}

void leat__join_slow(struct leat_ctx *ctx, struct leat_job *job, leat_job_fn *fn)
{
    struct leat__lane *lane = leat__lane_of(ctx);
    struct leat__split *split = &lane->split;

    if (split->over == 0) {
        join_asked(ctx, job, fn);
        return;
    }
    /* Its fork has run it. */
    if (--split->over == 0 && lane->pool)
        leat__split_settle_low(split);
}

/* ---- thief ---- */

static uint32_t pick(struct leat__lane *lane, uint32_t count)
{
    uint64_t x = lane->dice;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    lane->dice = x;
    return (uint32_t)((x >> 32) * count >> 32);
}

struct leat_job *leat__lane_steal(struct leat__lane *lane)
{
    uint32_t count = leat__compute_lanes(lane->pool);
    uint32_t first = pick(lane, count);

    for (uint32_t i = 0; i < count; i++) {
        struct leat__lane *victim = leat__compute_lane(lane->pool, (first + i) % count);
        struct leat_job *job;
        uint64_t word;

        if (victim == lane)
            continue;
        word = load_relaxed(&victim->split.word); /* relaxed: the compare-and-swap acquires */
        if (!leat__split_has_public(word))
            leat__split_ask(&victim->split);
        else if ((job = leat__split_steal_at(&victim->split, word)) != NULL)
            return job;
    }
    return NULL;
}

/* The job is over. */
static void end(struct leat_job *job)
{
    /* release: O1, to ended; O2. acquire: none needed, a mark carries nothing */
    if (exchange_release(leat__job_state(job), LEAT__JOB_DONE) & LEAT__JOB_AWAITED)
        leat__futex_wake(leat__job_state(job), 1);
}

void leat__lane_run(struct leat__lane *lane, struct leat_job *job)
{
    struct leat__mark mark = leat__lane_mark(lane);
    struct leat__borrowed borrowed;

    /* relaxed: a lane's number carries nothing */
    fetch_or_relaxed(leat__job_state(job), LEAT__JOB_TAKEN | lane->index << LEAT__JOB_LANE_SHIFT);
    leat__root_borrow(&borrowed, lane, job->leat__root);
    job->leat__fn(&lane->split.ctx, job);
    leat__lane_check(lane, mark);
    leat__root_return(&borrowed, lane);
    leat__split_turn(&lane->split);
    end(job);
}
