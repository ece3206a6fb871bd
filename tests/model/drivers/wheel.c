/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c lockfree/token.c task/wait.c task/waitlist.c task/bound.c
 * model: sources timer/wheel.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__WHEEL_FIRES=1
 *
 * A wheel of which a look fires one timer: what is left over between two looks (in `due`, in a slot
 * that is half spread) is still found by a disarm, and by the next look. */
#define TASKS_WHEEL
#include "tasks.h"

/* The one that goes has another before it in its lane. */
enum { TIMERS = LEAT__WHEEL_LANES + 2, GONE = 0, POISON = 0xa5 };

static struct leat__timer timers[TIMERS];
static int fired[TIMERS];

static void count_fire(void *arg, uint64_t value)
{
    model_check(value == 77);
    fired[(int)(intptr_t)arg]++;
}

static void arm_all(uint64_t tick, uint64_t apart)
{
    tasks_reset(NULL);
    leat__wheel_init(&wheel, 0, count_fire);
    for (int i = 0; i < TIMERS; i++) {
        timers[i] = (struct leat__timer){ .arg = (void *)(intptr_t)i, .value = 77 };
        fired[i] = 0;
        leat__timer_arm(&wheel, &timers[i], (leat_time)(tick + (uint64_t)i * apart) *
                                                LEAT__TICK_NS);
    }
}

/* A worker's looks, until nothing is left that is due at that tick. */
static void fire_by(void *arg)
{
    leat_time now = (leat_time)(intptr_t)arg * LEAT__TICK_NS;
    int looks = 0;

    while (leat__wheel_fire(&wheel, now) <= now)
        model_check(++looks < 64); /* each comes closer */
}

static void disarm_one(void *arg)
{
    (void)arg;
    leat__timer_disarm(&timers[GONE], NULL);
    memset(&timers[GONE], POISON, sizeof timers[GONE]);
}

static void check_all(void)
{
    for (int i = 0; i < TIMERS; i++)
        model_check(i == GONE ? fired[i] <= 1 : fired[i] == 1);
    for (size_t i = 0; i < sizeof timers[GONE]; i++)
        model_check(((const unsigned char *)&timers[GONE])[i] == POISON);
    model_check(wheel.armed == wheel.ended);
    for (int slot = 0; slot <= LEAT__WHEEL_LEVELS * LEAT__WHEEL_SLOTS; slot++)
        for (int lane = 0; lane < LEAT__WHEEL_LANES; lane++)
            model_check(!wheel.slots[slot].lane[lane]);
}

MODEL_DRIVER(wheel_disarm_finds_a_timer_that_a_look_left_due, .preemptions = 2)
{
    arm_all(5, 0);
    model_spawn(fire_by, (void *)(intptr_t)5);
    model_spawn(disarm_one, NULL);
    model_run();
    check_all();
}

MODEL_DRIVER(wheel_disarm_finds_a_timer_of_a_slot_half_spread, .preemptions = 2)
{
    arm_all(192, 2);
    model_spawn(fire_by, (void *)(intptr_t)(192 + 2 * TIMERS));
    model_spawn(disarm_one, NULL);
    model_run();
    check_all();
}
