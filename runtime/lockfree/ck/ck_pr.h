/* SPDX-License-Identifier: MIT */
/*
 * ck_pr.h: Concurrency Kit's primitives expressed in atomic.h, put first on the include path by
 * TSan builds and by the model checker. Ordinary builds use ck's own.
 *
 * ck's own ck_pr.h is inline assembly, which TSan can't see through (false races, with and
 * without CK_USE_CC_BUILTINS) and the model checker can't interleave. With this file ck_stack and
 * ck_ring are checked like our own structures. Only the primitives those two use are here; another
 * structure fails to compile until its primitives are added.
 *
 * ORDERING
 *   O1 ck orders with fences between relaxed operations. TSan ignores fences, so by default loads
 *      acquire, stores release and read-modify-writes do both, which is what the fences around
 *      them amount to. The model checker defines LEAT__CK_FAITHFUL and gets relaxed operations,
 *      and the fences alone have to carry the order, as on Arm.
 *   O2 C11 has no store-store or load-load fence; release and acquire are the nearest above.
 */
#ifndef CK_PR_H
#define CK_PR_H

#include <ck_cc.h>
#include <ck_limits.h>
#include <ck_stdbool.h>
#include <ck_stdint.h>

#include "lockfree/atomic.h"

#ifdef LEAT__CK_FAITHFUL
#define leat__ck_load(p) load_relaxed(p)
#define leat__ck_store(p, v) store_relaxed((p), (v))
#define leat__ck_exchange(p, v) exchange_relaxed((p), (v))
#define leat__ck_cas(p, old, v) cas_relaxed((p), (old), (v))
#else
#define leat__ck_load(p) load_acquire(p)
#define leat__ck_store(p, v) store_release((p), (v))
#define leat__ck_exchange(p, v) exchange_acq_rel((p), (v))
#define leat__ck_cas(p, old, v) cas_acq_rel((p), (old), (v))
#endif

/* ck passes plain objects of any pointer type; these may alias them. */
typedef LEAT_ATOMIC(void *) leat__ck_ptr __attribute__((__may_alias__));
typedef LEAT_ATOMIC(unsigned int) leat__ck_uint __attribute__((__may_alias__));
typedef void *leat__ck_raw __attribute__((__may_alias__));

static inline void ck_pr_stall(void)
{
    cpu_relax();
}

static inline void ck_pr_fence_load(void)
{
    fence_acquire();
}

static inline void ck_pr_fence_store(void)
{
    fence_release();
}

static inline void ck_pr_fence_store_atomic(void)
{
    fence_release();
}

static inline void *ck_pr_md_load_ptr(const void *target)
{
    return leat__ck_load((leat__ck_ptr *)(uintptr_t)target);
}

/* As in ck, these are macros so that the result has the target's type. */
#define ck_pr_load_ptr(target) ((__typeof__(*(target)))ck_pr_md_load_ptr(target))

static inline unsigned int ck_pr_load_uint(const unsigned int *target)
{
    return leat__ck_load((leat__ck_uint *)(uintptr_t)target);
}

static inline void ck_pr_store_uint(unsigned int *target, unsigned int value)
{
    leat__ck_store((leat__ck_uint *)target, value);
}

static inline void ck_pr_md_store_ptr(void *target, const void *value)
{
    leat__ck_store((leat__ck_ptr *)target, (void *)(uintptr_t)value);
}

#define ck_pr_store_ptr(target, value) ck_pr_md_store_ptr((target), (value))

static inline void *ck_pr_fas_ptr(void *target, void *value)
{
    return leat__ck_exchange((leat__ck_ptr *)target, value);
}

static inline bool ck_pr_cas_ptr(void *target, void *old, void *value)
{
    void *seen = old;

    return leat__ck_cas((leat__ck_ptr *)target, &seen, value);
}

static inline bool ck_pr_cas_ptr_value(void *target, void *old, void *value, void *ret_seen)
{
    void *seen = old;
    bool done = leat__ck_cas((leat__ck_ptr *)target, &seen, value);

    *(leat__ck_raw *)ret_seen = seen;
    return done;
}

static inline bool ck_pr_cas_uint(unsigned int *target, unsigned int old, unsigned int value)
{
    unsigned int seen = old;

    return leat__ck_cas((leat__ck_uint *)target, &seen, value);
}

static inline bool ck_pr_cas_uint_value(unsigned int *target, unsigned int old, unsigned int value,
                                        unsigned int *ret_seen)
{
    unsigned int seen = old;
    bool done = leat__ck_cas((leat__ck_uint *)target, &seen, value);

    *ret_seen = seen;
    return done;
}

#endif
