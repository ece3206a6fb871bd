/* SPDX-License-Identifier: MIT */
/* The handle by which others call into a runtime: see call.c. */
#ifndef LEAT_TASK_CALL_H
#define LEAT_TASK_CALL_H

#include "lockfree/atomic.h"
#include "task/wait.h"

#include <leat/runtime.h>

#include <stdint.h>

struct leat__runtime;

/* Outlives its runtime for as long as somebody holds it. */
struct leat_runtime {
    LEAT_ATOMIC(uint32_t) holds; /* the runtime's own, and the program's */
    LEAT_ATOMIC(uint32_t) word;  /* twice the calls under way, and CLOSED */
    struct leat__runtime *runtime; /* valid while a call is counted */
    struct leat__ticket   closer;  /* waits for the last call, once CLOSED is set */
};

/* For the run room: make the runtime callable; -ENOMEM. */
int leat__calls_open(struct leat__runtime *runtime);

/* Refuse later calls from outside and wait for those under way. Called by a task. */
void leat__calls_close(struct leat__runtime *runtime);

/* Between the two the runtime runs: for a thread from outside. Returns -ESHUTDOWN when it does not
 * any more. */
int  leat__runtime_enter(struct leat_runtime *handle);
void leat__runtime_leave(struct leat_runtime *handle);

/* When every thread of the runtime has ended: let go of the handle. Fine when it was never open. */
void leat__calls_fini(struct leat__runtime *runtime);

#endif
