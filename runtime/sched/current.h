/* SPDX-License-Identifier: MIT */
/* The worker that the calling thread is. */
#ifndef LEAT_SCHED_CURRENT_H
#define LEAT_SCHED_CURRENT_H

#include "platform/tls.h"

struct leat__worker;

/* At the start of a worker's thread only, and NULL at its end. */
void leat__worker_become(struct leat__worker *worker);

/* NULL on other threads. The only reader of the thread-local, which a fiber finds another one in
 * after each suspension: never keep the result over one. Where it is a function (not known how to
 * do better, or somebody else's in its place: the simulation's and the model checker's) it must not
 * be inlined: current.c. */
#if defined(LEAT__TLS_READ) && !defined(LEAT__CURRENT_IS_CALLED)
#define LEAT__CURRENT_IS_READ 1

extern _Thread_local struct leat__worker *leat__current
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

static inline struct leat__worker *leat__worker_current(void)
{
    struct leat__worker *worker;

    LEAT__TLS_READ("leat__current", worker);
    return worker;
}
#else
struct leat__worker *leat__worker_current(void);
#endif

#endif
