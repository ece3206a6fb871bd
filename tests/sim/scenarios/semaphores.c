/* SPDX-License-Identifier: MIT */
/* Semaphores, mutexes and conditions: permits are conserved, whoever is cancelled; never are more
 * inside than there are permits. */
#include "sim/scenarios/scenario.h"

static struct leat_semaphore semaphore;
static uint32_t permits, inside;

static int visits(void *arg)
{
    uint32_t want = 1 + leat_sim_choose(permits);

    (void)arg;
    for (uint32_t i = 0; i < 1 + leat_sim_size() / 10; i++) {
        int err = leat_semaphore_acquire(&semaphore, want);

        if (err)
            return err;
        inside += want;
        leat_sim_expect(inside <= permits);
        if (leat_sim_choose(2))
            err = leat_sleep((leat_time)leat_sim_choose(100) * LEAT_USEC);
        else
            leat_yield();
        inside -= want;
        leat_semaphore_release(&semaphore, want);
        if (err)
            return err;
    }
    return 0;
}

SCENARIO(semaphore)
{
    bool cancels = leat_sim_choose(2), limited = leat_sim_choose(2);
    int err;

    permits = leat_sim_capacity();
    inside = 0;
    leat_semaphore_init(&semaphore, permits);
    {
        leat_time deadline = leat_after((leat_time)(1 + leat_sim_choose(500)) * LEAT_USEC);

        LEAT_SCOPE(scope, .on_error = LEAT_COLLECT, .deadline = limited ? deadline : 0);

        for (uint32_t i = 0; i < 2 + leat_sim_size(); i++)
            (void)leat_spawn(&scope, visits, NULL);
        if (cancels && leat_sleep((leat_time)leat_sim_choose(300) * LEAT_USEC) == 0)
            leat_scope_cancel(&scope);
        err = leat_scope_join(&scope);
    }
    leat_sim_expect(err == 0 || err == -ECANCELED || (limited && err == -ETIMEDOUT));
    leat_sim_expect(inside == 0);
    leat_sim_expect(leat_semaphore_available(&semaphore) == permits);
}

/* ---- who gives up in front lets those behind pass ---- */

/* They were acquired. */
static void hold(uint32_t want)
{
    inside += want;
    leat_sim_expect(inside <= permits);
    dwell();
    inside -= want;
    leat_semaphore_release(&semaphore, want);
}

static int visits_with_patience(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 1 + leat_sim_size() / 10; i++) {
        uint32_t want = leat_sim_choose(2) ? 1 : 1 + leat_sim_choose(permits);
        int err;
        LEAT_LIMIT(draw_limit());

        err = leat_semaphore_acquire(&semaphore, want);
        leat_sim_expect(err == 0 || err == -ETIMEDOUT);
        if (err)
            continue;
        hold(want);
    }
    return 0;
}

/* Holds all but one permit for as long as the others may take. */
static int holds(void *arg)
{
    leat_time day = 24 * LEAT_HOUR, began = leat_now();

    if (permits == 1)
        return 0;
    leat_sim_expect(leat_semaphore_acquire(&semaphore, permits - 1) == 0);
    inside += permits - 1;
    leat_sim_expect(leat_sleep(day) == 0);
    inside -= permits - 1;
    leat_semaphore_release(&semaphore, permits - 1);
    *(leat_time *)arg = began + day;
    return 0;
}

static int passes_by(void *arg)
{
    (void)arg;
    leat_sim_expect(leat_semaphore_acquire(&semaphore, 1) == 0);
    inside++;
    dwell();
    inside--;
    leat_semaphore_release(&semaphore, 1);
    return 0;
}

static int wants_all(void *arg)
{
    int err;
    LEAT_LIMIT((leat_time)leat_sim_choose(2000) * LEAT_USEC);

    (void)arg;
    err = leat_semaphore_acquire(&semaphore, permits);
    leat_sim_expect(err == 0 || err == -ETIMEDOUT);
    if (!err)
        leat_semaphore_release(&semaphore, permits);
    return 0;
}

