/* SPDX-License-Identifier: MIT */
/*
 * atomic.h as the model checker sees it: the macros of runtime/lockfree/atomic.h, each a call into
 * the checker. First on the include path of every model build; see ../../README.md.
 */
#ifndef LEAT_LOCKFREE_ATOMIC_H
#define LEAT_LOCKFREE_ATOMIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum model_order { MODEL_RELAXED, MODEL_ACQUIRE, MODEL_RELEASE, MODEL_ACQ_REL, MODEL_SEQ_CST };
enum model_rmw { MODEL_EXCHANGE, MODEL_ADD, MODEL_SUB, MODEL_OR, MODEL_AND };

struct model_site {
    const char *file;
    int line;
    const char *text; /* operation and object as written */
};

uint64_t model_load(const struct model_site *, const void *, size_t, enum model_order);
void model_store(const struct model_site *, void *, size_t, uint64_t, enum model_order);
uint64_t model_rmw(const struct model_site *, void *, size_t, enum model_rmw, uint64_t,
                   enum model_order);
bool model_cas(const struct model_site *, void *, size_t, uint64_t *seen, uint64_t value,
               enum model_order, bool weak);
void model_fence(const struct model_site *, enum model_order);
void model_fence_light(const struct model_site *);
void model_fence_heavy(const struct model_site *);
void model_relax(const struct model_site *);

#define LEAT_ATOMIC(T) __typeof__(T)

