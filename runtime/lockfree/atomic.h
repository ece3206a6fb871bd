/* SPDX-License-Identifier: MIT */
/*
 * atomic.h: the vocabulary of atomic operations. The memory order is part of the name, so that it
 * is read where the operation is and can't be left out: load_acquire(p), cas_release(p, &old, v).
 *
 * This is the only file that includes <stdatomic.h>. The model checker (tests/model) puts a file
 * of the same name first on its include path and so sees every operation; an atomic that is made
 * by other means would escape it. The alternative, C11's operators on _Atomic objects (`x++`), is
 * seq_cst without saying so.
 *
 *   struct gate { LEAT_ATOMIC(uint32_t) open; };
 *   store_release(&gate->open, 1);         // pairs with load_acquire in gate_wait
 *
 * All macros are generic in the object's type and evaluate each argument once.
 *
 *   load_{relaxed,acquire,seq_cst}(p)
 *   store_{relaxed,release,seq_cst}(p, v)
 *   exchange_{relaxed,acquire,release,acq_rel,seq_cst}(p, v)            returns the old value
 *   cas_<order>(p, &expected, desired)        bool; on failure, expected is what was seen (relaxed,
 *                                             or acquire where <order> contains an acquire)
 *   cas_weak_<order>(p, &expected, desired)   the same, may fail for no reason: for loops
 *   fetch_{add,sub,or,and}_<order>(p, v)                                returns the old value
 *   fence_{acquire,release,seq_cst}()
 *   fence_light()                             no instruction: seq_cst for the compiler only, and
 *                                             towards leat__barrier_all of platform/barrier.h
 *   cpu_relax()                               in a spin loop: lets the other hyperthread run
 *
 * RULES
 *   Each acquire and release names its partner in a comment, each relaxed says why nothing needs
 *   ordering, each seq_cst says why acq_rel fails.
 *   TSan ignores fences. A fence may order a store before a load (fence_seq_cst, which TSan need
 *   not know about); publishing data is done by a release operation on the object itself.
 */
#ifndef LEAT_LOCKFREE_ATOMIC_H
#define LEAT_LOCKFREE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LEAT_ATOMIC(T) _Atomic(T)

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define load_seq_cst(p) atomic_load_explicit((p), memory_order_seq_cst)

#define store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define store_seq_cst(p, v) atomic_store_explicit((p), (v), memory_order_seq_cst)

#define exchange_relaxed(p, v) atomic_exchange_explicit((p), (v), memory_order_relaxed)
#define exchange_acquire(p, v) atomic_exchange_explicit((p), (v), memory_order_acquire)
#define exchange_release(p, v) atomic_exchange_explicit((p), (v), memory_order_release)
#define exchange_acq_rel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define exchange_seq_cst(p, v) atomic_exchange_explicit((p), (v), memory_order_seq_cst)

#define leat__cas_strong(p, old, v, ok, no)                                                        \
    atomic_compare_exchange_strong_explicit((p), (old), (v), memory_order_##ok, memory_order_##no)
#define leat__cas_weak(p, old, v, ok, no)                                                          \
    atomic_compare_exchange_weak_explicit((p), (old), (v), memory_order_##ok, memory_order_##no)

#define cas_relaxed(p, old, v) leat__cas_strong(p, old, v, relaxed, relaxed)
#define cas_acquire(p, old, v) leat__cas_strong(p, old, v, acquire, acquire)
#define cas_release(p, old, v) leat__cas_strong(p, old, v, release, relaxed)
#define cas_acq_rel(p, old, v) leat__cas_strong(p, old, v, acq_rel, acquire)
#define cas_seq_cst(p, old, v) leat__cas_strong(p, old, v, seq_cst, seq_cst)

#define cas_weak_relaxed(p, old, v) leat__cas_weak(p, old, v, relaxed, relaxed)
#define cas_weak_acquire(p, old, v) leat__cas_weak(p, old, v, acquire, acquire)
#define cas_weak_release(p, old, v) leat__cas_weak(p, old, v, release, relaxed)
#define cas_weak_acq_rel(p, old, v) leat__cas_weak(p, old, v, acq_rel, acquire)
#define cas_weak_seq_cst(p, old, v) leat__cas_weak(p, old, v, seq_cst, seq_cst)

#define fetch_add_relaxed(p, v) atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define fetch_add_acquire(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acquire)
#define fetch_add_release(p, v) atomic_fetch_add_explicit((p), (v), memory_order_release)
#define fetch_add_acq_rel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define fetch_add_seq_cst(p, v) atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)

#define fetch_sub_relaxed(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define fetch_sub_acquire(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acquire)
#define fetch_sub_release(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_release)
#define fetch_sub_acq_rel(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)
#define fetch_sub_seq_cst(p, v) atomic_fetch_sub_explicit((p), (v), memory_order_seq_cst)

#define fetch_or_relaxed(p, v) atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define fetch_or_acquire(p, v) atomic_fetch_or_explicit((p), (v), memory_order_acquire)
#define fetch_or_release(p, v) atomic_fetch_or_explicit((p), (v), memory_order_release)
#define fetch_or_acq_rel(p, v) atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define fetch_or_seq_cst(p, v) atomic_fetch_or_explicit((p), (v), memory_order_seq_cst)

#define fetch_and_relaxed(p, v) atomic_fetch_and_explicit((p), (v), memory_order_relaxed)
#define fetch_and_acquire(p, v) atomic_fetch_and_explicit((p), (v), memory_order_acquire)
#define fetch_and_release(p, v) atomic_fetch_and_explicit((p), (v), memory_order_release)
#define fetch_and_acq_rel(p, v) atomic_fetch_and_explicit((p), (v), memory_order_acq_rel)
#define fetch_and_seq_cst(p, v) atomic_fetch_and_explicit((p), (v), memory_order_seq_cst)

#define fence_acquire() atomic_thread_fence(memory_order_acquire)
#define fence_release() atomic_thread_fence(memory_order_release)
#define fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)
#define fence_light() atomic_signal_fence(memory_order_seq_cst)

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory"); /* `yield` does nothing on the cores there are */
#else
    __asm__ volatile("" ::: "memory");
#endif
}

#endif
