/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c task/select.c
 * model: sources chan/chan.c chan/pass.c chan/choose.c
 * model: sources reactor/op.c reactor/reactor.c reactor/own.c reactor/gate.c reactor/ready.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__RING_SPINS=0 -DLEAT__TOKEN_UNSHARED
 *
 * A descriptor among the cases of a select: on a worker, whose kernel has the operation (kernel.h),
 * and on a plain thread, which polls. Exactly one case happens, an element stays whole, and when
 * the select has returned the kernel has nothing of it. */
#include <leat/chan.h>
#include <leat/select.h>

#include "base/random.h"
#include "chan/chan.h"
#include "kernel.h"

enum { DESCRIPTOR = 9 };

static struct leat_chan *chan;
static struct leat__random generator;
static int sent, received, found;

struct leat__random *leat__worker_random(struct leat__worker *worker)
{
    (void)worker;
    return &generator;
}

/* Where no descriptor is to be had: there always is. */
leat_time leat_after(leat_time delay)
{
    (void)delay;
    return LEAT_NEVER;
}

bool model_descriptor_is_ready(int fd)
{
    model_check(fd == DESCRIPTOR);
    return arrived;
}

static void reset(bool promptly)
{
    struct leat_chan_options options = { .size = sizeof options, .capacity = 0 };

    kernel_reset(promptly);
    leat__random_init(&generator, 1);
    sent = received = 0;
    found = -1;
    model_check(leat_chan_create(&chan, sizeof(int), &options) == 0);
    chan->bias.owner = LEAT__BIAS_SHARED;
}

/* Thread 1 is no worker, and in a scope that can end. */
static void reset_plain(void)
{
    reset(true);
    tasks_parks = tasks_resumes = NULL;
    tasks_make_plain(1);
}

static void end(void)
{
    model_check(sent == received);
    leat_chan_free(chan);
}

static void choose_any(void)
{
    int element = -1;
    struct leat_case cases[] = { leat_case_recv(chan, &element), leat_case_readable(DESCRIPTOR) };

    found = leat_select_any(cases, 2);
    model_check(in_kernel == NULL);
    model_check((found == 0) == (element == 7));
    model_check(found != 1 || arrived);
    received += found == 0;
}

/* Who sends waits for somebody who receives. */
static void take_the_rest(void)
{
    int element;

    if (found == 1 && leat_chan_recv(chan, &element) == 0)
        received++;
}

static void choose(void *arg)
{
    leat__lock(&baton);
    on_worker = 1;
    choose_any();
    if (arg)
        take_the_rest();
    leave_worker();
    leat__bound_leave(&selves[2]);
    done = true;
    model_wake(1);
}

static void choose_plainly(void *arg)
{
    choose_any();
    if (arg)
        take_the_rest();
    leat__bound_leave(&selves[1]);
}

static void send_one(void *arg)
{
    int element = 7;

    (void)arg;
    selves[model_self()].scope = NULL;
    sent += leat_chan_send(chan, &element) == 0;
}

MODEL_DRIVER(select_fd_is_seen_readable, .preemptions = 1, .stale = 1)
{
    reset(true);
    model_run_all(work, choose, arrive);
    model_check(found == 1);
    end();
}

static void choose_beside_a_send(bool promptly)
{
    reset(promptly);
    arrives = true;
    model_spawn(work, NULL);
    model_spawn(choose, &sent);
    model_spawn(send_one, NULL);
    model_run();
    model_check(found >= 0);
    end();
}

MODEL_DRIVER(select_fd_against_a_send, .preemptions = 1, .stale = -1)
{
    choose_beside_a_send(true);
}

MODEL_DRIVER(select_fd_that_is_slow_to_come_back_against_a_send, .preemptions = 1, .stale = -1)
{
    choose_beside_a_send(false);
}

MODEL_DRIVER(select_fd_against_a_cancel, .preemptions = 1, .stale = -1)
{
    reset(false);
    arrives = true;
    model_run_all(work, choose, cancel);
    model_check(found == 1 || found == -ECANCELED);
    end();
}

MODEL_DRIVER(select_fd_is_seen_by_a_plain_thread)
{
    reset_plain();
    model_run_all(choose_plainly, arrive);
    model_check(found == 1);
    end();
}

MODEL_DRIVER(select_fd_of_a_plain_thread_against_a_send, .stale = 1)
{
    reset_plain();
    model_spawn(choose_plainly, &sent);
    model_spawn(send_one, NULL);
    model_run();
    model_check(found == 0);
    end();
}

MODEL_DRIVER(select_fd_of_a_plain_thread_against_both, .preemptions = 1, .stale = 1)
{
    reset_plain();
    model_spawn(choose_plainly, &sent);
    model_spawn(send_one, NULL);
    model_spawn(arrive, NULL);
    model_run();
    model_check(found >= 0);
    end();
}

MODEL_DRIVER(select_fd_of_a_plain_thread_against_a_cancel, .preemptions = 1, .stale = 1)
{
    reset_plain();
    model_run_all(choose_plainly, cancel, arrive);
    model_check(found == 1 || found == -ECANCELED);
    end();
}
