/* SPDX-License-Identifier: MIT */
/* CPU-bound work, on threads of its own so that it never holds a worker: calls, and loops that
 * spread over all cores (fork and join by hand: leat/job.h).
 *
 *     static int shade(void *image, size_t begin, size_t end);       // rows begin to end - 1
 *
 *     int err = leat_parallel_for(0, image->rows, shade, image);
 *
 * Where it runs. A task parks until a thread of its runtime's compute pool (one per CPU, batch
 * scheduling) has done it. A computation that is on such a thread already goes on there, and others
 * help. A plain thread, and a thread of the blocking pool, computes itself, with the help of the
 * pool of the runtime that it names (.runtime) or belongs to; without one, it computes alone. So
 * calls nest freely, and no more threads than CPUs come to help. (One that waits in a join, for
 * what another took, lends its place to a third meanwhile.)
 *
 * Cancel: inside, leat_cancelled() answers for the scope of whoever began the computation, on
 * whichever thread. Loops look by themselves between their pieces and return -ECANCELED or
 * -ETIMEDOUT; what was done stays done. Once it has begun a computation's end is waited for, since
 * it works on the caller's memory. */
#ifndef LEAT_COMPUTE_H
#define LEAT_COMPUTE_H

#include <leat/api.h>
#include <leat/job.h>
#include <leat/runtime.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

/* Run fn(arg) on the compute pool and wait for its result. fn must not suspend.
 * Returns fn's result; -ECANCELED or -ETIMEDOUT when fn was not started; -EAGAIN when no thread
 * could be started at all. */
LEAT_API int leat_compute(int (*fn)(void *arg), void *arg);

/* The same on the pool of the runtime named, for threads outside of it. NULL: leat_compute.
 * Returns also -ESHUTDOWN once that runtime's leat_run function has returned. */
LEAT_API int leat_compute_in(struct leat_runtime *runtime, int (*fn)(void *arg), void *arg);

/* Run fn(ctx, job) on the compute pool and wait for it: the first of a tree of jobs.
 * Returns 0: fn was called; otherwise as leat_compute. */
LEAT_API int leat_compute_job(struct leat_job *job, leat_job_fn *fn);

/* The calling thread's context, for fork and join inside of leat_compute's function, or a loop's.
 * NULL outside of computations. */
LEAT_API struct leat_ctx *leat_compute_ctx(void);

/* ---- from outside, without waiting at once ---- */

/* Caller's memory, until it was waited for. Every field but job is private. */
struct leat_posted {
    struct leat_job job;
    void           *leat__private[14];
};

/* Queue a job for the pool of a runtime, and go on. It runs in the poster's name: inside its scope.
 *
 *     leat_post(runtime, &mine.posted, work);      // mine: has a struct leat_posted posted
 *     ...
 *     leat_posted_wait(&mine.posted);
 *
 * Returns -ESHUTDOWN; otherwise the job runs, and must be waited for, by the same thread.
 * Threads: plain threads outside of the runtime; a task, which has leat_compute, gets -EPERM. */
LEAT_API LEAT_MUST_CHECK int leat_post(struct leat_runtime *runtime, struct leat_posted *posted,
                                       leat_job_fn *fn);

/* Wait until a posted job has run. One that no thread has taken yet runs on the caller: a round
 * trip then needs nobody else. Not a cancellation point. */
LEAT_API void leat_posted_wait(struct leat_posted *posted);

LEAT_END

#endif
