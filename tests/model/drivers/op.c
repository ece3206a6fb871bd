/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c
 * model: sources reactor/op.c reactor/reactor.c reactor/own.c reactor/gate.c
 * model: flags -DLEAT__LOCK_SPINS=0 -DLEAT__TOKEN_UNSHARED
 *
 * Operations: thread 1 is a worker in its reactor (kernel.h), thread 2 a task that does an
 * operation there and goes on, once it was woken, on the same worker or on another, thread 3 is the
 * peer whose doing completes the operation, or cancels. Nobody helps a worker here, so the
 * reactor's token is built out: drivers/token.c has that. */
#include "items.h"
#include "kernel.h"

static struct leat__gate gate;
static int result;

static void reset(bool promptly)
{
    kernel_reset(promptly);
    memset(&gate, 0, sizeof gate);
    result = 0;
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

MODEL_DRIVER(op_completes)
{
    reset(true);
    model_run_all(work, operate, arrive);
    model_check(result == RESULT);
}

MODEL_DRIVER(op_is_cancelled_promptly, .weak_preemptions = 1)
{
    reset(true);
    model_run_all(work, operate, cancel);
    model_check(result == -ECANCELED);
}

MODEL_DRIVER(op_completion_against_a_prompt_cancel, .weak_preemptions = 1, .stale = 1)
{
    reset(true);
    arrives = true;
    model_run_all(work, operate, cancel);
    model_check(result == RESULT || result == -ECANCELED);
}

MODEL_DRIVER(op_completion_against_a_cancel_that_takes_time, .weak_preemptions = 1, .stale = 1)
{
    reset(false);
    arrives = true;
    model_run_all(work, operate, cancel);
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
    model_run_all(close_gate, leave, leave_too);
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
