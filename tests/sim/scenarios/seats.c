/* SPDX-License-Identifier: MIT */
/* Four workers of which each has its part to play in a round, and which the system may hold up at
 * any point: what is queued behind one that computes is run by the one that has nothing to do.
 *
 *     keeps on   computes all the time, so that one of those who sleep stands sentinel
 *     calls      sleeps from the beginning, so that it is that one, until the meeting; then it
 *                queues something, calls `is called`, and computes
 *     is called  awakes for short turns before the meeting, and once it was called it computes: the
 *                call may come while it goes to sleep again
 *     is free    sleeps */
#include "sim/scenarios/scenario.h"

enum { KEEPS_ON, CALLS, IS_CALLED, IS_FREE, SEATS };

#define ROUNDS     3
#define ROUND_NS   (500 * LEAT_MSEC)
#define MEETING_NS (50 * LEAT_MSEC)  /* into a round */
#define HOG_NS     (200 * LEAT_MSEC) /* from then on */
#define LATE_NS    (150 * LEAT_MSEC) /* a dozen times held up at most, and all looks */

static bool taken[SEATS]; /* a seat is a worker */
static uint32_t taken_count, turn_of[ROUNDS], ended;
static leat_time first_round, asked_at, longest;
static struct leat_event calls[ROUNDS];

static int answers(void *arg)
{
    leat_time waited = leat_now() - asked_at;

    (void)arg;
    longest = waited > longest ? waited : longest;
    ended++;
    return 0;
}

static int calls_and_computes(struct leat_event *call, leat_time meeting)
{
    LEAT_SCOPE(scope);

    leat_sim_expect(leat_sleep_until(meeting) == 0);
    asked_at = leat_now();
    leat_sim_expect(leat_spawn(&scope, answers, NULL) == 0);
    leat_event_set(call);
    leat_sim_compute(HOG_NS);
    return leat_scope_join(&scope);
}

static int turns_to_and_fro(void *arg)
{
    leat_time meeting = *(const leat_time *)arg;

    for (leat_time when = meeting - 8 * LEAT_MSEC; when < meeting; when += 2 * LEAT_MSEC)
        leat_sim_expect(leat_sleep_until(when + (leat_time)leat_sim_choose(2000) * LEAT_USEC) == 0);
    return 0;
}

static int is_called(struct leat_event *call, leat_time meeting)
{
    LEAT_SCOPE(scope);

    leat_sim_expect(leat_spawn_opt(&scope, turns_to_and_fro, &meeting,
                                   LEAT_TASK_OPTIONS(.pinned = true)) == 0);
    leat_sim_expect(leat_event_wait(call) == 0);
    leat_sim_compute(HOG_NS);
    return leat_scope_join(&scope);
}

static int sits(void *arg)
{
    uint32_t seat = (uint32_t)(uintptr_t)arg;

    leat_sim_expect(leat_sleep_until(first_round) == 0);
    if (taken_count < SEATS)
        return 0; /* two came to one worker */
    for (uint32_t i = 0; i < ROUNDS; i++) {
        leat_time begin = first_round + i * ROUND_NS, meeting = begin + MEETING_NS;
        uint32_t part = (seat + turn_of[i]) % SEATS;

        leat_sim_expect(leat_sleep_until(begin) == 0);
        if (part == CALLS) {
            leat_sim_expect(calls_and_computes(&calls[i], meeting) == 0);
            continue;
        }
        leat_sim_compute(MEETING_NS / 2); /* until who calls sleeps */
        if (part == KEEPS_ON)
            leat_sim_compute(MEETING_NS / 2 + HOG_NS);
        else if (part == IS_CALLED)
            leat_sim_expect(is_called(&calls[i], meeting) == 0);
    }
    return 0;
}

/* On a worker of its own by now, or nearly so. */
static int takes_a_seat(void *scope)
{
    int worker;

    leat_sim_compute(5 * LEAT_MSEC);
    worker = leat_worker();
    if (taken[worker])
        return 0;
    taken[worker] = true;
    taken_count++;
    return leat_spawn_opt(scope, sits, (void *)(uintptr_t)worker,
                          LEAT_TASK_OPTIONS(.pinned = true));
}

SCENARIO_OF(called_while_it_goes_to_sleep, .seeds = 200,
            .with = "workers=4,strategy=0,interval=1,tick=200,watch=0,stall=1,"
                    "faults_end=10000000000")
{
    LEAT_SCOPE(sitting);
    LEAT_SCOPE(scope);

    memset(taken, 0, sizeof taken);
    memset(calls, 0, sizeof calls);
    taken_count = ended = 0;
    longest = 0;
    first_round = leat_now() + ROUND_NS;
    for (uint32_t i = 0; i < ROUNDS; i++)
        turn_of[i] = leat_sim_choose(SEATS);
    for (uint32_t i = 0; i < SEATS; i++)
        leat_sim_expect(leat_spawn(&scope, takes_a_seat, &sitting) == 0);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(leat_scope_join(&sitting) == 0);
    if (taken_count == SEATS) {
        leat_sim_expect(ended == ROUNDS);
        leat_sim_expect(longest < LATE_NS);
    }
}
