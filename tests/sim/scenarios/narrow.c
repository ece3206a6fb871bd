/* SPDX-License-Identifier: MIT */
/* Moments that last for a few instructions: who leaves while it is counted, called or walked over.
 * Each round brings a few tasks to one such moment, and there are many rounds. */
#include "sim/scenarios/scenario.h"

/* ---- two meet at a barrier, and one is cancelled on its way: both pass, or neither ---- */

static struct leat_barrier barrier;
static int passes[2];

static int meets(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    LEAT_LIMIT(me == 0 ? LONG : LEAT_MSEC);

    hesitate();
    passes[me] = leat_barrier_wait(&barrier);
    return 0;
}

SCENARIO(meetings)
{
    for (uint32_t i = rounds_of_this_seed(); i > 0; i--) {
        struct leat_task first;
        LEAT_SCOPE(scope);

        leat_barrier_init(&barrier, 2);
        leat_sim_expect(leat_spawn_handle(&scope, &first, meets, NULL, NULL) == 0);
        leat_sim_expect(leat_spawn(&scope, meets, (void *)1) == 0);
        hesitate();
        if (leat_sim_choose(2))
            leat_yield();
        leat_sim_expect(leat_task_cancel(first) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
        leat_sim_expect((passes[0] >= 0) == (passes[1] >= 0));
        leat_sim_expect(passes[0] >= 0 || passes[0] == -ECANCELED);
    }
}

/* ---- a signal is not lost on one whose time is up: who has none to lose gets it ---- */

static struct {
    struct leat_mutex     mutex;
    struct leat_condition called;
    uint32_t              waiting;
    int                   patient;
} call;

static int waits_a_little(void *arg)
{
    int err;

    (void)arg;
    leat_sim_expect(leat_mutex_lock(&call.mutex) == 0);
    call.waiting++;
    {
        LEAT_LIMIT((leat_time)(1 + leat_sim_choose(100)) * LEAT_USEC);

        err = leat_condition_wait(&call.called, &call.mutex);
    }
    leat_sim_expect(err == 0 || err == -ETIMEDOUT);
    if (err == 0)
        leat_condition_signal(&call.called); /* it was the other's, then */
    leat_mutex_unlock(&call.mutex);
    return 0;
}

static int waits_for_long(void *arg)
{
    LEAT_LIMIT(LEAT_HOUR);

    (void)arg;
    leat_sim_expect(leat_mutex_lock(&call.mutex) == 0);
    call.waiting++;
    call.patient = leat_condition_wait(&call.called, &call.mutex);
    leat_mutex_unlock(&call.mutex);
    return 0;
}

static void wait_for_waiters(uint32_t count)
{
    bool there = false;

    while (!there) {
        leat_sim_expect(leat_mutex_lock(&call.mutex) == 0);
        there = call.waiting == count;
        leat_mutex_unlock(&call.mutex);
        if (!there)
            leat_yield();
    }
}

SCENARIO(signals)
{
    for (uint32_t i = rounds_of_this_seed(); i > 0; i--) {
        uint32_t hasty = 1 + leat_sim_choose(4);
        LEAT_SCOPE(scope);

        memset(&call, 0, sizeof call);
        spawn_many(&scope, hasty, waits_a_little, NULL);
        wait_for_waiters(hasty);
        leat_sim_expect(leat_spawn(&scope, waits_for_long, NULL) == 0);
        wait_for_waiters(hasty + 1);
        (void)leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
        leat_condition_signal(&call.called);
        leat_sim_expect(leat_scope_join(&scope) == 0);
        leat_sim_expect(call.patient == 0);
    }
}

/* ---- a cancel walks over a scope that ends, and whose memory then is another's ---- */

static struct leat_scope boxes[ROUNDS_MAX];

static int sleeps_shortly(void *arg)
{
    (void)arg;
    return leat_sleep((leat_time)leat_sim_choose(50) * LEAT_USEC);
}

static int lives_in_a_box(void *arg)
{
    struct leat_scope *box = arg;
    struct leat_ended ended;
    uint32_t got = 0, spawned = 0, wanted = leat_sim_choose(3);

    leat_sim_expect(leat_scope_open(box, LEAT_SCOPE_OPTIONS(.keep = true)) == 0);
    for (; spawned < wanted; spawned++)
        leat_sim_expect(leat_spawn(box, sleeps_shortly, NULL) == 0);
    leat_shield();
    while (leat_scope_next(box, &ended) == 0)
        got++;
    leat_unshield();
    leat_sim_expect(got == spawned);
    (void)leat_scope_close(box);
    bury(box, sizeof *box);
    return 0;
}

/* As above, but inside of a scope that lies in the box, and without a shield. */
static int enters_a_box(void *arg)
{
    struct leat_scope *box = arg;
    struct leat_ended ended;
    uint32_t got = 0, spawned = 0, wanted = 1 + leat_sim_choose(2);
    int err;

    leat_time deadline = leat_sim_choose(2) ? leat_after(leat_sim_choose(50) * LEAT_USEC) : 0;

    leat_scope_enter(box, LEAT_SCOPE_OPTIONS(.keep = true, .deadline = deadline));
    for (; spawned < wanted; spawned++)
        if (leat_spawn(box, sleeps_shortly, NULL) != 0)
            break;
    hesitate(); /* they sleep by now, and we have not waited yet */
    do {
        err = leat_scope_next(box, &ended);
        got += err == 0;
    } while (err == 0);
    leat_sim_expect(err == -ECANCELED || (err == -ETIMEDOUT && deadline) ||
                    (err == -ENODATA && got == spawned));
    (void)leat_scope_join(box);
    bury(box, sizeof *box);
    return 0;
}

SCENARIO(walks)
{
    uint32_t rounds = rounds_of_this_seed();

    for (uint32_t i = 0; i < rounds; i++) {
        struct leat_task task;
        LEAT_SCOPE(scope);

        leat_task_fn *fn = leat_sim_choose(2) ? lives_in_a_box : enters_a_box;
        bool by_handle = leat_sim_choose(2);

        if (by_handle)
            leat_sim_expect(leat_spawn_handle(&scope, &task, fn, &boxes[i], NULL) == 0);
        else
            leat_sim_expect(leat_spawn(&scope, fn, &boxes[i]) == 0);
        if (leat_sim_choose(2))
            dwell();
        hesitate();
        if (by_handle)
            (void)leat_task_cancel(task);
        else
            leat_scope_cancel(&scope);
        (void)leat_scope_join(&scope);
    }
    leat_sim_expect(is_at_rest(boxes, rounds * sizeof boxes[0]));
}

/* ---- results are handed out while more is spawned, so that records are used again ---- */

#define RESULTS_MAX 200

static struct leat_scope shop;
static uint32_t handed_out[RESULTS_MAX], orders;
static bool closing;

static int takes_an_order(void *arg)
{
    hesitate();
    return (int)(uintptr_t)arg;
}

static int collects(void *arg)
{
    struct leat_ended ended;

    (void)arg;
    for (;;) {
        int err = leat_scope_next(&shop, &ended);

        leat_sim_expect(err == 0 || err == -ENODATA);
        if (err == 0) {
            leat_sim_expect(ended.result == (int)(uintptr_t)ended.arg);
            leat_sim_expect(handed_out[ended.result]++ == 0);
        } else if (closing) {
            return 0;
        } else {
            leat_yield();
        }
    }
}

SCENARIO(orders)
{
    uint32_t collectors = 1 + leat_sim_choose(3);

    memset(handed_out, 0, sizeof handed_out);
    orders = 2 * leat_sim_size();
    closing = false;
    leat_sim_expect(leat_scope_open(&shop, LEAT_SCOPE_OPTIONS(.keep = true)) == 0);
    {
        LEAT_SCOPE(scope);

        spawn_many(&scope, collectors, collects, NULL);
        for (uintptr_t i = 0; i < orders; i++) {
            leat_sim_expect(leat_spawn(&shop, takes_an_order, (void *)i) == 0);
            if (leat_sim_choose(2))
                leat_yield();
        }
        closing = true;
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(leat_scope_close(&shop) == 0);
    for (uint32_t i = 0; i < orders; i++)
        leat_sim_expect(handed_out[i] == 1);
}

/* ---- a cancel from outside ends a scope, and is out of it before its owner goes on ---- */

static bool inside[ROUNDS_MAX];

static int waits_in_a_box(void *arg)
{
    uint32_t which = (uint32_t)(uintptr_t)arg;
    uint32_t children = leat_sim_choose(3);

    leat_scope_enter(&boxes[which], LEAT_SCOPE_OPTIONS(.on_error = LEAT_COLLECT));
    for (uint32_t i = 0; i < children; i++)
        (void)leat_spawn(&boxes[which], sleeps_shortly, NULL);
    inside[which] = true;
    hesitate();
    leat_sim_expect(leat_sleep(LONG) == -ECANCELED);
    (void)leat_scope_join(&boxes[which]);
    bury(&boxes[which], sizeof boxes[which]);
    return 0;
}

SCENARIO(ends_from_outside)
{
    uint32_t rounds = rounds_of_this_seed();

    memset(inside, 0, sizeof inside);
    for (uint32_t i = 0; i < rounds; i++) {
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn(&scope, waits_in_a_box, (void *)(uintptr_t)i) == 0);
        while (!inside[i])
            leat_yield();
        hesitate();
        leat_scope_cancel(&boxes[i]);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(is_at_rest(boxes, rounds * sizeof boxes[0]));
}

/* ---- who waits for room gets it, though the next receive comes only behind its send ---- */

static struct {
    struct leat_chan *chan;
    struct leat_event sent_all;
    uint32_t          capacity, taken; /* so many are received before it is full for good */
} narrow;

static int sends_as_many_too_many(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < narrow.taken + narrow.capacity; i++)
        leat_sim_expect(leat_chan_send(narrow.chan, &i) == 0);
    leat_event_set(&narrow.sent_all);
    return 0;
}

static int makes_room(void *arg)
{
    uint32_t i, got;

    (void)arg;
    hesitate();
    for (i = 0; i < narrow.taken; i++)
        leat_sim_expect(leat_chan_recv(narrow.chan, &got) == 0 && got == i);
    leat_sim_expect(leat_event_wait(&narrow.sent_all) == 0);
    for (; i < narrow.taken + narrow.capacity; i++)
        leat_sim_expect(leat_chan_recv(narrow.chan, &got) == 0 && got == i);
    return 0;
}

SCENARIO(room_for_one)
{
    struct leat_chan_options options = { .size = sizeof options };

    for (uint32_t i = rounds_of_this_seed(); i > 0; i--) {
        options.spsc = leat_sim_choose(4) > 0;
        options.capacity = narrow.capacity = 1 + leat_sim_choose(2);
        leat_sim_expect(leat_chan_create(&narrow.chan, sizeof(uint32_t), &options) == 0);
        narrow.taken = leat_sim_choose(2) ? 1 : 2 + leat_sim_choose(8);
        narrow.sent_all = (struct leat_event){ 0 };
        {
            LEAT_SCOPE(scope);

            leat_sim_expect(leat_spawn(&scope, makes_room, NULL) == 0);
            leat_sim_expect(leat_spawn(&scope, sends_as_many_too_many, NULL) == 0);
            leat_sim_expect(leat_scope_join(&scope) == 0);
        }
        leat_chan_free(narrow.chan);
    }
}

/* ---- who polls often has the channel to itself, and sleeps beside no element on its way ---- */

#define POLLED 4

static int sends_to_one_who_polls(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < POLLED; i++) {
        hesitate();
        leat_sim_expect(leat_chan_send(narrow.chan, &i) == 0);
    }
    return 0;
}

