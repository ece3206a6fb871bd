/* SPDX-License-Identifier: MIT */
/* Broadcasts and watches in which nobody has a limit: who waits is woken by whoever ends the reason
 * to wait, be it a receiver that reads on, one that leaves, a sender, or a close. Many short
 * rounds, for each of these is a moment of a few instructions. */
#include "sim/scenarios/scenario.h"

#define SUBSCRIBERS_MAX 3

static struct leat_broadcast *broadcast;
static struct leat_watch *watch;
static struct leat_subscriber subscribers[SUBSCRIBERS_MAX];
static uint32_t each, to_read[SUBSCRIBERS_MAX];

static int sends(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < each; i++) {
        if (leat_sim_choose(4) == 0)
            hesitate();
        leat_sim_expect(leat_broadcast_send(broadcast, &i) == 0);
    }
    return 0;
}

static int reads_and_leaves(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg, number;
    uint64_t missed;

    for (uint32_t i = 0; i < to_read[me]; i++) {
        if (leat_sim_choose(4) == 0)
            hesitate();
        leat_sim_expect(leat_broadcast_recv(&subscribers[me], &number, &missed) == 0);
        leat_sim_expect(missed == 0);
    }
    if (leat_sim_choose(2))
        hesitate();
    leat_unsubscribe(&subscribers[me]);
    return 0;
}

SCENARIO(all_are_waited_for)
{
    for (uint32_t round = rounds_of_this_seed(); round > 0; round--) {
        uint32_t senders = 1 + leat_sim_choose(3), readers = 1 + leat_sim_choose(SUBSCRIBERS_MAX);
        bool leave = leat_sim_choose(2);

        each = 1 + leat_sim_choose(4);
        leat_sim_expect(leat_broadcast_create(&broadcast, sizeof(uint32_t), 1 + leat_sim_choose(2),
                                              LEAT_SLOW_WAITS) == 0);
        {
            LEAT_SCOPE(scope);

            for (uintptr_t i = 0; i < readers; i++) {
                to_read[i] = leave ? leat_sim_choose(senders * each) : senders * each;
                leat_subscribe(&subscribers[i], broadcast);
                leat_sim_expect(leat_spawn(&scope, reads_and_leaves, (void *)i) == 0);
            }
            spawn_many(&scope, senders, sends, NULL);
            leat_sim_expect(leat_scope_join(&scope) == 0);
        }
        leat_broadcast_destroy(broadcast);
    }
}

/* ---- a close ends the wait of senders and of receivers ---- */

static int sends_until_closed(void *arg)
{
    uint32_t number = 1;
    int err = 0;

    (void)arg;
    while (!err)
        err = leat_broadcast_send(broadcast, &number);
    leat_sim_expect(err == -EPIPE);
    return 0;
}

SCENARIO(closes_on_broadcasts)
{
    for (uint32_t round = rounds_of_this_seed(); round > 0; round--) {
        uint32_t senders = leat_sim_choose(3), number;
        uint64_t missed;
        int err = 0;

        leat_sim_expect(leat_broadcast_create(&broadcast, sizeof number, 1 + leat_sim_choose(2),
                                              LEAT_SLOW_WAITS) == 0);
        leat_subscribe(&subscribers[0], broadcast);
        {
            LEAT_SCOPE(scope);

            spawn_many(&scope, senders, sends_until_closed, NULL);
            hesitate();
            if (leat_sim_choose(2))
                dwell();
            leat_broadcast_close(broadcast);
            leat_sim_expect(leat_scope_join(&scope) == 0);
        }
        while (!err)
            err = leat_broadcast_recv(&subscribers[0], &number, &missed);
        leat_sim_expect(err == -EPIPE);
        leat_unsubscribe(&subscribers[0]);
        leat_broadcast_destroy(broadcast);
    }
}

/* ---- each value that is set wakes all who have seen the one before ---- */

static int sees_the_last(void *arg)
{
    uint64_t version = 0;
    uint32_t number = 0, last = (uint32_t)(uintptr_t)arg;

    while (number != last) {
        if (leat_sim_choose(4) == 0)
            hesitate();
        leat_sim_expect(leat_watch_next(watch, &version, &number) == 0);
    }
    return 0;
}

SCENARIO(watches_for_values)
{
    for (uint32_t round = rounds_of_this_seed(); round > 0; round--) {
        uint32_t last = 1 + leat_sim_choose(3), number = 0;

        leat_sim_expect(leat_watch_create(&watch, sizeof number, &number) == 0);
        {
            LEAT_SCOPE(scope);

            spawn_many(&scope, 1 + leat_sim_choose(3), sees_the_last, (void *)(uintptr_t)last);
            for (number = 1; number <= last; number++) {
                hesitate();
                leat_sim_expect(leat_watch_set(watch, &number) == 0);
            }
            leat_sim_expect(leat_scope_join(&scope) == 0);
        }
        leat_watch_destroy(watch);
    }
}
