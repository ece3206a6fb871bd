/* SPDX-License-Identifier: MIT */
/* Memory for tasks' control blocks: a cache line each, from chunks that are kept until the runtime
 * ends, so that a block stays a block: a ticket for a wait that is over may still be tried on it
 * (I3 of wait_word.h). A worker takes and gives back from a stock of its own; when that grows, a
 * batch goes to the others. malloc was rejected: it can give the memory to somebody else. */
#ifndef LEAT_TASK_SLAB_H
#define LEAT_TASK_SLAB_H

#include "lockfree/lock.h"

#include <stddef.h>
#include <stdint.h>

struct leat__task;
struct leat__worker;
struct leat__slab_chunk;
struct leat__magazine;

struct leat__slabs {
    struct leat__lock        lock;
    LEAT_ATOMIC(struct leat__slab_chunk *) chunks; /* all there are, the newest first */
    struct leat__magazine   *full;   /* of free blocks */
    struct leat__magazine   *empty;
    struct {
        struct leat__task *free;              /* linked */
        struct leat__task *fresh, *fresh_end; /* never used */
    } shared; /* by threads that are no workers */
};

void leat__slabs_init(struct leat__slabs *slabs);
void leat__slabs_fini(struct leat__slabs *slabs); /* every task has ended */

/* A block for a new task, all but its wait word undefined; NULL without memory. `worker` is the
 * calling one, NULL on other threads. */
struct leat__task *leat__slab_get(struct leat__slabs *slabs, struct leat__worker *worker);
void               leat__slab_put(struct leat__slabs *slabs, struct leat__worker *worker,
                                  struct leat__task *task);

/* For walks over every block there is, free or not: the chunks, oldest last (NULL is first and at
 * the end), and the blocks in one (NULL beyond). The chunks that exist at the beginning stay;
 * blocks may change hands meanwhile. Any thread; async-signal-safe. */
struct leat__slab_chunk *leat__slab_next(const struct leat__slabs      *slabs,
                                         const struct leat__slab_chunk *chunk);
struct leat__task       *leat__slab_block(struct leat__slab_chunk *chunk, size_t index);

/* A number for the block, from 1; 0: it is none of these. Likewise. */
uint64_t leat__slab_number(const struct leat__slabs *slabs, const struct leat__task *task);

/* A worker's stock, made before its thread starts, unmade when it has ended. */
int  leat__slab_attach(struct leat__worker *worker);
void leat__slab_detach(struct leat__worker *worker);

#endif
