/* SPDX-License-Identifier: MIT */
/* Embedding: the thread of a foreign event loop is the runtime's first worker, a step at a time.
 *
 * One epoll instance stands for all that a worker would sleep for: the reactor (what completed, and
 * wakes by others) and a timer. It is edge-triggered inside, so that a step which has looked at its
 * events leaves it unreadable, and whatever comes after its last look makes it readable again: see
 * settle. Handing out the reactor's own descriptor, with a time-out from the step, was rejected:
 * each foreign loop would need code for the time, and one that forgets it hangs.
 *
 * The root task waits for the close from the beginning, so that closing needs no memory.
 *
 * INVARIANTS
 *   I1  Between two steps the worker is resting (asleep for the others, dozing for its reactor), or
 *       has work left and the timer has expired.
 *   I2  `timer` is what timer_fd is set to, or earlier: a step too many, never one too few. */
#include "base/check.h"
#include "base/clamp.h"
#include "platform/clock.h"
#include "platform/fork.h"
#include "platform/thread.h"
#include "reactor/own.h"
#include "reactor/reactor.h"
#include "run/assembly.h"
#include "sched/sched.h"
#include "task/call.h"
#include "task/task.h"

#include <leat/embed.h>
#include <leat/observe.h>
#include <leat/sync.h>
#include <leat/task.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define TIMER   UINT64_C(1)
#define REACTOR UINT64_C(2)

#define AT_ONCE 1 /* a time long past; 0 would disarm the timer */

struct leat_embed {
    struct leat__assembly     *assembly;
    struct leat_waitgroup      open; /* the root task waits for it */
    int                        fd, timer_fd;
    leat_time                  timer;
    void                      *thread; /* its memory stands for it */
    struct leat__thread_signals signals;
};

/* ---- steps ---- */

/* Take what the descriptor says, before the reactor is looked at. */
static void settle(void *arg)
{
    struct leat_embed *embed = arg;
    struct epoll_event events[2];
    int count = epoll_wait(embed->fd, events, 2, 0);

    for (int i = 0; i < count; i++)
        if (events[i].data.u64 == TIMER)
            embed->timer = LEAT_NEVER; /* fired: not armed any more */
}

static void set_timer(struct leat_embed *embed, leat_time when)
{
    struct itimerspec setting = { .it_value = leat__clock_timespec(when) };

    if (embed->timer <= when)
        return;
    embed->timer = when;
    (void)timerfd_settime(embed->timer_fd, TFD_TIMER_ABSTIME, &setting, NULL);
}

static void check_caller(const struct leat_embed *embed)
{
    leat__check(embed->thread == leat__thread_memory(),
                "step and close an embedded runtime on the thread that opened it");
    leat__check(!leat__worker_current(), "an embedded runtime is stepped by its thread's event "
                                         "loop, not by a task");
}

static leat_time step(struct leat_embed *embed, leat_time until)
{
    const struct leat__sched_step step = { .until = until, .settle = settle, .arg = embed };
    leat_time due = AT_ONCE;
    bool rests;

    settle(embed);
    rests = leat__sched_step(embed->assembly->runtime.sched, &step, &due);
    set_timer(embed, due);
    return rests ? due : 0;
}

leat_time leat_embed_step(struct leat_embed *embed, leat_time budget)
{
    int errno_before = errno;
    leat_time next;

    if (leat__fork_refuses())
        return -EPERM;
    check_caller(embed);
    next = step(embed, budget == LEAT_NEVER
                           ? LEAT_NEVER
                           : leat__time_add(leat__clock_now(), leat__time_max(budget, 0)));
    errno = errno_before;
    return next;
}

int leat_embed_fd(const struct leat_embed *embed)
{
    return embed->fd;
}

/* ---- from outside ---- */

struct leat_runtime *leat_embed_runtime(const struct leat_embed *embed)
{
    return embed->assembly->runtime.handle;
}

int leat_embed_spawn(struct leat_embed *embed, int (*fn)(void *arg), void *arg,
                     const struct leat_task_options *options)
{
    if (leat__fork_refuses())
        return -EPERM;
    return leat__spawn_from(&embed->assembly->runtime.root, fn, arg, options,
                            __builtin_return_address(0));
}

/* ---- life ---- */

static int await_close(void *arg)
{
    struct leat_embed *embed = arg;

    return leat_waitgroup_wait(&embed->open);
}

static int make_descriptors(struct leat_embed *embed)
{
    struct leat__reactor *reactor = embed->assembly->reactors[0];
    int err;

    embed->fd = epoll_create1(EPOLL_CLOEXEC);
    if (embed->fd < 0)
        return -errno;
    leat__own(embed->fd);
    embed->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (embed->timer_fd < 0)
        return -errno;
    leat__own(embed->timer_fd);
    err = leat__reactor_add(embed->fd, embed->timer_fd, TIMER);
    return err ? err : reactor->kind->watch(reactor, embed->fd, REACTOR);
}

static void destroy(struct leat_embed *embed, int err)
{
    leat__assembly_destroy(embed->assembly, err);
    leat__disown(embed->timer_fd);
    leat__disown(embed->fd);
    if (embed->timer_fd >= 0)
        close(embed->timer_fd);
    if (embed->fd >= 0)
        close(embed->fd);
    free(embed);
}

int leat_embed_open(struct leat_embed **ret, const struct leat_options *options)
{
    struct leat_embed *embed = calloc(1, sizeof *embed);
    int err;

    if (!embed)
        return -ENOMEM;
    err = leat__assembly_create(&embed->assembly, options, true);
    if (err) {
        free(embed);
        return err;
    }
    embed->fd = embed->timer_fd = -1;
    embed->timer = LEAT_NEVER;
    embed->thread = leat__thread_memory();
    embed->assembly->runtime.driver = embed->thread;
    err = make_descriptors(embed);
    if (!err) {
        leat_waitgroup_add(&embed->open, 1);
        err = leat__assembly_start(embed->assembly, await_close, embed);
    }
    if (err) {
        destroy(embed, err);
        return err;
    }
    leat_hold(); /* the foreign loop may wake a task at any time: no deadlock */
    leat__thread_signals_open(&embed->signals, LEAT__WATCH_SIGNAL);
    set_timer(embed, AT_ONCE); /* the root task is to start */
    *ret = embed;
    return 0;
}

void leat_embed_close(struct leat_embed *embed)
{
    struct leat__runtime *runtime;

    if (!embed || leat__fork_refuses())
        return;
    check_caller(embed);
    runtime = &embed->assembly->runtime;
    leat_waitgroup_done(&embed->open);
    for (;;) {
        (void)step(embed, LEAT_NEVER);
        if (load_acquire(&runtime->done)) /* pairs with the release at the root task's end */
            break;
        (void)poll(&(struct pollfd){ .fd = embed->fd, .events = POLLIN }, 1, -1);
    }
    leat_release();
    leat__thread_signals_close(&embed->signals);
    (void)leat__assembly_stop(embed->assembly);
    destroy(embed, 0);
}
