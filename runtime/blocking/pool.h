/* SPDX-License-Identifier: MIT */
/* The blocking pool: threads that may sleep in system calls, as many as there are calls, up to a
 * limit. One per runtime. leat_blocking (leat/pool.h) is its public face. */
#ifndef LEAT_BLOCKING_POOL_H
#define LEAT_BLOCKING_POOL_H

#include "platform/thread.h"

#include <leat/time.h>

#include <stddef.h>

struct leat__blocking;
struct leat__offload_pool;
struct leat__runtime;

/* A thread that has had no work for this long ends. */
#define LEAT__BLOCKING_IDLE (10 * LEAT_SEC)

/* How long a stop waits for calls that nobody waits for. */
#define LEAT__BLOCKING_STOP (10 * LEAT_SEC)

/* Starts no thread yet: the first call does. threads_max is at least 1. `cpus` is the mask that the
 * threads run on; NULL: that of whoever starts them. Owns: `runtime` and `cpus` are borrowed until
 * stop has returned. Returns 0 or -ENOMEM. */
int leat__blocking_create(struct leat__blocking **ret, struct leat__runtime *runtime,
                          unsigned threads_max, const struct leat__cpus *cpus);

/* fn(arg) on a thread of the pool. Returns as leat_blocking; -EPIPE once the pool was stopped. */
int leat__blocking_call(struct leat__blocking *pool, int (*fn)(void *arg), void *arg);

/* leat_blocking, and leat_blocking_owned, for calls of another kind than the program's own. */
int leat__blocking_files(int (*fn)(void *arg), void *arg);
int leat__blocking_names(int (*fn)(void *value), void *value, size_t bytes,
                         void (*drop)(void *value));

/* Refuse new calls, finish those taken, end and join the threads. A call that holds this up for a
 * second is named in the runtime's log, and again every ten. After `limit` (0: ten seconds) the
 * threads of abandoned calls are left behind, which is logged, too: they free the pool when they
 * end. Calls on their callers' memory are waited for in any case, by their callers. */
void leat__blocking_stop(struct leat__blocking *pool, leat_time limit);

/* NULL is fine. The pool was stopped, or never called; threads left behind keep what they need. */
void leat__blocking_destroy(struct leat__blocking *pool);

/* Threads alive, and how many of them have nothing to do. */
void leat__blocking_count(struct leat__blocking *pool, unsigned *threads, unsigned *idle);

/* For tests, before the first call: another life of idle threads, another way to start them. */
typedef int leat__blocking_start_fn(struct leat__thread *thread,
                                    const struct leat__thread_options *options,
                                    void (*fn)(void *arg), void *arg);
void leat__blocking_tune(struct leat__blocking *pool, leat_time idle,
                         leat__blocking_start_fn *start);

/* For tests: where calls of a kind go in and are taken back. */
enum leat__blocking_kind { LEAT__BLOCKING_USER, LEAT__BLOCKING_FILES, LEAT__BLOCKING_NAMES };
struct leat__offload_pool *leat__blocking_port(struct leat__blocking *pool,
                                               enum leat__blocking_kind kind);

#endif
