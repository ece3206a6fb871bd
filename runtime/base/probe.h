/* SPDX-License-Identifier: MIT */
/* Counters of the hot paths: one struct per worker, written by its worker alone, read by anybody.
 *
 *     leat__probe_count(&worker->probe.spawns);
 *
 * A count is a plain load, add and store (no locked instruction); a reader may see it a moment old,
 * never torn. The three are spelled as relaxed atomics because a reader on another thread would
 * otherwise be a data race; lockfree/atomic.h stands above this room, and a counter orders nothing,
 * so a model checker has no interest in it. */
#ifndef LEAT_BASE_PROBE_H
#define LEAT_BASE_PROBE_H

#include <stddef.h>
#include <stdint.h>

#define LEAT__PROBE_FIELDS(FIELD)                                                                  \
    FIELD(spawns)       /* tasks spawned */                                                        \
    FIELD(finishes)     /* tasks finished */                                                       \
    FIELD(switches)     /* context switches */                                                     \
    FIELD(parks)        /* tasks parked */                                                         \
    FIELD(readies)      /* tasks readied */                                                        \
    FIELD(yields)       /* tasks that gave way */                                                  \
    FIELD(rotations)    /* those by the short way, which are not counted as switches or yields */  \
    FIELD(inline_joins) /* children run in place by a join */                                      \
    FIELD(turns)        /* rounds of the worker loop */                                            \
    FIELD(reliefs)      /* times it did a computing worker's chores */                             \
    FIELD(steals)       /* visits to a victim that brought something */                            \
    FIELD(steal_items)  /* tasks brought by them */                                                \
    FIELD(steal_fails)  /* visits that brought nothing */                                          \
    FIELD(overflows)    /* batches pushed out of a full run queue */                               \
    FIELD(sleeps)       /* times the worker went to sleep */                                       \
    FIELD(wakes)        /* wake-ups sent to other workers */                                       \
    FIELD(polls)        /* looks at the reactor */                                                 \
    FIELD(inline_ops)   /* I/O done directly, without the reactor */                               \
    FIELD(ring_ops)     /* I/O submitted to the reactor */                                         \
    FIELD(ring_enters)  /* system calls made to submit or wait */                                  \
    FIELD(cancels)      /* ops cancelled */                                                        \
    FIELD(timer_arms)   /* timers set */                                                           \
    FIELD(timer_fires)  /* timers that fired */                                                    \
    FIELD(stack_gets)   /* stacks taken from the common source */                                  \
    FIELD(stack_puts)   /* stacks given back to it */                                              \
    FIELD(starved)      /* new tasks that found no stack, and wait for one */                      \
    FIELD(blocking_calls)                                                                          \
    FIELD(compute_calls)

struct leat__probe {
#define LEAT__PROBE_DECLARE(name) uint64_t name;
    LEAT__PROBE_FIELDS(LEAT__PROBE_DECLARE)
#undef LEAT__PROBE_DECLARE
};

/* By the owner only. */
static inline void leat__probe_add(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

static inline void leat__probe_count(uint64_t *counter)
{
    leat__probe_add(counter, 1);
}

/* By anybody. */
static inline uint64_t leat__probe_read(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* Add what `probe` holds to `sum`, which is the caller's own. */
static inline void leat__probe_sum(struct leat__probe *sum, const struct leat__probe *probe)
{
#define LEAT__PROBE_SUM(name) sum->name += leat__probe_read(&probe->name);
    LEAT__PROBE_FIELDS(LEAT__PROBE_SUM)
#undef LEAT__PROBE_SUM
}

#endif
