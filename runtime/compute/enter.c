/* SPDX-License-Identifier: MIT */
/* Where a computation runs: on the thread that computes already, on a pool's thread for a task, on
 * a plain thread with a guest's lane, or serially.
 *
 * A plain thread computes itself, and does not hand over and wait, because that wait would cost two
 * wakes where the thread is awake already: a round trip to a warm pool is two uncontended locks. */
#include "compute/enter.h"
#include "base/check.h"
#include "compute/pool.h"
#include "task/call.h"
#include "task/runtime.h"
#include "task/self.h"

#include <leat/compute.h>

#include <errno.h>

/* On a thread that has this lane, in its own name. */
static int run_on(struct leat__lane *lane, leat__compute_fn *fn, void *arg)
{
    struct leat__mark mark = leat__lane_mark(lane);
    struct leat__root root;
    int result;

    leat__root_enter(&root, lane);
    result = fn(lane, arg);
    leat__lane_check(lane, mark);
    leat__root_leave(&root, lane);
    return result;
}

struct handover {
    leat__compute_fn *fn;
    void             *arg;
};

/* On a pool's thread, for a task. The call's root is entered already. */
static int run_handover(void *arg)
{
    struct handover *handover = arg;

    return handover->fn(leat__lane_of(leat__ctx_current()), handover->arg);
}

/* On a plain thread that does not compute yet, with the lane of a guest, or NULL: none was had. */
static int run_plain(struct leat__compute *pool, struct leat__lane *guest, leat__compute_fn *fn,
                     void *arg)
{
    struct leat__lane serial;
    struct leat__lane *lane = guest;
    int result;

    if (!guest) {
        leat__lane_init_serial(&serial);
        lane = &serial;
    }
    leat__ctx_adopt(&lane->split.ctx);
    result = run_on(lane, fn, arg);
    leat__ctx_adopt(NULL);
    if (guest)
        leat__compute_leave(pool, guest);
    return result;
}

static int run_in(struct leat__compute *pool, leat__compute_fn *fn, void *arg)
{
    struct leat__worker *worker = leat__worker_current();

    if (!worker)
        return run_plain(pool, pool ? leat__compute_enter(pool) : NULL, fn, arg);
    leat__probe_count(&leat__worker_probe(worker)->compute_calls);
    return leat__compute_call(pool, run_handover, &(struct handover){ fn, arg });
}

int leat__compute_enter_fn(struct leat_runtime *handle, leat__compute_fn *fn, void *arg)
{
    struct leat_ctx *ctx = leat__ctx_current();
    struct leat__runtime *here;
    int err = leat__worker_current() ? 0 : leat_cancelled(); /* a worker's call looks itself */

    if (err)
        return err;
    if (ctx)
        return run_on(leat__lane_of(ctx), fn, arg);
    here = leat__runtime_current();
    if (!handle || (here && here->handle == handle))
        return run_in(here ? here->compute : NULL, fn, arg);
    err = leat__runtime_enter(handle);
    if (err)
        return err;
    err = run_in(handle->runtime->compute, fn, arg);
    leat__runtime_leave(handle);
    return err;
}

/* ---- calls ---- */

struct plain_call {
    int (*fn)(void *arg);
    void *arg;
};

static int run_call(struct leat__lane *lane, void *arg)
{
    struct plain_call *call = arg;

    (void)lane;
    return call->fn(call->arg);
}

int leat_compute(int (*fn)(void *arg), void *arg)
{
    struct leat__worker *worker = leat__worker_current();

    leat__check(fn != NULL, "leat_compute needs a function: NULL was given in the place of one");
    if (worker) { /* fn itself, so that reports name it */
        leat__probe_count(&leat__worker_probe(worker)->compute_calls);
        return leat__compute_call(leat__runtime_current()->compute, fn, arg);
    }
    return leat__compute_enter_fn(NULL, run_call, &(struct plain_call){ fn, arg });
}

int leat_compute_in(struct leat_runtime *runtime, int (*fn)(void *arg), void *arg)
{
    leat__check(fn != NULL, "leat_compute_in needs a function: NULL was given in the place of one");
    return leat__compute_enter_fn(runtime, run_call, &(struct plain_call){ fn, arg });
}

struct job_call {
    struct leat_job *job;
    leat_job_fn     *fn;
};

static int run_job(struct leat__lane *lane, void *arg)
{
    struct job_call *call = arg;

    call->fn(&lane->split.ctx, call->job);
    return 0;
}

int leat_compute_job(struct leat_job *job, leat_job_fn *fn)
{
    return leat__compute_enter_fn(NULL, run_job, &(struct job_call){ job, fn });
}

struct leat_ctx *leat_compute_ctx(void)
{
    return leat__ctx_current();
}

/* ---- posts ---- */

static struct leat__post *post_of(struct leat_posted *posted)
{
    _Static_assert(sizeof(struct leat__post) <= sizeof posted->leat__private, "it has room");
    return (struct leat__post *)(void *)posted->leat__private;
}

int leat_post(struct leat_runtime *handle, struct leat_posted *posted, leat_job_fn *fn)
{
    struct leat__post *post = post_of(posted);
    struct leat__self *self;
    int err;

    if (leat__worker_current())
        return -EPERM;
    self = leat__self();
    err = leat__runtime_enter(handle);
    if (err)
        return err;
    *post = (struct leat__post){ .job = &posted->job,
                                 .root = { .scope = self->scope,
                                           .shield = self->shield,
                                           .guard = self->guard },
                                 .pool = handle->runtime->compute,
                                 .runtime = handle };
    posted->job.leat__fn = fn;
    posted->job.leat__root = &post->root;
    store_relaxed(leat__job_state(&posted->job), 0); /* relaxed: published by the pool's lock */
    err = leat__compute_post(post->pool, post);
    if (err) {
        leat__runtime_leave(handle);
        return -ESHUTDOWN;
    }
    return 0;
}

static int run_posted(struct leat__lane *lane, void *arg)
{
    struct leat_job *job = arg;

    job->leat__fn(&lane->split.ctx, job);
    return 0;
}

void leat_posted_wait(struct leat_posted *posted)
{
    struct leat__post *post = post_of(posted);
    struct leat_runtime *handle = post->runtime;

    if (!leat__job_ended(&posted->job)) {
        struct leat_ctx *ctx = leat__ctx_current(); /* the thread has begun to compute since */
        struct leat__lane *guest = NULL;

        if (!leat__compute_withdraw(post->pool, post, ctx ? NULL : &guest))
            leat__job_await(&posted->job);
        else if (ctx)
            (void)run_on(leat__lane_of(ctx), run_posted, &posted->job);
        else
            (void)run_plain(post->pool, guest, run_posted, &posted->job);
    }
    leat__runtime_leave(handle);
}
