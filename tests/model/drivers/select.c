/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources task/select.c chan/chan.c chan/pass.c chan/choose.c
 * model: sources sync/permits.c sync/semaphore.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RING_SPINS=0 -DLEAT__RING_STRETCH=1
 *
 * Select: exactly one case happens, whoever meets whom, and what is not taken stays. */
#include <errno.h>
#include <leat/chan.h>
#include <leat/sync.h>

#include "base/random.h"
#include "chan/chan.h"
#include "tasks.h"

static struct leat_chan *a, *b;
static struct leat__scope scope;
static struct leat__random generator;
static int sent[2], received[2]; /* on a, on b */
static struct leat_semaphore semaphore;
static int held;

struct leat__random *leat__worker_random(struct leat__worker *worker)
{
    (void)worker;
    return &generator;
}

/* For descriptors, on plain threads: there are none here. */
leat_time leat_after(leat_time delay)
{
    (void)delay;
    return LEAT_NEVER;
}

static void reset(size_t capacity, struct leat__scope *in)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = capacity };

    tasks_reset(in);
    leat__random_init(&generator, 1);
    memset(sent, 0, sizeof sent);
    memset(received, 0, sizeof received);
    model_check(leat_chan_create(&a, sizeof(long), &options) == 0);
    model_check(leat_chan_create(&b, sizeof(long), &options) == 0);
    a->bias.owner = b->bias.owner = LEAT__BIAS_SHARED;
}

static void check_conserved(void)
{
    long element;

    while (leat_chan_try_recv(a, &element) == 0)
        received[0]++;
    while (leat_chan_try_recv(b, &element) == 0)
        received[1]++;
    model_check(sent[0] == received[0] && sent[1] == received[1]);
    leat_chan_free(a);
    leat_chan_free(b);
}

static void send_to(void *arg)
{
    int which = (int)(intptr_t)arg;
    long element = which;
    int err = leat_chan_send(which ? b : a, &element);

    model_check(err == 0 || err == -ECANCELED);
    sent[which] += err == 0;
}

/* From either. */
static void receive_one(void *arg)
{
    long from_a = -1, from_b = -1;
    struct leat_case cases[] = { leat_case_recv(a, &from_a), leat_case_recv(b, &from_b) };
    int which = leat_select_any(cases, 2);

    (void)arg;
    model_check(which == 0 || which == 1 || which == -ECANCELED);
    if (which < 0)
        return;
    model_check((which == 0 ? from_a : from_b) == which);
    model_check((which == 0 ? from_b : from_a) == -1);
    received[which]++;
}

static void receive_two(void *arg)
{
    receive_one(arg);
    receive_one(arg);
}

/* Offers on one channel and asks on the other. */
static void swap(void *arg)
{
    bool first = arg == NULL;
    long mine = 1, theirs = -1;
    struct leat_case cases[] = { leat_case_send(first ? a : b, &mine),
                                 leat_case_recv(first ? b : a, &theirs) };
    int which = leat_select_any(cases, 2);

    model_check(which == 0 || which == 1);
    model_check((theirs == 1) == (which == 1));
    if (which == 0)
        sent[first ? 0 : 1]++;
    else
        received[first ? 1 : 0]++;
}

