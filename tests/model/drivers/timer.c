/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c lockfree/token.c task/wait.c task/waitlist.c task/bound.c
 * model: sources timer/wheel.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * The timer wheel against those who wait with a deadline: a timer that fires while it is disarmed
 * elsewhere, memory that is another's once a disarm has returned, a fire that comes too late. */
#include <errno.h>

#define TASKS_WHEEL
#include "tasks.h"

enum { POISON = 0xa5 };

static LEAT_ATOMIC(uint64_t) generation; /* of task 1's wait that an event may end; 0: none */
static int outcomes[3];
static int delivered;
static bool over; /* task 1 waits no more */

static void reset(void)
{
    tasks_reset(NULL);
    leat__wheel_init(&wheel, 0, leat__wait_fire);
    generation = 0;
    delivered = 0;
    over = false;
    memset(outcomes, 0, sizeof outcomes);
}

/* Waits until `deadline` or an event. */
static enum leat__cause wait_until(leat_time deadline)
{
    struct leat__wait wait;
    enum leat__cause cause;

    model_check(leat__wait_begin(&wait, LEAT__WAIT_ABANDONABLE, deadline) == 0);
    store_release(&generation, wait.ticket.generation); /* pairs with post's acquire */
    model_wake(2);
    cause = leat__wait_park(&wait, NULL);
    outcomes[cause]++;
    return cause;
}

/* Ends the wait that it finds, if there is one. */
static void post(void *arg)
{
    struct leat__ticket ticket = { &played[1].waiter, load_acquire(&generation) };

    (void)arg;
    if (leat__claim(ticket, LEAT__CAUSE_EVENT)) {
        delivered++;
        leat__wake(ticket.waiter);
    }
}

/* Posts whenever task 1 has begun a wait. */
static void post_always(void *arg)
{
    while (!over) {
        model_sleep();
        post(arg);
    }
}

/* The look of a worker at its timers, of which others disarm some. */
static void fire_at(void *arg)
{
    (void)leat__wheel_fire(&wheel, (leat_time)(intptr_t)arg * LEAT__TICK_NS);
}

/* The look of another worker: the owner computes, or sleeps with a deadline. */
static void relieve_at(void *arg)
{
    leat__wheel_relieve(&wheel, (leat_time)(intptr_t)arg * LEAT__TICK_NS);
}

static void relieve_twice(void *arg)
{
    relieve_at(arg);
    relieve_at(arg);
}

/* The wait is over: the timer's memory is used for something else. */
static void wait_and_reuse(void *arg)
{
    (void)arg;
    (void)wait_until(3 * LEAT__TICK_NS);
    memset(&seats[1].timer, POISON, sizeof seats[1].timer);
    over = true;
    model_wake(2);
}

static void check_poison(void)
{
    const unsigned char *bytes = (const unsigned char *)&seats[1].timer;

    for (size_t i = 0; i < sizeof seats[1].timer; i++)
        model_check(bytes[i] == POISON);
}

static void check_wheel_is_empty(void)
{
    model_check(wheel.armed == wheel.ended);
    for (int slot = 0; slot <= LEAT__WHEEL_LEVELS * LEAT__WHEEL_SLOTS; slot++)
        for (int lane = 0; lane < LEAT__WHEEL_LANES; lane++)
            model_check(!wheel.slots[slot].lane[lane]);
}

MODEL_DRIVER(timer_fires_against_a_disarm, .preemptions = 3, .weak_preemptions = 1)
{
    reset();
    model_spawn(wait_and_reuse, NULL);
    model_spawn(post_always, NULL);
    model_spawn(relieve_at, (void *)(intptr_t)3);
    model_run();
    model_check(outcomes[LEAT__CAUSE_EVENT] == delivered);
    check_wheel_is_empty();
    check_poison();
}

/* Two timers in a slot, one of which is disarmed while the slot is opened. */
static struct leat__timer beside[2];
static int fired[2];

