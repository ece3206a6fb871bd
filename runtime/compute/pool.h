/* SPDX-License-Identifier: MIT */
/* The compute pool: one thread per CPU for calls that compute, beside the workers, so that a long
 * one cannot hold a reactor. One per runtime. leat_compute (leat/compute.h) is its public face. */
#ifndef LEAT_COMPUTE_POOL_H
#define LEAT_COMPUTE_POOL_H

#include "platform/thread.h"

struct leat__compute;
struct leat__runtime;

/* Starts no thread yet: calls do, up to `threads` (at least 1). `cpus` is the mask that they run
 * on; NULL: that of whoever starts them. Owns: `runtime` and `cpus` are borrowed until stop has
 * returned. Returns 0 or -ENOMEM. */
int leat__compute_create(struct leat__compute **ret, struct leat__runtime *runtime,
                         unsigned threads, const struct leat__cpus *cpus);

/* fn(arg) on a thread of the pool. Returns as leat_compute; -EPIPE once the pool was stopped. */
int leat__compute_call(struct leat__compute *pool, int (*fn)(void *arg), void *arg);

/* Refuse new calls, finish those taken, end and join the threads. */
void leat__compute_stop(struct leat__compute *pool);

/* NULL is fine. The pool was stopped, or never called. */
void leat__compute_destroy(struct leat__compute *pool);

/* Threads started so far. */
unsigned leat__compute_threads(struct leat__compute *pool);

/* For tests, before the first call: another way to start threads. */
typedef int leat__compute_start_fn(struct leat__thread *thread,
                                   const struct leat__thread_options *options,
                                   void (*fn)(void *arg), void *arg);
void leat__compute_tune(struct leat__compute *pool, leat__compute_start_fn *start);

/* Threads it has. */
unsigned leat__compute_count(struct leat__compute *pool);

#endif
