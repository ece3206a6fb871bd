/* SPDX-License-Identifier: MIT */
/* Stacks for fibers: many, cheap, guarded.
 *
 *     struct leat__stack *batch;
 *     int got = leat__stacks_get(&stacks, &batch, 16);      1..16, or -ENOMEM
 *     ... batch, batch->next, ...
 *     leat__stacks_put(&stacks, batch);
 *
 * A million stacks must cost little more than the one page each has touched. So the header lives at
 * the top of its own stack, beside the first frames (one page for both); arenas are mapped in large
 * pieces, not stack by stack; the guard is no mapping of its own where the kernel allows it
 * (a mapping per stack would end at 32,754 of them); and the stride between stacks is kept short,
 * because page tables cost 4 KiB for each 2 MiB of addresses touched.
 *
 *     low addresses                                                high addresses
 *     | guard | ............ usable ............ first frames | header | colour | guard ...
 *             ^ low                                           ^ the struct      ^ the next slot
 *
 * What others must reach of a fiber while it is parked is better off elsewhere: a stack that was
 * not used for long costs a miss of the TLB and, as page tables go, two of the cache. So each has a
 * little memory on its side (`side`), which lies densely, in the order of the stacks, and stays
 * what it is when the stack's pages are taken.
 *
 * The colour is a gap of 0 to 15 times 128 bytes at the top: without it the busy ends of all stacks
 * would fall into the same few cache sets.
 *
 * The source is meant to be asked for batches; a worker keeps its hot ones itself and hands them
 * over from task to task. What came back and was not needed for a while loses its pages, many
 * stacks in one system call, when somebody has nothing else to do (leat__stacks_trim). Doing it
 * where they come back was tried: a million tasks that end together then give back their pages
 * while others wait, and programs that go in waves fault in the same pages again.
 *
 * Threads: get, put and count from any; a stack in hand belongs to its holder. */
#ifndef LEAT_PLATFORM_STACK_H
#define LEAT_PLATFORM_STACK_H

#include <leat/time.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LEAT__STACK_BYTES = 64 * 1024, /* what users are promised by default */
    LEAT__STACK_GUARD_BYTES = 32 * 1024, /* (rounded up to pages) */
    LEAT__STACK_COLOURS = 16,
    LEAT__STACK_COLOUR_BYTES = 128,
    LEAT__STACK_SIDE_BYTES = 64, /* a cache line */
};

struct leat__stack {
    struct leat__stack *next; /* the holder's: batch or free list */
    char *low;                /* lowest usable address, just above the guard */
    size_t bytes;             /* usable: from low up to this header */
    struct leat__stack_arena *arena;
    void *tsan_fiber;     /* TSan builds: the fiber that last ran here */
    unsigned valgrind_id; /* its number for this stack */
    unsigned slot;        /* in the arena */
    void *side; /* LEAT__STACK_SIDE_BYTES, all-zero at first */
    uint64_t reserved;
};

/* How overflow is stopped, best first. */
enum leat__guard {
    LEAT__GUARD_MADVISE,  /* markers inside the mapping: no limit on their number */
    LEAT__GUARD_MPROTECT, /* two mappings a stack: ends at guard_max */
    LEAT__GUARD_NONE,
};

struct leat__stack_counts {
    size_t mapped;    /* stacks there are addresses for */
    size_t out;       /* in use outside the source */
    size_t warm;      /* free, with their pages */
    size_t guarded;   /* have ever got a guard */
    size_t unguarded; /* handed out without one, each time counted */
    size_t trimmed;   /* had their pages taken, each time counted */
};

struct leat__stacks {
    pthread_mutex_t lock;             /* guards all below but the constants */
    struct leat__stack_arena *arenas; /* all */
    struct leat__stack_arena *bare;   /* those with slots that have no pages */
    struct leat__stack_arena *warm;   /* those with free slots that have, the latest first */
    struct leat__stack_arena *coldest; /* the last of them */
    struct leat__stack_counts counts;
    size_t arena_slots; /* of the next arena */
    size_t low;         /* the fewest warm ones there have been in this period */
    bool trimming;      /* somebody is: one at a time */
    /* constants; a test may change them before the first get */
    size_t stride;
    size_t usable;
    size_t guard_bytes;
    size_t guard_max; /* stacks, for LEAT__GUARD_MPROTECT: leaves mappings to the program */
    size_t keep;      /* warm stacks that are kept whatever happens */
    enum leat__guard guard;
};

/* Nothing is mapped yet. usable_bytes 0: the default. Returns 0, -EINVAL (beyond 1 GiB), or what
 * creating a mutex says. */
int leat__stacks_init(struct leat__stacks *stacks, size_t usable_bytes);

/* Every stack must be back. */
void leat__stacks_fini(struct leat__stacks *stacks);

/* Take up to `want` (at least 1) stacks, linked by next, each of at least the promised size.
 * Returns how many, or -ENOMEM when not even one can be had; then *ret is untouched. */
int leat__stacks_get(struct leat__stacks *stacks, struct leat__stack **ret, unsigned want);

/* Give back a batch linked by next; NULL is fine. Nothing may run on them any more: a fiber that
 * ends can't give back the stack it stands on, the next context does it. Returns whether so many
 * are free now that leat__stacks_trim is to be called after LEAT__STACKS_PERIOD_NS. */
bool leat__stacks_put(struct leat__stacks *stacks, struct leat__stack *batch);

/* Take the pages of up to `max` stacks that lay free for a whole period; `keep` are left alone.
 * To be called about every LEAT__STACKS_PERIOD_NS by somebody who has a moment (0.3 us a stack
 * where its neighbours go with it, 1.9 where not) while stacks come back. Returns after how
 * long to call again: 0 when there is more, LEAT_NEVER when there is no need until the next put. */
#define LEAT__STACKS_PERIOD_NS (500 * LEAT_MSEC)
leat_time leat__stacks_trim(struct leat__stacks *stacks, size_t max);

void leat__stacks_count(struct leat__stacks *stacks, struct leat__stack_counts *ret);

/* For the start report: "madvise", "mprotect" or "none". */
const char *leat__stacks_guard_name(const struct leat__stacks *stacks);

/* Does installing a guard by `guard` really keep writes out on this machine? Tried with a system
 * call that writes into a guarded page, so that no signal is raised. */
bool leat__guard_works(enum leat__guard guard);

/* Is addr on the stack, in the guard below it? The second tells overflow from other faults; both
 * are safe in a signal handler. */
static inline bool leat__stack_contains(const struct leat__stack *stack, const void *addr)
{
    uintptr_t a = (uintptr_t)addr;

    return a >= (uintptr_t)stack->low && a < (uintptr_t)stack;
}

static inline bool leat__stack_overflowed(const struct leat__stack *stack, const void *addr)
{
    uintptr_t a = (uintptr_t)addr;

    return a < (uintptr_t)stack->low && a >= (uintptr_t)stack->low - LEAT__STACK_GUARD_BYTES;
}

/* Bytes left below the caller's frame; the caller runs on this stack. */
static inline size_t leat__stack_left(const struct leat__stack *stack)
{
    return (size_t)((uintptr_t)__builtin_frame_address(0) - (uintptr_t)stack->low);
}

#endif
