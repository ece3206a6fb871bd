/* SPDX-License-Identifier: MIT */
/* The switch on AArch64. Include platform/switch.h, not this.
 *
 * As on x86-64: stack pointer and frame pointer by hand, the rest by the compiler; nothing is
 * pushed. The link register is one of the clobbered, so its caller has it in its frame. The jump
 * goes by x16, which every landing mark accepts. */
#ifndef LEAT_PLATFORM_SWITCH_AARCH64_H
#define LEAT_PLATFORM_SWITCH_AARCH64_H

#include "platform/switch.h"

/* Under branch target identification: `bti jc`, a no-op elsewhere. */
#ifdef __ARM_FEATURE_BTI_DEFAULT
#define LEAT__LANDING "hint #38\n\t"
#else
#define LEAT__LANDING ""
#endif

#ifdef __ARM_FEATURE_SVE
#define LEAT__CLOBBER_SVE                                                                          \
    , "p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13",      \
        "p14", "p15"
#else
#define LEAT__CLOBBER_SVE
#endif

/* x0 and x1 are operands that come back changed; sp and x29 are saved by hand. */
static inline __attribute__((always_inline)) void leat__switch_asm(struct leat__context *save,
                                                                   struct leat__context *to)
{
    register struct leat__context *x0 __asm__("x0") = save;
    register struct leat__context *x1 __asm__("x1") = to;

    __asm__ volatile("adr x16, 1f\n\t"
                     "mov x17, sp\n\t"
                     "stp x17, x29, [%0]\n\t"
                     "str x16, [%0, #16]\n\t"
                     "ldr x16, [%1, #16]\n\t"
                     "ldp x17, x29, [%1]\n\t"
                     "mov sp, x17\n\t"
                     "br x16\n"
                     "1:\n\t" LEAT__LANDING
                     : "+r"(x0), "+r"(x1)
                     :
                     : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
                       "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
                       "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6",
                       "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17",
                       "v18", "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28",
                       "v29", "v30", "v31", "memory", "cc" LEAT__CLOBBER_SVE);
}

_Noreturn static inline __attribute__((always_inline)) void
leat__exit_asm(struct leat__context *to)
{
    __asm__ volatile("ldr x16, [%0, #16]\n\t"
                     "ldp x17, x29, [%0]\n\t"
                     "mov sp, x17\n\t"
                     "br x16"
                     :
                     : "r"(to)
                     : "x16", "x17", "memory");
    __builtin_unreachable();
}

#endif
