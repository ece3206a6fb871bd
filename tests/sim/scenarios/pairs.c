/* SPDX-License-Identifier: MIT */
/* Channels in pairs, where each waits for the other: one sender and one receiver, elements that are
 * waited for until they are dealt with, and plain threads at one end. */
#include "sim/scenarios/scenario.h"

static struct {
    struct leat_chan *there, *back;
    uint32_t          rounds, sum, done;
    bool              threads;
} p;

static bool make(struct leat_chan **ret, struct leat_chan_options options)
{
    options.size = sizeof options;
    return leat_chan_create(ret, sizeof(uint32_t), &options) == 0;
}

static int asks(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= p.rounds; i++) {
        uint32_t answer;

        leat_sim_expect(leat_chan_send(p.there, &i) == 0);
        leat_sim_expect(leat_chan_recv(p.back, &answer) == 0 && answer == 2 * i);
        p.sum += answer;
    }
    leat_chan_close(p.there);
    return 0;
}

static int answers(void *arg)
{
    uint32_t number;
    int err;

    (void)arg;
    while ((err = leat_chan_recv(p.there, &number)) == 0) {
        number *= 2;
        leat_sim_expect(leat_chan_send(p.back, &number) == 0);
    }
    leat_sim_expect(err == -EPIPE);
    return 0;
}

static int on_a_thread(void *arg)
{
    return leat_blocking(answers, arg);
}

SCENARIO(ping_pong)
{
    leat_time deadline = leat_sim_choose(2) ? leat_after(LEAT_HOUR) : 0;
    bool single = leat_sim_choose(2) != 0, thread = leat_sim_choose(2) != 0;

    p.rounds = leat_sim_size();
    p.sum = 0;
    leat_sim_expect(make(&p.there, (struct leat_chan_options){ .capacity = 1 + leat_sim_choose(2),
                                                               .spsc = single }));
    leat_sim_expect(make(&p.back, (struct leat_chan_options){ .capacity = 1 + leat_sim_choose(2),
                                                              .spsc = single }));
    {
        LEAT_SCOPE(scope, .deadline = deadline);

        leat_sim_expect(leat_spawn(&scope, asks, NULL) == 0);
        leat_sim_expect(leat_spawn(&scope, thread ? on_a_thread : answers, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(p.sum == p.rounds * (p.rounds + 1));
    leat_chan_free(p.there);
    leat_chan_free(p.back);
}

/* ---- the same on two workers, which hand each other the tasks ---- */

/* On a worker of its own by then, or nearly so. */
static int on_its_worker(void *fn)
{
    LEAT_SCOPE(scope);

    leat_sim_compute(5 * LEAT_MSEC);
    leat_sim_expect(leat_spawn_opt(&scope, *(leat_task_fn **)fn, NULL,
                                   LEAT_TASK_OPTIONS(.pinned = true)) == 0);
    if (leat_sim_choose(2)) /* beside it a timer, which is seen to */
        leat_sim_expect(leat_sleep((leat_time)leat_sim_choose(200) * LEAT_USEC) == 0);
    return leat_scope_join(&scope);
}

SCENARIO(ping_pong_across)
{
    static leat_task_fn *players[] = { asks, answers };

    p.rounds = 4 * leat_sim_size();
    p.sum = 0;
    leat_sim_expect(make(&p.there, (struct leat_chan_options){ .capacity = 1 }));
    leat_sim_expect(make(&p.back, (struct leat_chan_options){ .capacity = 1 }));
    {
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn(&scope, on_its_worker, &players[0]) == 0);
        leat_sim_expect(leat_spawn(&scope, on_its_worker, &players[1]) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(p.sum == p.rounds * (p.rounds + 1));
    leat_chan_free(p.there);
    leat_chan_free(p.back);
}

/* ---- a stream from one to one, with pauses on both sides ---- */

static int streams(void *arg)
{
    (void)arg;
    for (uint32_t i = 1; i <= p.rounds; i++) {
        leat_sim_expect(leat_chan_send(p.there, &i) == 0);
        if (leat_sim_choose(5) == 0)
            leat_yield();
    }
    leat_chan_close(p.there);
    return 0;
}

static int drains(void *arg)
{
    uint32_t number, last = 0;

    (void)arg;
    while (leat_chan_recv(p.there, &number) == 0) {
        leat_sim_expect(number == last + 1);
        last = number;
        p.done++;
        leat_chan_done(p.there);
        if (leat_sim_choose(5) == 0)
            leat_yield();
    }
    leat_sim_expect(last == p.rounds);
    return 0;
}

SCENARIO(streams_of_one)
{
    p.rounds = 3 * leat_sim_size();
    p.done = 0;
    leat_sim_expect(make(&p.there, (struct leat_chan_options){ .capacity = leat_sim_capacity(),
                                                               .spsc = leat_sim_choose(2) }));
    {
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn(&scope, drains, NULL) == 0);
        leat_sim_expect(leat_spawn(&scope, streams, NULL) == 0);
        if (leat_sim_choose(2)) {
            leat_sim_expect(leat_sleep(LEAT_SEC) == 0);
            leat_sim_expect(leat_chan_join(p.there) == 0);
            leat_sim_expect(p.done == p.rounds);
        }
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_chan_free(p.there);
}

/* ---- work that is given out, and waited for ---- */

static int works(void *arg)
{
    uint32_t number;

    (void)arg;
    while (leat_chan_recv(p.there, &number) == 0) {
        if (leat_sim_choose(3) == 0)
            leat_sim_expect(leat_sleep((leat_time)leat_sim_choose(20) * LEAT_USEC) == 0);
        p.done++;
        leat_chan_done(p.there);
    }
    return 0;
}

SCENARIO(work_that_is_done)
{
    p.done = 0;
    leat_sim_expect(make(&p.there, (struct leat_chan_options){ .capacity = leat_sim_capacity() }));
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < 1 + leat_sim_choose(4); i++)
            leat_sim_expect(leat_spawn(&scope, works, NULL) == 0);
        for (uint32_t i = 1; i <= leat_sim_size(); i++)
            leat_sim_expect(leat_chan_send(p.there, &i) == 0);
        leat_sim_expect(leat_chan_join(p.there) == 0);
        leat_sim_expect(p.done == leat_sim_size());
        leat_chan_close(p.there);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_chan_free(p.there);
}

/* ---- a close, while others send into a channel that nobody reads ---- */

static int sends_till_closed(void *arg)
{
    uint32_t number = 0;
    int err;

    (void)arg;
    while ((err = leat_chan_send(p.there, &number)) == 0)
        p.done++;
    leat_sim_expect(err == -EPIPE);
    return 0;
}

SCENARIO(closing)
{
    uint32_t capacity = leat_sim_choose(3);

    p.done = 0;
    leat_sim_expect(make(&p.there, (struct leat_chan_options){ .capacity = capacity }));
    {
        LEAT_SCOPE(scope);

        for (uint32_t i = 0; i < 1 + leat_sim_choose(6); i++)
            leat_sim_expect(leat_spawn(&scope, sends_till_closed, NULL) == 0);
        leat_sim_expect(leat_sleep((leat_time)leat_sim_choose(50) * LEAT_USEC) == 0);
        leat_chan_close(p.there);
        leat_sim_expect(leat_scope_join(&scope) == 0 && p.done <= capacity);
    }
    leat_chan_free(p.there);
}
