/* SPDX-License-Identifier: MIT */
/* Control blocks by the chunk: see slab.h.
 *
 * Free blocks are kept by address in magazines (Bonwick and Adams, "Magazines and vmem", 2001), not
 * linked through their own memory: a list of a million would be a million cache misses to walk, and
 * a block is cold exactly when it is free for long. A worker has two magazines, so that gets and
 * puts around a boundary do not go to the depot each time, and new blocks come in rising order from
 * a chunk of its own. */
#include "task/slab.h"
#include "sched/sched.h"
#include "task/task.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES     (64 * 1024)
#define CHUNK_TASKS     (CHUNK_BYTES / sizeof(struct leat__task) - 1)
#define MAGAZINE_BLOCKS 126 /* with its header, 1 KiB */
#define PREFETCH        4   /* so many gets before its own a block is asked of the cache */

struct leat__slab_chunk {
    alignas(64) struct leat__slab_chunk *next; /* constant, as all here, once it is in the list */
    uint64_t number; /* of its first block */
    alignas(64) struct leat__task tasks[CHUNK_TASKS];
};
_Static_assert(sizeof(struct leat__slab_chunk) <= CHUNK_BYTES, "a header of one block");

struct leat__magazine {
    struct leat__magazine *next;
    size_t                 count;
    struct leat__task     *blocks[MAGAZINE_BLOCKS];
};

/* A worker's own. */
struct slab {
    struct leat__magazine *loaded, *other; /* NULL: none yet */
    struct leat__task     *fresh, *fresh_end; /* blocks of a chunk that were never used */
    struct leat__task     *spill; /* linked: put without memory for a magazine */
};

/* In a block that is free. */
static struct leat__task **next_free(struct leat__task *task)
{
    return (struct leat__task **)(void *)&task->fiber.brief[0];
}

void leat__slabs_init(struct leat__slabs *slabs)
{
    memset(slabs, 0, sizeof *slabs);
}

static void free_magazines(struct leat__magazine *magazine)
{
    while (magazine) {
        struct leat__magazine *next = magazine->next;

        free(magazine);
        magazine = next;
    }
}