#define leat__site(op, p)                                                                          \
    __extension__({                                                                                \
        static const struct model_site leat__here = { __FILE__, __LINE__, #op "(" p ")" };         \
        &leat__here;                                                                               \
    })
#define leat__raw(v) ((uint64_t)(uintptr_t)(v))
#define leat__of(p, raw) ((__typeof__(*(p)))(uintptr_t)(raw))

#define leat__load(op, p, text, order)                                                             \
    leat__of(p, model_load(leat__site(op, text), (p), sizeof(*(p)), order))
#define load_relaxed(p) leat__load(load_relaxed, p, #p, MODEL_RELAXED)
#define load_acquire(p) leat__load(load_acquire, p, #p, MODEL_ACQUIRE)
#define load_seq_cst(p) leat__load(load_seq_cst, p, #p, MODEL_SEQ_CST)

#define leat__store(op, p, text, v, order)                                                         \
    model_store(leat__site(op, text), (p), sizeof(*(p)), leat__raw(v), order)
#define store_relaxed(p, v) leat__store(store_relaxed, p, #p, v, MODEL_RELAXED)
#define store_release(p, v) leat__store(store_release, p, #p, v, MODEL_RELEASE)
#define store_seq_cst(p, v) leat__store(store_seq_cst, p, #p, v, MODEL_SEQ_CST)

#define leat__rmw(op, p, text, how, v, order)                                                      \
    leat__of(p, model_rmw(leat__site(op, text), (p), sizeof(*(p)), how, leat__raw(v), order))
#define exchange_relaxed(p, v) leat__rmw(exchange_relaxed, p, #p, MODEL_EXCHANGE, v, MODEL_RELAXED)
#define exchange_acquire(p, v) leat__rmw(exchange_acquire, p, #p, MODEL_EXCHANGE, v, MODEL_ACQUIRE)
#define exchange_release(p, v) leat__rmw(exchange_release, p, #p, MODEL_EXCHANGE, v, MODEL_RELEASE)
#define exchange_acq_rel(p, v) leat__rmw(exchange_acq_rel, p, #p, MODEL_EXCHANGE, v, MODEL_ACQ_REL)
#define exchange_seq_cst(p, v) leat__rmw(exchange_seq_cst, p, #p, MODEL_EXCHANGE, v, MODEL_SEQ_CST)

#define fetch_add_relaxed(p, v) leat__rmw(fetch_add_relaxed, p, #p, MODEL_ADD, v, MODEL_RELAXED)
#define fetch_add_acquire(p, v) leat__rmw(fetch_add_acquire, p, #p, MODEL_ADD, v, MODEL_ACQUIRE)
#define fetch_add_release(p, v) leat__rmw(fetch_add_release, p, #p, MODEL_ADD, v, MODEL_RELEASE)
#define fetch_add_acq_rel(p, v) leat__rmw(fetch_add_acq_rel, p, #p, MODEL_ADD, v, MODEL_ACQ_REL)
#define fetch_add_seq_cst(p, v) leat__rmw(fetch_add_seq_cst, p, #p, MODEL_ADD, v, MODEL_SEQ_CST)

#define fetch_sub_relaxed(p, v) leat__rmw(fetch_sub_relaxed, p, #p, MODEL_SUB, v, MODEL_RELAXED)
#define fetch_sub_acquire(p, v) leat__rmw(fetch_sub_acquire, p, #p, MODEL_SUB, v, MODEL_ACQUIRE)
#define fetch_sub_release(p, v) leat__rmw(fetch_sub_release, p, #p, MODEL_SUB, v, MODEL_RELEASE)
#define fetch_sub_acq_rel(p, v) leat__rmw(fetch_sub_acq_rel, p, #p, MODEL_SUB, v, MODEL_ACQ_REL)
#define fetch_sub_seq_cst(p, v) leat__rmw(fetch_sub_seq_cst, p, #p, MODEL_SUB, v, MODEL_SEQ_CST)

#define fetch_or_relaxed(p, v) leat__rmw(fetch_or_relaxed, p, #p, MODEL_OR, v, MODEL_RELAXED)
#define fetch_or_acquire(p, v) leat__rmw(fetch_or_acquire, p, #p, MODEL_OR, v, MODEL_ACQUIRE)
#define fetch_or_release(p, v) leat__rmw(fetch_or_release, p, #p, MODEL_OR, v, MODEL_RELEASE)
#define fetch_or_acq_rel(p, v) leat__rmw(fetch_or_acq_rel, p, #p, MODEL_OR, v, MODEL_ACQ_REL)
#define fetch_or_seq_cst(p, v) leat__rmw(fetch_or_seq_cst, p, #p, MODEL_OR, v, MODEL_SEQ_CST)

#define fetch_and_relaxed(p, v) leat__rmw(fetch_and_relaxed, p, #p, MODEL_AND, v, MODEL_RELAXED)
#define fetch_and_acquire(p, v) leat__rmw(fetch_and_acquire, p, #p, MODEL_AND, v, MODEL_ACQUIRE)
#define fetch_and_release(p, v) leat__rmw(fetch_and_release, p, #p, MODEL_AND, v, MODEL_RELEASE)
#define fetch_and_acq_rel(p, v) leat__rmw(fetch_and_acq_rel, p, #p, MODEL_AND, v, MODEL_ACQ_REL)
#define fetch_and_seq_cst(p, v) leat__rmw(fetch_and_seq_cst, p, #p, MODEL_AND, v, MODEL_SEQ_CST)

/* The name in the trace says the order; a failing compare-and-swap has its acquire, if any. */
#define leat__cas(op, p, text, old, v, order, weak)                                                \
    __extension__({                                                                                \
        __typeof__(*(old)) *leat__old = (old);                                                     \
        uint64_t leat__seen = leat__raw(*leat__old);                                               \
        bool leat__done = model_cas(leat__site(op, text), (p), sizeof(*(p)), &leat__seen,          \
                                    leat__raw(v), order, weak);                                    \
        if (!leat__done)                                                                           \
            *leat__old = leat__of(leat__old, leat__seen);                                          \
        leat__done;                                                                                \
    })
#define cas_relaxed(p, old, v) leat__cas(cas_relaxed, p, #p, old, v, MODEL_RELAXED, false)
#define cas_acquire(p, old, v) leat__cas(cas_acquire, p, #p, old, v, MODEL_ACQUIRE, false)
#define cas_release(p, old, v) leat__cas(cas_release, p, #p, old, v, MODEL_RELEASE, false)
#define cas_acq_rel(p, old, v) leat__cas(cas_acq_rel, p, #p, old, v, MODEL_ACQ_REL, false)
#define cas_seq_cst(p, old, v) leat__cas(cas_seq_cst, p, #p, old, v, MODEL_SEQ_CST, false)
#define cas_weak_relaxed(p, old, v) leat__cas(cas_weak_relaxed, p, #p, old, v, MODEL_RELAXED, true)
#define cas_weak_acquire(p, old, v) leat__cas(cas_weak_acquire, p, #p, old, v, MODEL_ACQUIRE, true)
#define cas_weak_release(p, old, v) leat__cas(cas_weak_release, p, #p, old, v, MODEL_RELEASE, true)
#define cas_weak_acq_rel(p, old, v) leat__cas(cas_weak_acq_rel, p, #p, old, v, MODEL_ACQ_REL, true)
#define cas_weak_seq_cst(p, old, v) leat__cas(cas_weak_seq_cst, p, #p, old, v, MODEL_SEQ_CST, true)

#define fence_acquire() model_fence(leat__site(fence_acquire, ""), MODEL_ACQUIRE)
#define fence_release() model_fence(leat__site(fence_release, ""), MODEL_RELEASE)
#define fence_seq_cst() model_fence(leat__site(fence_seq_cst, ""), MODEL_SEQ_CST)
#define fence_light() model_fence_light(leat__site(fence_light, ""))
#define cpu_relax() model_relax(leat__site(cpu_relax, ""))

#endif
