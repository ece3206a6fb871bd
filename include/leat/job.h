/* SPDX-License-Identifier: MIT */
/* Fork and join: jobs that run to completion, without stacks of their own, on the threads of a
 * compute pool. A job is part of a struct of the caller's, which holds arguments and results.
 *
 *     struct fib { struct leat_job job; int n; long value; };
 *
 *     static void fib(struct leat_ctx *ctx, struct leat_job *job)
 *     {
 *         struct fib *f = leat_container(job, struct fib, job);
 *         if (f->n < 2) { f->value = f->n; return; }
 *         struct fib left = { .n = f->n - 1 }, right = { .n = f->n - 2 };
 *         leat_fork(ctx, &left.job, fib);
 *         fib(ctx, &right.job);
 *         leat_join(ctx, &left.job, fib);
 *         f->value = left.value + right.value;
 *     }
 *
 * A fork puts the job where a thread without work may take it; the join runs it in place when
 * nobody has, which is a direct call that the compiler may inline. Each costs a few plain loads and
 * stores: no fence and no locked instruction.
 *
 * Contract: a function joins every job that it forked, last forked first, before it returns; the
 * job's memory lives until then, and is not copied meanwhile. `ctx` is the one that the function
 * was called with: it belongs to the thread that runs it. Jobs compute: one that blocks holds a
 * thread of the pool. A join never runs a job that the joined one did not fork, so a lock may be
 * held over it.
 * Joining in another order is a checked bug where the join finds out.
 * A thread's jobs are offered to others when it next forks, joins or begins a piece of a loop: so
 * long work without any of these follows the fork of what others should do meanwhile, in loops by
 * themselves.
 *
 * leat/compute.h enters the pool, and has loops, reductions, scans and sorts. */
#ifndef LEAT_JOB_H
#define LEAT_JOB_H

#include <leat/api.h>

#include <stddef.h>
#include <stdint.h>

LEAT_BEGIN

struct leat_ctx;
struct leat_job;

typedef void leat_job_fn(struct leat_ctx *ctx, struct leat_job *job);

/* Caller's memory, not initialised; every field is private. */
struct leat_job {
    leat_job_fn *leat__fn;
    void        *leat__root;
    uint32_t     leat__state;
    uint32_t     leat__reserved;
};

/* Where a thread keeps the jobs it forked. Private but for the inline functions below.
 * Two cache lines: what the thread writes, and what thieves write when they ask for more. */
struct leat_ctx {
    struct leat_job **leat__head;
    void             *leat__reserved[7];
    uintptr_t         leat__low;  /* a join at or above this address finds its job untouched */
    uintptr_t         leat__high; /* a fork below this address has room */
    void             *leat__asked[6];
};

/* The struct that a job is the named member of. */
#define leat_container(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* The model checker has another. */
#ifndef LEAT__JOB_PEEK
#define LEAT__JOB_PEEK(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#endif

LEAT_API void leat__fork_slow(struct leat_ctx *ctx, struct leat_job *job);
LEAT_API void leat__join_slow(struct leat_ctx *ctx, struct leat_job *job, leat_job_fn *fn);

/* Let any thread of the pool run fn(ctx, job), until it is joined. Where there is no room for it,
 * fn is run at once. */
static inline void leat_fork(struct leat_ctx *ctx, struct leat_job *job, leat_job_fn *fn)
{
    struct leat_job **head = ctx->leat__head;

    job->leat__fn = fn;
    if (__builtin_expect((uintptr_t)head < LEAT__JOB_PEEK(&ctx->leat__high), 1)) {
        *head = job;
        ctx->leat__head = head + 1;
    } else {
        leat__fork_slow(ctx, job);
    }
}

/* Have the job that was forked last run: by the caller, or by whoever took it.
 * `fn` is the function it was forked with.
 * Blocks, helping with what the job forked, while another thread runs it. Not a cancellation
 * point. */
static inline void leat_join(struct leat_ctx *ctx, struct leat_job *job, leat_job_fn *fn)
{
    struct leat_job **head = ctx->leat__head - 1;

    if (__builtin_expect((uintptr_t)head >= LEAT__JOB_PEEK(&ctx->leat__low), 1)) {
        ctx->leat__head = head;
        fn(ctx, job);
    } else {
        leat__join_slow(ctx, job, fn);
    }
}

/* A job that returns an error: what its join returns. */
struct leat_call_job {
    struct leat_job job;
    int           (*fn)(struct leat_ctx *ctx, void *arg);
    void           *arg;
    int             result;
};

static inline void leat__call_job_run(struct leat_ctx *ctx, struct leat_job *job)
{
    struct leat_call_job *call = leat_container(job, struct leat_call_job, job);

    call->result = call->fn(ctx, call->arg);
}

static inline void leat_fork_call(struct leat_ctx *ctx, struct leat_call_job *call,
                                  int (*fn)(struct leat_ctx *ctx, void *arg), void *arg)
{
    call->fn = fn;
    call->arg = arg;
    leat_fork(ctx, &call->job, leat__call_job_run);
}

/* Returns what fn returned. Otherwise as leat_join. */
static inline int leat_join_call(struct leat_ctx *ctx, struct leat_call_job *call)
{
    leat_join(ctx, &call->job, leat__call_job_run);
    return call->result;
}

LEAT_END

#endif