void leat__slabs_fini(struct leat__slabs *slabs)
{
    struct leat__slab_chunk *next;

    /* relaxed: nobody else is there any more */
    for (struct leat__slab_chunk *chunk = load_relaxed(&slabs->chunks); chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free_magazines(slabs->full);
    free_magazines(slabs->empty);
    memset(slabs, 0, sizeof *slabs);
}

/* With the lock held. */
static struct leat__slab_chunk *add_chunk(struct leat__slabs *slabs)
{
    struct leat__slab_chunk *chunk = aligned_alloc(alignof(struct leat__slab_chunk), sizeof *chunk);

    if (!chunk)
        return NULL;
    memset(chunk, 0, sizeof *chunk); /* wait words begin at generation 0 */
    chunk->next = load_relaxed(&slabs->chunks); /* relaxed: under the lock */
    chunk->number = chunk->next ? chunk->next->number + CHUNK_TASKS : 1;
    store_release(&slabs->chunks, chunk); /* pairs with the acquire in leat__slab_next */
    return chunk;
}

/* Off a list of magazines, with the lock held. */
static struct leat__magazine *pop(struct leat__magazine **list)
{
    struct leat__magazine *magazine = *list;

    if (magazine)
        *list = magazine->next;
    return magazine;
}

static void push(struct leat__magazine **list, struct leat__magazine *magazine)
{
    if (!magazine)
        return;
    magazine->next = *list;
    *list = magazine;
}

/* Both magazines are empty: a full one from the depot, or a chunk. */
static struct leat__task *refill(struct leat__slabs *slabs, struct slab *slab)
{
    struct leat__magazine *full;
    struct leat__slab_chunk *chunk;
    struct leat__task *task = slab->spill;

    if (task) {
        slab->spill = *next_free(task);
        return task;
    }
    leat__lock(&slabs->lock);
    full = pop(&slabs->full);
    if (full) {
        push(&slabs->empty, slab->loaded);
        slab->loaded = full;
        leat__unlock(&slabs->lock);
        return full->blocks[--full->count];
    }
    chunk = add_chunk(slabs);
    leat__unlock(&slabs->lock);
    if (!chunk)
        return NULL;
    slab->fresh = chunk->tasks + 1;
    slab->fresh_end = chunk->tasks + CHUNK_TASKS;
    return chunk->tasks;
}

/* A thread that is no worker: one block at a time, under the lock. */
static struct leat__task *get_shared(struct leat__slabs *slabs)
{
    struct leat__task *task;

    leat__lock(&slabs->lock);
    if (!slabs->shared.fresh || slabs->shared.fresh == slabs->shared.fresh_end) {
        struct leat__slab_chunk *chunk = slabs->shared.free ? NULL : add_chunk(slabs);

        if (chunk) {
            slabs->shared.fresh = chunk->tasks;
            slabs->shared.fresh_end = chunk->tasks + CHUNK_TASKS;
        }
    }
    task = slabs->shared.free;
    if (task)
        slabs->shared.free = *next_free(task);
    else if (slabs->shared.fresh != slabs->shared.fresh_end)
        task = slabs->shared.fresh++;
    leat__unlock(&slabs->lock);
    return task;
}

struct leat__task *leat__slab_get(struct leat__slabs *slabs, struct leat__worker *worker)
{
    struct slab *slab = worker ? *leat__worker_slot(worker) : NULL;
    struct leat__magazine *loaded;

    if (!slab)
        return get_shared(slabs);
    loaded = slab->loaded;
    if (!loaded || loaded->count == 0) {
        if (slab->other && slab->other->count > 0) {
            slab->loaded = slab->other;
            slab->other = loaded;
            loaded = slab->loaded;
        } else if (slab->fresh != slab->fresh_end) {
            return slab->fresh++;
        } else {
            return refill(slabs, slab);
        }
    }
    if (__builtin_expect(loaded->count > PREFETCH, 1)) {
        __builtin_prefetch(loaded->blocks[loaded->count - PREFETCH - 1], 1);
    }
    return loaded->blocks[--loaded->count];
}

/* Both magazines are full: one goes to the depot. False without memory for another. */
static bool unload(struct leat__slabs *slabs, struct slab *slab)
{
    struct leat__magazine *empty;

    leat__lock(&slabs->lock);
    empty = pop(&slabs->empty);
    leat__unlock(&slabs->lock);
    if (!empty)
        empty = malloc(sizeof *empty);
    if (!empty)
        return false;
    empty->count = 0;
    if (slab->other) {
        leat__lock(&slabs->lock);
        push(&slabs->full, slab->other);
        leat__unlock(&slabs->lock);
    }
    slab->other = slab->loaded;
    slab->loaded = empty;
    return true;
}

void leat__slab_put(struct leat__slabs *slabs, struct leat__worker *worker, struct leat__task *task)
{
    struct slab *slab = worker ? *leat__worker_slot(worker) : NULL;
    struct leat__magazine *loaded;

    if (!slab) {
        leat__lock(&slabs->lock);
        *next_free(task) = slabs->shared.free;
        slabs->shared.free = task;
        leat__unlock(&slabs->lock);
        return;
    }
    loaded = slab->loaded;
    if (!loaded || loaded->count == MAGAZINE_BLOCKS) {
        if (slab->other && slab->other->count < MAGAZINE_BLOCKS) {
            slab->loaded = slab->other;
            slab->other = loaded;
        } else if (!unload(slabs, slab)) {
            *next_free(task) = slab->spill;
            slab->spill = task;
            return;
        }
        loaded = slab->loaded;
    }
    loaded->blocks[loaded->count++] = task;
}

struct leat__slab_chunk *leat__slab_next(const struct leat__slabs      *slabs,
                                         const struct leat__slab_chunk *chunk)
{
    return chunk ? chunk->next : load_acquire(&slabs->chunks); /* pairs with add_chunk's release */
}

struct leat__task *leat__slab_block(struct leat__slab_chunk *chunk, size_t index)
{
    return index < CHUNK_TASKS ? &chunk->tasks[index] : NULL;
}

uint64_t leat__slab_number(const struct leat__slabs *slabs, const struct leat__task *task)
{
    const struct leat__slab_chunk *chunk = NULL;

    while ((chunk = leat__slab_next(slabs, chunk)))
        if ((uintptr_t)task - (uintptr_t)chunk->tasks < sizeof chunk->tasks)
            return chunk->number + (uint64_t)(task - chunk->tasks);
    return 0;
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
    struct slab *slab = *leat__worker_slot(worker);

    if (!slab)
        return;
    free(slab->loaded);
    free(slab->other);
    free(slab);
    *leat__worker_slot(worker) = NULL;
}
