/* SPDX-License-Identifier: MIT */
/* kernel.h: for drivers of operations: thread 1 is a worker in its reactor, and the kernel is
 * played here. It has one operation at a time, which completes when something has arrived; then it
 * is woken, or time goes by in the worker's sleep (a fourth thread for it took minutes). Thread 2
 * is a task that is on worker 1 or on another: whoever is on worker 1 holds its baton, since two
 * threads of the model stand for one there. */
#ifndef LEAT_MODEL_KERNEL_H
#define LEAT_MODEL_KERNEL_H

#include <errno.h>
#include <sys/types.h>

#include "tasks.h"
#include "reactor/call.h"
#include "reactor/gate.h"
#include "reactor/reactor.h"

enum { RESULT = 5, POISON = 0xa5 };

static struct leat__reactor reactors[2]; /* of worker 1, and of another */
static struct leat__lock baton;
static int on_worker; /* where task 2 is */
static struct leat__op *in_kernel;
static bool arrives, arrived, asked, done, prompt; /* arrives: without a thread's doing */
static struct leat__scope scope;
static char buffer;

/* ---- the rooms below, and the kernel ---- */

ssize_t write(int fd, const void *bytes, size_t count)
{
    (void)bytes;
    model_wake(fd); /* the wake_fd of thread 1 is 1 */
    return (ssize_t)count;
}

struct leat__poller *leat__worker_poller(const struct leat__worker *worker)
{
    (void)worker;
    return &reactors[on_worker == 1 ? 0 : 1].poller;
}

int leat__op_attempt(struct leat__op *op, bool ready)
{
    (void)ready;
    return op->code == LEAT__OP_POLL && arrived ? RESULT : -EAGAIN;
}

int leat__op_perform(void *op)
{
    (void)op;
    return -ENOSYS;
}

unsigned leat__op_events(const struct leat__op *op)
{
    (void)op;
    return 0;
}

int leat__op_run_alone(struct leat__op *op)
{
    (void)op;
    return -ENOSYS;
}

int leat__epoll_create(struct leat__reactor **ret)
{
    (void)ret;
    return -ENOSYS;
}

static int submit(struct leat__reactor *reactor, struct leat__op *op)
{
    model_check(reactor == &reactors[0]);
    in_kernel = op;
    if (arrived)
        model_wake(1);
    return 0;
}

static void complete(int how)
{
    struct leat__op *op = in_kernel;

    in_kernel = NULL;
    if (how == RESULT)
        model_plain_write(&buffer); /* until now it was the kernel's */
    (void)leat__op_complete(op, how);
}

/* As epoll does it, at once, or as io_uring does, by a completion that may also be a success. */
static void cancel_in_kernel(struct leat__reactor *reactor, struct leat__op *op)
{
    (void)reactor;
    model_check(op == in_kernel);
    if (prompt) {
        complete(-ECANCELED);
    } else {
        asked = true;
        model_wake(1);
    }
}

static const struct leat__reactor_kind kind = {
    .name = "model", .blocking_ops = true, .submit = submit, .cancel = cancel_in_kernel
};

/* ---- threads ---- */

static void work(void *arg)
{
    (void)arg;
    while (!done) {
        leat__lock(&baton);
        (void)leat__reactor_turn(&reactors[0]);
        if (in_kernel && (arrived || asked))
            complete(arrived ? RESULT : -ECANCELED);
        leat__unlock(&baton);
        if (!done && leat__reactor_doze(&reactors[0])) {
            if (arrives && !arrived)
                arrived = !model_sleep_timed();
            else
                model_sleep();
            leat__reactor_rouse(&reactors[0]);
        }
    }
}

static void leave_worker(void)
{
    if (model_self() == 2 && on_worker == 1) {
        on_worker = 0;
        leat__unlock(&baton);
    }
}

static void come_to_worker(void)
{
    if (model_self() != 2)
        return;
    on_worker = 2 - model_choose(2);
    if (on_worker == 1) {
        on_worker = 0;
        leat__lock(&baton);
        on_worker = 1;
    }
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

static void arrive(void *arg)
{
    (void)arg;
    arrived = true; /* the kernel's doing: it orders itself */
    model_wake(1);
}

static void kernel_reset(bool promptly)
{
    tasks_reset(&scope);
    tasks_parks = leave_worker;
    tasks_resumes = come_to_worker;
    memset(reactors, 0, sizeof reactors);
    for (int i = 0; i < 2; i++) {
        reactors[i].kind = &kind;
        reactors[i].poller.wake = leat__reactor_wake;
        reactors[i].wake_fd = i + 1;
        leat__list_init(&reactors[i].late);
    }
    baton = (struct leat__lock){ 0 };
    on_worker = 0;
    in_kernel = NULL;
    arrives = arrived = asked = done = false;
    prompt = promptly;
}

#endif
