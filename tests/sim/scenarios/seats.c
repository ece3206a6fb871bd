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

static int rounds_of_a_seat(uint32_t seat)
{
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

/* ---- here it is the one that is free who goes to sleep, just as the sentinel is called ----
 *
 *     keeps on   computes, as above
 *     calls      lets `is free` begin, and `is called` come round to stand sentinel beside it; when
 *                the former is about to go to sleep, queues something that it leaves to the
 *                sentinel, calls that one away, and computes
 *     is called  stands sentinel, and once it was called it computes
 *     is free    computes until a moment that `calls` knows */

#define SHORT_ROUNDS  4
#define SHORT_NS      (300 * LEAT_USEC) /* for so long `is free` computes */
#define SHORT_LATE_NS (10 * LEAT_MSEC)  /* two looks of a sentinel, and some */

static leat_time free_at;
static struct leat_event begins[SHORT_ROUNDS], stands[SHORT_ROUNDS], called[SHORT_ROUNDS];

static void call_and_compute(uint32_t round)
{
    LEAT_SCOPE(scope);

    for (uint32_t turn = 0; turn < 12; turn++) /* until its worker knows them for short ones */
        leat_sim_expect(leat_sleep((leat_time)leat_sim_choose(1000) * LEAT_USEC) == 0);
    free_at = leat_after(SHORT_NS);
    leat_event_set(&begins[round]);
    leat_event_set(&stands[round]);
    leat_sim_expect(leat_sleep_until(free_at - SHORT_NS / 3) == 0);
    while (leat_now() < free_at) /* awake, so that both run side by side from there */
        leat_sim_point();
    for (uint32_t i = leat_sim_choose(200); i > 0; i--)
        leat_sim_point();
    asked_at = leat_now();
    leat_sim_expect(leat_spawn(&scope, answers, NULL) == 0);
    leat_event_set(&called[round]);
    while (ended == round && leat_now() < asked_at + HOG_NS)
        leat_sim_compute(LEAT_MSEC);
    leat_sim_expect(leat_scope_join(&scope) == 0);
}

static int short_rounds_of_a_seat(uint32_t part)
{
    for (uint32_t i = 0; i < SHORT_ROUNDS; i++)
        switch (part) {
        case CALLS: call_and_compute(i); break;
        case IS_CALLED:
            leat_sim_expect(leat_event_wait(&stands[i]) == 0);
            leat_sim_expect(leat_event_wait(&called[i]) == 0);
            while (ended == i)
                leat_sim_compute(LEAT_MSEC);
            break;
        case IS_FREE:
            leat_sim_expect(leat_event_wait(&begins[i]) == 0);
            leat_sim_compute(free_at - leat_now());
            break;
        default: /* KEEPS_ON */
            while (ended == i)
                leat_sim_compute(LEAT_MSEC);
        }
    return 0;
}

/* ---- who sits where ---- */

static int (*part_fn)(uint32_t seat);

static int sits(void *arg)
{
    leat_sim_expect(leat_sleep_until(first_round) == 0);
    if (taken_count < SEATS)
        return 0; /* two came to one worker */
    return part_fn((uint32_t)(uintptr_t)arg);
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

static void take_seats(int (*fn)(uint32_t seat))
{
    LEAT_SCOPE(sitting);
    LEAT_SCOPE(scope);

    part_fn = fn;
    memset(taken, 0, sizeof taken);
    taken_count = ended = 0;
    longest = 0;
    first_round = leat_now() + ROUND_NS;
    spawn_many(&scope, SEATS, takes_a_seat, &sitting);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(leat_scope_join(&sitting) == 0);
}

SCENARIO_OF(called_while_it_goes_to_sleep, .seeds = 200,
            .with = "workers=4,strategy=0,interval=1,tick=200,watch=0,stall=1,"
                    "faults_end=10000000000")
{
    memset(calls, 0, sizeof calls);
    for (uint32_t i = 0; i < ROUNDS; i++)
        turn_of[i] = leat_sim_choose(SEATS);
    take_seats(rounds_of_a_seat);
    if (taken_count == SEATS) {
        leat_sim_expect(ended == ROUNDS);
        leat_sim_expect(longest < LATE_NS);
    }
}

SCENARIO_OF(goes_to_sleep_while_the_sentinel_is_called, .seeds = 200,
            .with = "workers=4,strategy=0,interval=100,tick=20,watch=0")
{
    memset(begins, 0, sizeof begins);
    memset(stands, 0, sizeof stands);
    memset(called, 0, sizeof called);
    take_seats(short_rounds_of_a_seat);
    if (taken_count == SEATS) {
        leat_sim_expect(ended == SHORT_ROUNDS);
        leat_sim_expect(longest < SHORT_LATE_NS);
    }
}