SCENARIO(semaphore_with_limits)
{
    leat_time end = LEAT_NEVER;

    permits = 1 + leat_sim_capacity();
    inside = 0;
    leat_semaphore_init(&semaphore, permits);
    if (leat_sim_choose(2)) {
        LEAT_SCOPE(scope);

        spawn_many(&scope, 2 + leat_sim_size() / 4, visits_with_patience, NULL);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    } else {
        LEAT_SCOPE(holders);
        LEAT_SCOPE(scope);

        leat_sim_expect(leat_spawn(&holders, holds, &end) == 0);
        leat_sim_expect(leat_sleep(LEAT_MSEC) == 0);
        for (uint32_t i = 0; i < 2 + leat_sim_choose(6); i++)
            leat_sim_expect(leat_spawn(&scope, leat_sim_choose(2) ? wants_all : passes_by, NULL) ==
                            0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
        leat_sim_expect(end == LEAT_NEVER); /* nobody waited for the holder */
        leat_sim_expect(leat_scope_join(&holders) == 0);
    }
    leat_sim_expect(leat_semaphore_available(&semaphore) == permits);
}

/* ---- as one case of several ---- */

static int visits_by_select(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < 1 + leat_sim_size() / 10; i++) {
        uint32_t want = leat_sim_choose(2) ? 1 : 1 + leat_sim_choose(permits);
        leat_time patience = leat_sim_choose(2) ? LONG : draw_limit();
        int index = leat_select(LEAT_ACQUIRE(&semaphore, want), LEAT_AFTER(patience));

        leat_sim_expect(index == 0 || (index == 1 && patience < LONG));
        if (index != 0)
            continue;
        hold(want);
    }
    return 0;
}

SCENARIO(permits_in_selects)
{
    permits = leat_sim_capacity();
    inside = 0;
    leat_semaphore_init(&semaphore, permits);
    {
        LEAT_SCOPE(scope);
        spawn_many(&scope, 2 + leat_sim_size(), visits_by_select, NULL);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(inside == 0);
    leat_sim_expect(leat_semaphore_available(&semaphore) == permits);
}

/* Nobody gives anything back before they have all been there. */
static int wants_two_and_gives_up(void *arg)
{
    leat_time patience = (leat_time)leat_sim_choose(300) * LEAT_USEC;

    (void)arg;
    leat_sim_expect(leat_select(LEAT_ACQUIRE(&semaphore, 2), LEAT_AFTER(patience)) == 1);
    return 0;
}

static int wants_one(void *arg)
{
    (void)arg;
    leat_sim_expect(leat_semaphore_acquire(&semaphore, 1) == 0);
    leat_semaphore_release(&semaphore, 1);
    return 0;
}

SCENARIO(permits_behind_a_select_that_gives_up)
{
    leat_semaphore_init(&semaphore, 2);
    leat_sim_expect(leat_semaphore_acquire(&semaphore, 1) == 0);
    {
        LEAT_SCOPE(scope);
        leat_sim_expect(leat_spawn(&scope, wants_two_and_gives_up, NULL) == 0);
        for (uint32_t i = 0; i < 1 + leat_sim_choose(3); i++)
            leat_sim_expect(leat_spawn(&scope, wants_one, NULL) == 0);
        leat_sim_expect(leat_scope_join(&scope) == 0);
    }
    leat_sim_expect(leat_semaphore_available(&semaphore) == 1);
}

/* ---- a mutex and a condition: a queue of tokens ---- */

static struct {
    struct leat_mutex     mutex;
    struct leat_condition filled;
    uint32_t              tokens, made, taken, makers;
} queue;

static int makes(void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < leat_sim_size(); i++) {
        leat_sim_expect(leat_mutex_lock(&queue.mutex) == 0);
        queue.tokens++;
        queue.made++;
        if (leat_sim_choose(2))
            leat_condition_signal(&queue.filled);
        else
            leat_condition_broadcast(&queue.filled);
        leat_mutex_unlock(&queue.mutex);
    }
    leat_sim_expect(leat_mutex_lock(&queue.mutex) == 0);
    queue.makers--;
    leat_condition_broadcast(&queue.filled);
    leat_mutex_unlock(&queue.mutex);
    return 0;
}

static int takes(void *arg)
{
    (void)arg;
    leat_sim_expect(leat_mutex_lock(&queue.mutex) == 0);
    while (queue.makers > 0 || queue.tokens > 0) {
        if (queue.tokens > 0) {
            queue.tokens--;
            queue.taken++;
        } else {
            leat_sim_expect(leat_condition_wait(&queue.filled, &queue.mutex) == 0);
        }
    }
    leat_mutex_unlock(&queue.mutex);
    return 0;
}

SCENARIO(conditions)
{
    static const struct leat_condition no_condition;
    static const struct leat_mutex no_mutex;

    queue.mutex = no_mutex;
    queue.filled = no_condition;
    queue.tokens = queue.made = queue.taken = 0;
    queue.makers = 1 + leat_sim_choose(3);
    LEAT_SCOPE(scope);
    for (uint32_t i = 0; i < 1 + leat_sim_choose(4); i++)
        leat_sim_expect(leat_spawn(&scope, takes, NULL) == 0);
    spawn_many(&scope, queue.makers, makes, NULL);
    leat_sim_expect(leat_scope_join(&scope) == 0);
    leat_sim_expect(queue.tokens == 0 && queue.taken == queue.made);
}