static int sends_from_a_thread(void *arg)
{
    return leat_blocking(sends_to_one_who_polls, arg);
}

static void poll_some_times(bool few)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = POLLED };
    uint32_t got;
    LEAT_SCOPE(scope);

    leat_sim_expect(leat_chan_create(&narrow.chan, sizeof got, &options) == 0);
    leat_sim_expect(leat_spawn(&scope, few ? sends_from_a_thread : sends_to_one_who_polls, NULL) ==
                    0);
    leat_yield();
    for (uint32_t wanted = 0; wanted < POLLED; wanted++) {
        int err = -EAGAIN;

        for (uint32_t tries = few ? 4 + leat_sim_choose(8) : leat_sim_choose(64);
             tries > 0 && err == -EAGAIN; tries--)
            err = leat_chan_try_recv(narrow.chan, &got);
        if (err)
            err = leat_chan_recv(narrow.chan, &got);
        leat_sim_expect(err == 0 && got == wanted);
    }
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_chan_free(narrow.chan);
}

SCENARIO(polls)
{
    for (uint32_t i = rounds_of_this_seed(); i > 0; i--)
        poll_some_times(false);
}

/* About as often as it takes to have it, so that it is the wait that gets it; the sender is a plain
 * thread, which runs beside us from the beginning. */
SCENARIO(polls_before_it_sleeps)
{
    for (uint32_t i = ROUNDS_MAX; i > 0; i--)
        poll_some_times(true);
}
