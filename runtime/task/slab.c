/* SPDX-License-Identifier: MIT */
/* Control blocks by the chunk: see slab.h. */
#include "task/slab.h"
#include "sched/sched.h"
#include "task/task.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (64 * 1024)
#define CHUNK_TASKS (CHUNK_BYTES / sizeof(struct leat__task) - 1)
#define BATCH       64

struct leat__slab_chunk {
    alignas(128) struct leat__slab_chunk *next;
    alignas(128) struct leat__task tasks[CHUNK_TASKS];
};
_Static_assert(sizeof(struct leat__slab_chunk) <= CHUNK_BYTES, "a header of one block");

/* A worker's own: up to two batches, so that a task spawned and ended in turn never leaves it. */
struct slab {
    struct leat__task *free;
    unsigned           count;
};

void leat__slabs_init(struct leat__slabs *slabs)
{
    memset(slabs, 0, sizeof *slabs);
}

void leat__slabs_fini(struct leat__slabs *slabs)
{
    struct leat__slab_chunk *next;

    for (struct leat__slab_chunk *chunk = slabs->chunks; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    slabs->chunks = NULL;
    slabs->free = NULL;
}

/* With the lock held: more blocks onto the common list. */
static bool grow(struct leat__slabs *slabs)
{
    struct leat__slab_chunk *chunk = aligned_alloc(alignof(struct leat__slab_chunk), sizeof *chunk);

    if (!chunk)
        return false;
    memset(chunk, 0, sizeof *chunk); /* wait words begin at generation 0 */
    chunk->next = slabs->chunks;
    slabs->chunks = chunk;
    for (size_t i = CHUNK_TASKS; i-- > 0;) { /* rising addresses come out first */
        chunk->tasks[i].own.next_free = slabs->free;
        slabs->free = &chunk->tasks[i];
    }
    return true;
}

/* Up to `want` blocks off the common list, in its order. */
static unsigned take(struct leat__slabs *slabs, unsigned want, struct leat__task **ret)
{
    struct leat__task *last;
    unsigned count = 1;

    leat__lock(&slabs->lock);
    if (!slabs->free && !grow(slabs)) {
        leat__unlock(&slabs->lock);
        return 0;
    }
    *ret = last = slabs->free;
    for (; count < want && last->own.next_free; count++)
        last = last->own.next_free;
    slabs->free = last->own.next_free;
    last->own.next_free = NULL;
    leat__unlock(&slabs->lock);
    return count;
}

struct leat__task *leat__slab_get(struct leat__slabs *slabs, struct leat__worker *worker)
{
    struct slab *slab = worker ? *leat__worker_slot(worker) : NULL;
    struct leat__task *task;

    if (!slab)
        return take(slabs, 1, &task) ? task : NULL;
    if (!slab->free)
        slab->count = take(slabs, BATCH, &slab->free);
    task = slab->free;
    if (task) {
        slab->free = task->own.next_free;
        slab->count--;
    }
    return task;
}

static void give_back(struct leat__slabs *slabs, struct leat__task *first, struct leat__task *last)
{
    leat__lock(&slabs->lock);
    last->own.next_free = slabs->free;
    slabs->free = first;
    leat__unlock(&slabs->lock);
}

void leat__slab_put(struct leat__slabs *slabs, struct leat__worker *worker, struct leat__task *task)
{
    struct slab *slab = worker ? *leat__worker_slot(worker) : NULL;
    struct leat__task *first, *last;

    if (!slab) {
        give_back(slabs, task, task);
        return;
    }
    task->own.next_free = slab->free;
    slab->free = task;
    if (++slab->count < 2 * BATCH)
        return;
    first = last = slab->free;
    for (unsigned i = 1; i < BATCH; i++)
        last = last->own.next_free;
    slab->free = last->own.next_free;
    slab->count -= BATCH;
    give_back(slabs, first, last);
}

int leat__slab_attach(struct leat__worker *worker)
{
    struct slab *slab = calloc(1, sizeof *slab);

    if (!slab)
        return -ENOMEM;
    *leat__worker_slot(worker) = slab;
    return 0;
}

void leat__slab_detach(struct leat__worker *worker)
{
    void **slot = leat__worker_slot(worker);

    free(*slot);
    *slot = NULL;
}