static void close_b(void *arg)
{
    (void)arg;
    leat_chan_close(b);
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

static void receive_or_see_the_end(void *arg)
{
    long element;
    struct leat_case cases[] = { leat_case_recv(a, &element), leat_case_recv(b, &element) };
    int which = leat_select_cases(cases, 2);

    (void)arg;
    model_check(which == 0 || (which == 1 && cases[1].result == -EPIPE));
    received[0] += which == 0;
}

MODEL_DRIVER(select_receives_from_two_senders, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    model_spawn(send_to, (void *)(intptr_t)0);
    model_spawn(send_to, (void *)(intptr_t)1);
    model_spawn(receive_two, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(select_receives_hand_to_hand, .preemptions = 1, .weak_preemptions = 1, .stale = 1)
{
    reset(0, NULL);
    model_spawn(send_to, (void *)(intptr_t)1);
    model_spawn(receive_one, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(select_two_that_meet, .preemptions = 2, .weak_preemptions = 1, .stale = 1)
{
    reset(0, NULL);
    model_spawn(swap, NULL);
    model_spawn(swap, &sent);
    model_run();
    check_conserved();
}

MODEL_DRIVER(select_against_a_cancel, .preemptions = 1, .stale = 1)
{
    reset(0, &scope);
    model_spawn(send_to, (void *)(intptr_t)0);
    model_spawn(receive_one, NULL);
    model_spawn(cancel, NULL);
    model_run();
    check_conserved();
}

MODEL_DRIVER(select_against_a_close_and_a_send, .preemptions = 1, .stale = 1)
{
    reset(1, NULL);
    model_spawn(send_to, (void *)(intptr_t)0);
    model_spawn(receive_or_see_the_end, NULL);
    model_spawn(close_b, NULL);
    model_run();
    check_conserved();
}

/* ---- permits ---- */

static void reset_permits(uint32_t permits, struct leat__scope *in)
{
    reset(1, in);
    leat_semaphore_init(&semaphore, permits);
    held = 0;
}

static void check_permits(uint32_t all)
{
    model_check(leat_semaphore_available(&semaphore) + (uint32_t)held == all);
    model_check((semaphore.leat__private[0] & 1) == 0); /* nobody waits */
    check_conserved();
}

/* An element of a, or so many permits. */
static void receive_or_acquire(void *arg)
{
    uint32_t permits = (uint32_t)(intptr_t)arg;
    long element;
    struct leat_case cases[] = { leat_case_recv(a, &element),
                                 leat_case_acquire(&semaphore, permits) };
    int which = leat_select_any(cases, 2);

    model_check(which == 0 || which == 1 || which == -ECANCELED);
    received[0] += which == 0;
    if (which == 1)
        held += (int)permits;
}

static void acquire_one(void *arg)
{
    (void)arg;
    model_check(leat_semaphore_acquire(&semaphore, 1) == 0);
    held++;
}

static void release(void *arg)
{
    leat_semaphore_release(&semaphore, (uint32_t)(intptr_t)arg);
}

MODEL_DRIVER(select_permits_are_seen_as_they_come)
{
    reset_permits(0, NULL);
    model_spawn(receive_or_acquire, (void *)(intptr_t)1);
    model_spawn(release, (void *)(intptr_t)1);
    model_run();
    check_permits(1);
}

MODEL_DRIVER(select_permits_against_a_send, .preemptions = 1, .stale = 1)
{
    reset_permits(0, NULL);
    model_spawn(receive_or_acquire, (void *)(intptr_t)2);
    model_spawn(release, (void *)(intptr_t)2);
    model_spawn(send_to, (void *)(intptr_t)0);
    model_run();
    check_permits(2);
}

/* Who stands behind a select that took the other case is served with what is there. */
MODEL_DRIVER(select_permits_are_left_to_who_stands_behind, .preemptions = 1, .stale = 1)
{
    reset_permits(1, NULL);
    model_spawn(receive_or_acquire, (void *)(intptr_t)2);
    model_spawn(acquire_one, NULL);
    model_spawn(send_to, (void *)(intptr_t)0);
    model_run();
    model_check(held == 1);
    check_permits(1);
}

MODEL_DRIVER(select_permits_against_a_cancel, .preemptions = 1, .stale = -1)
{
    reset_permits(0, &scope);
    selves[2].scope = NULL;
    model_spawn(receive_or_acquire, (void *)(intptr_t)2);
    model_spawn(acquire_one, NULL);
    model_spawn(cancel, NULL);
    model_spawn(release, (void *)(intptr_t)3);
    model_run();
    check_permits(3);
}

/* ---- by a worker that alone uses the channel: threads 1 and 2 are tasks of worker 2 ---- */

static void let_the_next_run(void)
{
    if (model_self() == 1)
        model_wake(2);
}

static void pass_one_and_select(void *arg)
{
    for (int i = 0; i < 2; i++) {
        long element = -1;

        send_to(arg); /* the second by a stretch, which is to be shut */
        model_check(leat_chan_recv(a, &element) == 0 && element == 0);
        received[0]++;
    }
    receive_one(arg);
}

static void then_send(void *arg)
{
    model_sleep();
    send_to(arg);
}

MODEL_DRIVER(select_shuts_a_stretch)
{
    reset(4, NULL);
    a->bias.owner = (uintptr_t)&insides[2];
    faces[1].inside = &insides[2];
    tasks_parked = let_the_next_run;
    model_spawn(pass_one_and_select, (void *)(intptr_t)0);
    model_spawn(then_send, (void *)(intptr_t)0);
    model_run();
    tasks_parked = NULL;
    check_conserved();
}