static void count_fire(void *arg, uint64_t value)
{
    model_check(value == 77);
    (void)load_relaxed(&generation); /* and others run */
    fired[(int)(intptr_t)arg]++;
}

static void disarm_and_reuse(void *arg)
{
    struct leat__timer *timer = arg;

    leat__timer_disarm(timer, NULL);
    memset(timer, POISON, sizeof *timer);
}

static void arm_beside(leat_time first, leat_time second)
{
    leat__wheel_init(&wheel, 0, count_fire);
    for (int i = 0; i < 2; i++) {
        memset(&beside[i], 0, sizeof beside[i]);
        beside[i].arg = (void *)(intptr_t)i;
        beside[i].value = 77;
        fired[i] = 0;
        leat__timer_arm(&wheel, &beside[i], i == 0 ? first : second);
    }
}

static void check_reused(const struct leat__timer *timer)
{
    for (size_t i = 0; i < sizeof *timer; i++)
        model_check(((const unsigned char *)timer)[i] == POISON);
}

MODEL_DRIVER(timer_disarmed_while_its_slot_is_opened, .preemptions = 3)
{
    reset();
    arm_beside(5 * LEAT__TICK_NS, 5 * LEAT__TICK_NS);
    model_spawn(fire_at, (void *)(intptr_t)5);
    model_spawn(disarm_and_reuse, &beside[0]);
    model_spawn(disarm_and_reuse, &beside[1]);
    model_run();
    check_wheel_is_empty();
    check_reused(&beside[0]);
    check_reused(&beside[1]);
    model_check(fired[0] <= 1 && fired[1] <= 1);
}

/* The same where opening a slot spreads one of them to the level below. */
MODEL_DRIVER(timer_disarmed_while_it_is_spread, .preemptions = 3)
{
    reset();
    arm_beside(192 * LEAT__TICK_NS, 198 * LEAT__TICK_NS);
    model_spawn(fire_at, (void *)(intptr_t)194);
    model_spawn(disarm_and_reuse, &beside[1]);
    model_run();
    check_wheel_is_empty();
    check_reused(&beside[1]);
    model_check(fired[0] == 1 && fired[1] == 0);
}

/* The timer of the first wait is armed again for a second one, later: what is left of the first
 * fire does not end it. */
static void wait_twice(void *arg)
{
    (void)arg;
    (void)wait_until(3 * LEAT__TICK_NS);
    model_check(wait_until(100 * LEAT__TICK_NS) == LEAT__CAUSE_EVENT);
    over = true;
    model_wake(2);
}

MODEL_DRIVER(timer_that_fired_late_does_not_end_the_next_wait, .weak_preemptions = 1,
             .stale = 1)
{
    reset();
    model_spawn(wait_twice, NULL);
    model_spawn(post_always, NULL);
    model_spawn(relieve_twice, (void *)(intptr_t)3);
    model_run();
    check_wheel_is_empty();
}

/* The owner arms one and disarms another while a helper looks: both go behind it. */
static void arm_and_disarm(void *arg)
{
    (void)arg;
    leat__timer_arm(&wheel, &beside[1], 9 * LEAT__TICK_NS);
    leat__timer_disarm(&beside[0], &wheel);
    memset(&beside[0], POISON, sizeof beside[0]);
}

MODEL_DRIVER(timer_armed_while_a_helper_looks, .preemptions = 2)
{
    reset();
    arm_beside(3 * LEAT__TICK_NS, 9 * LEAT__TICK_NS);
    leat__timer_disarm(&beside[1], &wheel);
    model_spawn(arm_and_disarm, NULL);
    model_spawn(relieve_at, (void *)(intptr_t)20);
    model_run();
    check_reused(&beside[0]);
    while (leat__wheel_fire(&wheel, 40 * LEAT__TICK_NS) <= 40 * LEAT__TICK_NS)
        ;
    model_check(fired[0] <= 1 && fired[1] == 1);
    check_wheel_is_empty();
}
