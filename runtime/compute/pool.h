/* SPDX-License-Identifier: MIT */
/* The compute pool: one thread per CPU for what computes, beside the workers, so that a long
 * computation cannot hold a reactor. One per runtime. leat/compute.h and leat/job.h are its public
 * faces; lane.h is what its threads work with. */
#ifndef LEAT_COMPUTE_POOL_H
#define LEAT_COMPUTE_POOL_H

#include "base/list.h"
#include "compute/lane.h"
#include "platform/thread.h"

#include <stdbool.h>

struct leat__compute;
struct leat__runtime;

/* Starts no thread yet: calls and forks do, up to `threads` (at least 1). `cpus` is the mask that
 * they run on; NULL: that of whoever starts them. Owns: `runtime` and `cpus` are borrowed until
 * stop has returned. Returns 0 or -ENOMEM. */
int leat__compute_create(struct leat__compute **ret, struct leat__runtime *runtime,
                         unsigned threads, const struct leat__cpus *cpus);

/* fn(arg) on a thread of the pool. Returns as leat_compute; -EPIPE once the pool was stopped. */
int leat__compute_call(struct leat__compute *pool, int (*fn)(void *arg), void *arg);

/* A job that a plain thread has posted. Private part of a struct leat_posted. */
struct leat__post {
    struct leat_job      *job;
    struct leat__list     node;
    struct leat__root     root;
    struct leat__compute *pool;
    struct leat_runtime  *runtime;
} __attribute__((may_alias));

/* Queue the post: a thread of the pool will run its job and end it, unless withdraw gets it back.
 * Returns 0, -EPIPE once the pool was stopped, or -EAGAIN when there is no thread. */
int leat__compute_post(struct leat__compute *pool, struct leat__post *post);

/* Take the post back: false when a thread has it. `lane`: take a guest's with it, as enter does,
 * under the same lock; NULL: the caller has one. */
bool leat__compute_withdraw(struct leat__compute *pool, struct leat__post *post,
                            struct leat__lane **lane);

/* A plain thread that computes itself: a lane for as long, so that the pool can help. NULL: there
 * is none left, or no memory. */
struct leat__lane *leat__compute_enter(struct leat__compute *pool);
void leat__compute_leave(struct leat__compute *pool, struct leat__lane *lane);

/* Refuse new calls, finish those taken, end and join the threads. No guest is inside. */
void leat__compute_stop(struct leat__compute *pool);

/* NULL is fine. The pool was stopped, or never called. */
void leat__compute_destroy(struct leat__compute *pool);

/* Threads started so far. */
unsigned leat__compute_threads(struct leat__compute *pool);
unsigned leat__compute_count(struct leat__compute *pool);

/* How many of them may compute at a time. */
unsigned leat__compute_places(const struct leat__compute *pool);

/* For tests, before the first call: another way to start threads. */
typedef int leat__compute_start_fn(struct leat__thread *thread,
                                   const struct leat__thread_options *options,
                                   void (*fn)(void *arg), void *arg);
void leat__compute_tune(struct leat__compute *pool, leat__compute_start_fn *start);

#endif
