/* SPDX-License-Identifier: MIT */
/* What the tests of a pool from inside share. Its callers are plain threads here, which wait by the
 * same protocol as tasks, and each calls a function that waits at a gate.
 *
 *     pool_call(&fixture, 5);            // five callers
 *     pool_await_entered(&fixture, 3);   // three of their calls run
 *     store_release(&fixture.open, 1);
 *     pool_join_callers(&fixture, POOL_PASSED); */
#ifndef LEAT_TESTS_HARNESS_POOL_H
#define LEAT_TESTS_HARNESS_POOL_H

#include "harness/test.h"
#include "lockfree/atomic.h"
#include "platform/thread.h"
#include "task/runtime.h"

#include <pthread.h>

#define POOL_CALLERS_MAX 8
#define POOL_PASSED      7 /* what a call that passed the gate returns */

struct pool_fixture {
    struct leat__runtime runtime;
    void *pool;
    int (*call)(void *pool, int (*fn)(void *arg), void *arg);
    void (*stop)(void *pool);
    LEAT_ATOMIC(int) entered, open; /* the gate */

    struct pool_caller {
        struct pool_fixture *fixture;
        pthread_t            thread;
        LEAT_ATOMIC(int) id;
        int                  result;
    } caller[POOL_CALLERS_MAX];
    int callers;
};

int pool_nothing(void *arg);

/* arg: the fixture. */
int pool_pass_gate(void *arg);

/* Starts that many callers. */
void pool_call(struct pool_fixture *fixture, int count);

/* One more, which does something else: fn gets the caller. */
void pool_call_by(struct pool_fixture *fixture, void *(*fn)(void *caller));

/* Each call has returned `result`. */
void pool_join_callers(struct pool_fixture *fixture, int result);

void pool_await_entered(struct pool_fixture *fixture, int count);

/* For pools that start threads: as leat__thread_start for the next `left` starts, which then fail,
 * slowly, and are counted. */
int pool_start_some(struct leat__thread *thread, const struct leat__thread_options *options,
                    void (*fn)(void *arg), void *arg);
void pool_starts_left(int left);
int pool_starts_failed(void);

/* The pool, of one thread, stops beside four callers, of whom three are queued: all are served, and
 * later calls refused. */
void pool_stop_beside_callers(struct pool_fixture *fixture);

#endif
