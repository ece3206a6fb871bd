/* SPDX-License-Identifier: MIT */
/* atomic.h as the simulation sees it: the macros of runtime/lockfree/atomic.h, with a decision
 * point before each operation that other threads may see in another order: each read-modify-write,
 * store that releases, load that acquires, and fence. What relaxed loads and stores race with is
 * delimited by the others, so they are points in some seeds only: they are many. First on the
 * include path of libleat_sim. */
#ifndef LEAT_SIM_SHIM_LOCKFREE_ATOMIC_H
#define LEAT_SIM_SHIM_LOCKFREE_ATOMIC_H

#include_next "lockfree/atomic.h"

#include "sim/point.h"

#undef load_relaxed
#undef store_relaxed
#define load_relaxed(p) (leat__sim_fine_point(), atomic_load_explicit((p), memory_order_relaxed))
#define store_relaxed(p, v)                                                                        \
    (leat__sim_fine_point(), atomic_store_explicit((p), (v), memory_order_relaxed))

#undef load_acquire
#undef load_seq_cst
#undef store_release
#undef store_seq_cst
#define load_acquire(p) (leat__sim_point(), atomic_load_explicit((p), memory_order_acquire))
#define load_seq_cst(p) (leat__sim_point(), atomic_load_explicit((p), memory_order_seq_cst))
#define store_release(p, v)                                                                        \
    (leat__sim_point(), atomic_store_explicit((p), (v), memory_order_release))
#define store_seq_cst(p, v)                                                                        \
    (leat__sim_point(), atomic_store_explicit((p), (v), memory_order_seq_cst))

#undef leat__cas_strong
#undef leat__cas_weak
#define leat__cas_strong(p, old, v, ok, no)                                                        \
    (leat__sim_point(), atomic_compare_exchange_strong_explicit((p), (old), (v),                   \
                                                                memory_order_##ok,                 \
                                                                memory_order_##no))
#define leat__cas_weak(p, old, v, ok, no)                                                          \
    (leat__sim_point(), atomic_compare_exchange_weak_explicit((p), (old), (v), memory_order_##ok,  \
                                                              memory_order_##no))

#define leat__sim_rmw(op, p, v, order)                                                             \
    (leat__sim_point(), atomic_##op##_explicit((p), (v), memory_order_##order))

#undef exchange_relaxed
#undef exchange_acquire
#undef exchange_release
#undef exchange_acq_rel
#undef exchange_seq_cst
#define exchange_relaxed(p, v) leat__sim_rmw(exchange, p, v, relaxed)
#define exchange_acquire(p, v) leat__sim_rmw(exchange, p, v, acquire)
#define exchange_release(p, v) leat__sim_rmw(exchange, p, v, release)
#define exchange_acq_rel(p, v) leat__sim_rmw(exchange, p, v, acq_rel)
#define exchange_seq_cst(p, v) leat__sim_rmw(exchange, p, v, seq_cst)

#undef fetch_add_relaxed
#undef fetch_add_acquire
#undef fetch_add_release
#undef fetch_add_acq_rel
#undef fetch_add_seq_cst
#define fetch_add_relaxed(p, v) leat__sim_rmw(fetch_add, p, v, relaxed)
#define fetch_add_acquire(p, v) leat__sim_rmw(fetch_add, p, v, acquire)
#define fetch_add_release(p, v) leat__sim_rmw(fetch_add, p, v, release)
#define fetch_add_acq_rel(p, v) leat__sim_rmw(fetch_add, p, v, acq_rel)
#define fetch_add_seq_cst(p, v) leat__sim_rmw(fetch_add, p, v, seq_cst)

#undef fetch_sub_relaxed
#undef fetch_sub_acquire
#undef fetch_sub_release
#undef fetch_sub_acq_rel
#undef fetch_sub_seq_cst
#define fetch_sub_relaxed(p, v) leat__sim_rmw(fetch_sub, p, v, relaxed)
#define fetch_sub_acquire(p, v) leat__sim_rmw(fetch_sub, p, v, acquire)
#define fetch_sub_release(p, v) leat__sim_rmw(fetch_sub, p, v, release)
#define fetch_sub_acq_rel(p, v) leat__sim_rmw(fetch_sub, p, v, acq_rel)
#define fetch_sub_seq_cst(p, v) leat__sim_rmw(fetch_sub, p, v, seq_cst)

#undef fetch_or_relaxed
#undef fetch_or_acquire
#undef fetch_or_release
#undef fetch_or_acq_rel
#undef fetch_or_seq_cst
#define fetch_or_relaxed(p, v) leat__sim_rmw(fetch_or, p, v, relaxed)
#define fetch_or_acquire(p, v) leat__sim_rmw(fetch_or, p, v, acquire)
#define fetch_or_release(p, v) leat__sim_rmw(fetch_or, p, v, release)
#define fetch_or_acq_rel(p, v) leat__sim_rmw(fetch_or, p, v, acq_rel)
#define fetch_or_seq_cst(p, v) leat__sim_rmw(fetch_or, p, v, seq_cst)

#undef fetch_and_relaxed
#undef fetch_and_acquire
#undef fetch_and_release
#undef fetch_and_acq_rel
#undef fetch_and_seq_cst
#define fetch_and_relaxed(p, v) leat__sim_rmw(fetch_and, p, v, relaxed)
#define fetch_and_acquire(p, v) leat__sim_rmw(fetch_and, p, v, acquire)
#define fetch_and_release(p, v) leat__sim_rmw(fetch_and, p, v, release)
#define fetch_and_acq_rel(p, v) leat__sim_rmw(fetch_and, p, v, acq_rel)
#define fetch_and_seq_cst(p, v) leat__sim_rmw(fetch_and, p, v, seq_cst)

#undef fence_seq_cst
#undef fence_light
#define fence_seq_cst() (leat__sim_point(), atomic_thread_fence(memory_order_seq_cst))
#define fence_light() (leat__sim_point(), atomic_signal_fence(memory_order_seq_cst))

/* In a loop that waits for another thread: that one first. */
#define cpu_relax() (leat__sim_on ? leat__sim_yield() : (cpu_relax)())

#endif
