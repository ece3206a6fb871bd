/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources reactor/op.c reactor/reactor.c reactor/gate.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__TOKEN_UNSHARED
 *
 * Operations: thread 1 is a worker in its reactor, thread 2 a task that does an operation there and
 * goes on, once it was woken, on the same worker or on another, thread 3 is the peer whose doing
 * completes the operation, or cancels: then the completion comes as time goes by in the worker's
 * sleep (a fourth thread for it took minutes). The kernel is played here; and whoever is on worker
 * 1 holds its baton, since two threads of the model stand for one there. Nobody helps a worker
 * here, so the reactor's token is built out: drivers/token.c has that. */
#include <errno.h>
#include <sys/types.h>

#include "items.h"
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
static struct leat__gate gate;
static char buffer;
static int result;

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
    (void)op, (void)ready;
    return -EAGAIN;
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

static void operate(void *arg)
{
    struct leat__op op = { .code = LEAT__OP_READ_AT, .gate = arg };

    leat__lock(&baton);
    on_worker = 1;
    model_plain_write(&buffer);
    result = leat__op_run(&op);
    model_plain_write(&buffer); /* it is ours again */
    memset(&op, POISON, sizeof op);
    leave_worker();
    for (size_t i = 0; i < sizeof op; i++)
        model_check(((unsigned char *)&op)[i] == POISON);
    leat__bound_leave(&selves[2]);
    for (size_t i = 0; i < sizeof op; i++)
        model_check(((unsigned char *)&op)[i] == POISON);
    done = true;
    model_wake(1);
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

static void reset(bool promptly)
{
    tasks_reset(&scope);
    tasks_parks = leave_worker;
    tasks_resumes = come_to_worker;
    memset(reactors, 0, sizeof reactors);
    memset(&gate, 0, sizeof gate);
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
    result = 0;
}

MODEL_DRIVER(op_completes)
{
    reset(true);
    model_spawn(work, NULL);
    model_spawn(operate, NULL);
    model_spawn(arrive, NULL);
    model_run();
    model_check(result == RESULT);
}

MODEL_DRIVER(op_is_cancelled_promptly, .weak_preemptions = 1)
{
    reset(true);
    model_spawn(work, NULL);
    model_spawn(operate, NULL);
    model_spawn(cancel, NULL);
    model_run();
    model_check(result == -ECANCELED);
}

MODEL_DRIVER(op_completion_against_a_prompt_cancel, .weak_preemptions = 1, .stale = 1)
{
    reset(true);
    arrives = true;
    model_spawn(work, NULL);
    model_spawn(operate, NULL);
    model_spawn(cancel, NULL);
    model_run();
    model_check(result == RESULT || result == -ECANCELED);
}

MODEL_DRIVER(op_completion_against_a_cancel_that_takes_time, .weak_preemptions = 1, .stale = 1)
{
    reset(false);
    arrives = true;
    model_spawn(work, NULL);
    model_spawn(operate, NULL);
    model_spawn(cancel, NULL);
    model_run();
    model_check(result == RESULT || result == -ECANCELED);
}

/* ---- gates ---- */

static void shut(void *arg)
{
    (void)arg;
    leat__gate_shut(&gate);
}

MODEL_DRIVER(op_at_a_gate_that_is_shut, .weak_preemptions = 1)
{
    reset(true);
    selves[2].scope = NULL;
    model_spawn(work, NULL);
    model_spawn(operate, &gate);
    model_spawn(shut, NULL);
    model_run();
    model_check(result == -ECANCELED);
}

/* The gate's memory is another's as soon as the last call has left. */
static void close_gate(void *arg)
{
    (void)arg;
    leat__gate_close(&gate);
    model_plain_write(&buffer);
    memset(&gate, POISON, sizeof gate);
}

static void leave(void *arg)
{
    (void)arg;
    model_plain_read(&buffer);
    leat__gate_leave(&gate, LEAT__GATE_READER);
}

static void leave_too(void *arg)
{
    (void)arg;
    model_plain_read(&buffer);
    leat__gate_leave(&gate, LEAT__GATE_WRITER);
}

MODEL_DRIVER(gate_close_waits_for_all_who_are_inside)
{
    reset(true);
    tasks_parks = tasks_resumes = NULL;
    model_check(leat__gate_enter(&gate, LEAT__GATE_READER) == 0);
    model_check(leat__gate_enter(&gate, LEAT__GATE_WRITER) == 0);
    model_spawn(close_gate, NULL);
    model_spawn(leave, NULL);
    model_spawn(leave_too, NULL);
    model_run();
    for (size_t i = 0; i < sizeof gate; i++)
        model_check(((unsigned char *)&gate)[i] == POISON);
}

/* ---- the signal word: no wake is lost, whatever it meets ---- */

static int taken;

static void take_all(void *arg)
{
    (void)arg;
    while (taken < 2) {
        struct leat__batch batch = { 0 };

        taken += (int)leat__inbox_take(&reactors[0].inbox, &batch);
        (void)items_take(&batch);
        if (taken < 2 && leat__reactor_doze(&reactors[0])) {
            model_sleep();
            leat__reactor_rouse(&reactors[0]);
        }
    }
}

static void push(void *arg)
{
    if (leat__inbox_push(&reactors[0].inbox, item_make((int)(intptr_t)arg)))
        reactors[0].poller.wake(&reactors[0].poller);
}

static void push_two(void *arg)
{
    push(arg);
    push((void *)((intptr_t)arg + 1));
}

MODEL_DRIVER(reactor_is_woken_by_two, .preemptions = 3, .weak_preemptions = 2)
{
    reset(true);
    items_reset();
    taken = 0;
    model_spawn(take_all, NULL);
    model_spawn(push, (void *)(intptr_t)0);
    model_spawn(push, (void *)(intptr_t)1);
    model_run();
    items_check_taken(2);
}

MODEL_DRIVER(reactor_is_woken_twice, .preemptions = 3)
{
    reset(true);
    items_reset();
    taken = 0;
    model_spawn(take_all, NULL);
    model_spawn(push_two, (void *)(intptr_t)0);
    model_run();
    items_check_taken(2);
}
