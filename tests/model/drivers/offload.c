/* SPDX-License-Identifier: MIT */
/* model: sources lockfree/lock.c task/wait.c task/waitlist.c task/bound.c task/offload.c
 * model: flags -DLEAT__LOCK_SPINS=0
 *
 * Calls handed to a pool: each ends once, by being run, taken back or refused, whenever the caller
 * is cancelled; and when it has returned nobody touches the caller's frame. The pool here has room
 * for one call and a thread that takes it when it comes. */
#include <errno.h>

#include "tasks.h"
#include "task/offload.h"

enum { POISON = 0xa5 };

static struct leat__lock lock; /* of the pool */
static struct leat__offload *queued;
static struct leat__scope scope;
static bool closed; /* nobody will come */
static int argument, calls, refusals;

static int submit(struct leat__offload_pool *pool, struct leat__offload *call)
{
    (void)pool;
    leat__lock(&lock);
    queued = call;
    leat__unlock(&lock);
    model_wake(2);
    return 0;
}

static bool withdraw(struct leat__offload_pool *pool, struct leat__offload *call)
{
    bool here;

    (void)pool;
    leat__lock(&lock);
    here = queued == call;
    if (here)
        queued = NULL;
    leat__unlock(&lock);
    if (here)
        model_wake(2);
    return here;
}

static struct leat__offload_pool pool;

static int work(void *arg)
{
    model_check(arg == &argument);
    model_plain_write(&argument);
    calls++;
    return 7;
}

/* The caller's frame ends with the call: here its memory is another's at once. */
static __attribute__((noinline)) int call_on_a_frame_that_ends(void)
{
    model_plain_write(&argument);
    return leat__offload_call(&pool, work, &argument);
}

static __attribute__((noinline)) void reuse_the_stack(void)
{
    volatile unsigned char frame[1024];

    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = POISON;
    (void)load_relaxed(&lock.word); /* and others run */
    for (size_t i = 0; i < sizeof frame; i++)
        model_check(frame[i] == POISON);
}

static bool over;

static void call(void *arg)
{
    int result = call_on_a_frame_that_ends();

    (void)arg;
    model_plain_write(&argument);
    model_check(result == 7                ? calls == 1 && refusals == 0
                : result == -ESHUTDOWN     ? calls == 0 && refusals == 1
                                           : result == -ECANCELED && calls == 0 && refusals == 0);
    reuse_the_stack();
    reuse_the_stack();
    leat__bound_leave(&selves[1]);
    over = true;
    model_wake(2);
}

/* A thread of the pool; a plain one. It takes the call, if that isn't taken back before. */
static void serve(void *arg)
{
    struct leat__offload *mine = NULL;

    (void)arg;
    while (!over && !mine) {
        leat__lock(&lock);
        mine = queued;
        queued = NULL;
        leat__unlock(&lock);
        if (!mine && !over)
            model_sleep();
    }
    if (!mine)
        return;
    if (closed) {
        refusals++;
        leat__offload_refuse(mine, -ESHUTDOWN);
    } else {
        leat__offload_run(mine);
    }
}

static void cancel(void *arg)
{
    (void)arg;
    leat__bound_end(&scope);
}

static void reset(struct leat__scope *in)
{
    tasks_reset(in);
    tasks_make_plain(2);
    selves[2].scope = NULL;
    pool.submit = submit;
    pool.withdraw = withdraw;
    lock = (struct leat__lock){ 0 };
    queued = NULL;
    closed = over = false;
    calls = refusals = 0;
}

MODEL_DRIVER(offload_runs_a_call, .preemptions = 3)
{
    reset(NULL);
    model_run_all(call, serve);
    model_check(calls == 1);
}

MODEL_DRIVER(offload_runs_a_call_of_a_plain_thread, .preemptions = 3)
{
    reset(NULL);
    tasks_make_plain(1);
    model_run_all(call, serve);
    model_check(calls == 1);
}

MODEL_DRIVER(offload_cancel_against_a_thread_that_takes_the_call, .weak_preemptions = 2, .stale = 1)
{
    reset(&scope);
    selves[2].scope = NULL;
    model_run_all(call, serve, cancel);
    model_check(!scope.members);
}

MODEL_DRIVER(offload_cancel_against_a_refusal, .weak_preemptions = 1)
{
    reset(&scope);
    selves[2].scope = NULL;
    closed = true;
    model_run_all(call, serve, cancel);
}
