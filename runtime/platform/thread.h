/* SPDX-License-Identifier: MIT */
/* Threads of the runtime: named, bound or not, out of the way of the user's signals.
 *
 *     struct leat__thread thread;
 *     int err = leat__thread_start(&thread, &(struct leat__thread_options){ .name = "leat/pool",
 *                                  .bind_cpu = -1, .block_signals = true }, run, pool);
 *     leat__thread_join(&thread);
 */
#ifndef LEAT_PLATFORM_THREAD_H
#define LEAT_PLATFORM_THREAD_H

#include "platform/cpu.h"
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

struct leat__thread {
    pthread_t handle;
};

struct leat__thread_options {
    const char *name;              /* up to 15 bytes count; NULL: the starter's */
    size_t stack_bytes;            /* 0: the system's default */
    int bind_cpu;                  /* run on this CPU only; -1: don't bind */
    const struct leat__cpus *cpus; /* not bound: run on all of these, whatever the starter is bound
                                      to (masks are inherited); NULL: the starter's mask */
    bool batch;                    /* ask for batch scheduling: for long computations */
    bool block_signals;            /* take none of the user's signals; faults of its own stay */
    int  open_signal;              /* but this one it takes; 0: none */
    bool signal_stack;             /* handlers with SA_ONSTACK get a stack of 64 KiB */
};

/* A name, a mask or a policy that can't be had is no failure: they are wishes.
 * Returns 0, -EAGAIN or -ENOMEM. Owns: `options` is copied, its cpus too. */
int leat__thread_start(struct leat__thread *thread, const struct leat__thread_options *options,
                       void (*fn)(void *arg), void *arg);

/* Wait for the end of a thread that was started; once for each. */
void leat__thread_join(struct leat__thread *thread);

/* Nobody will join it; it may have ended. Instead of a join. */
void leat__thread_detach(struct leat__thread *thread);

/* Bind the calling thread to one CPU. Returns 0, or -EINVAL when it is not for us. */
int leat__thread_bind(int cpu);

/* Give the calling thread every CPU of the mask back. */
int leat__thread_unbind(const struct leat__cpus *cpus);

/* Block all signals on the calling thread but those a thread raises by its own faults. */
void leat__thread_block_signals(void);

/* The calling thread, which somebody else started, is to be a worker for a while: a stack for
 * handlers with SA_ONSTACK, unless it has one, and the open signal let through. close undoes it. */
struct leat__thread_signals {
    char    *stack; /* NULL: it has one of its own, or there is no memory */
    stack_t  stack_before;
    sigset_t mask_before;
};
void leat__thread_signals_open(struct leat__thread_signals *signals, int open_signal);
void leat__thread_signals_close(struct leat__thread_signals *signals);

/* The kernel's number for the calling thread (a system call: keep it). */
int leat__thread_id(void);

#endif
