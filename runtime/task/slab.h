/* SPDX-License-Identifier: MIT */
/* Memory for tasks' control blocks: 128 bytes each, from chunks that are kept until the runtime
 * ends, so that a block stays a block: a ticket for a wait that is over may still be tried on it
 * (I3 of wait_word.h). A worker takes and gives back from a list of its own; when that grows, a
 * batch goes to the others. malloc was rejected: it can give the memory to somebody else. */
#ifndef LEAT_TASK_SLAB_H
#define LEAT_TASK_SLAB_H

#include "lockfree/lock.h"

#include <stddef.h>

struct leat__task;
struct leat__worker;
struct leat__slab_chunk;

struct leat__slabs {
    struct leat__lock        lock;
    struct leat__slab_chunk *chunks; /* all there are */
    struct leat__task       *free;   /* batches, linked by their first blocks */
};

void leat__slabs_init(struct leat__slabs *slabs);
void leat__slabs_fini(struct leat__slabs *slabs); /* every task has ended */

/* A block for a new task, all but its wait word undefined; NULL without memory. `worker` is the
 * calling one, NULL on other threads. */
struct leat__task *leat__slab_get(struct leat__slabs *slabs, struct leat__worker *worker);
void               leat__slab_put(struct leat__slabs *slabs, struct leat__worker *worker,
                                  struct leat__task *task);

/* A worker's list, made before its thread starts. */
int  leat__slab_attach(struct leat__worker *worker);
void leat__slab_detach(struct leat__worker *worker);

#endif
