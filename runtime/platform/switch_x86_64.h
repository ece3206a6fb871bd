/* SPDX-License-Identifier: MIT */
/* The switch on x86-64. Include platform/switch.h, not this.
 *
 * Red zone: nothing is pushed, so a leaf's data below the stack pointer stay as they are.
 * Unwinding: the stack pointer and the frame pointer change together, two instructions apart, and
 * nothing else does; so the unwind information of the function around is right before and after.
 * The jump is indirect on purpose: its target is predicted from history, a `ret`'s from the calls
 * before it, which were another fiber's. */
#ifndef LEAT_PLATFORM_SWITCH_X86_64_H
#define LEAT_PLATFORM_SWITCH_X86_64_H

#include "platform/switch.h"

/* Under indirect branch tracking each target of an indirect jump says so. */
#if defined(__CET__) && (__CET__ & 1)
#define LEAT__LANDING "endbr64\n\t"
#else
#define LEAT__LANDING ""
#endif

#ifdef __AVX512F__
#define LEAT__CLOBBER_AVX512                                                                       \
    , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",    \
        "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",  \
        "k7"
#else
#define LEAT__CLOBBER_AVX512
#endif

#ifdef __APX_F__
#define LEAT__CLOBBER_APX                                                                          \
    , "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27", "r28",   \
        "r29", "r30", "r31"
#else
#define LEAT__CLOBBER_APX
#endif

/* rdi and rsi are operands that come back changed; rsp and rbp are saved by hand. */
static inline __attribute__((always_inline)) void leat__switch_asm(struct leat__context *save,
                                                                   struct leat__context *to)
{
    __asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
                     "movq %%rsp, 0(%0)\n\t"
                     "movq %%rbp, 8(%0)\n\t"
                     "movq %%rax, 16(%0)\n\t"
                     "movq 16(%1), %%rax\n\t"
                     "movq 0(%1), %%rsp\n\t"
                     "movq 8(%1), %%rbp\n\t"
                     "jmp *%%rax\n\t"
                     ".p2align 4\n"
                     "1:\n\t" LEAT__LANDING
                     : "+D"(save), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st",
                       "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "mm0", "mm1",
                       "mm2", "mm3", "mm4", "mm5", "mm6", "mm7", "memory",
                       "cc" LEAT__CLOBBER_AVX512 LEAT__CLOBBER_APX);
}

_Noreturn static inline __attribute__((always_inline)) void
leat__exit_asm(struct leat__context *to)
{
    __asm__ volatile("movq 16(%0), %%rax\n\t"
                     "movq 0(%0), %%rsp\n\t"
                     "movq 8(%0), %%rbp\n\t"
                     "jmp *%%rax"
                     :
                     : "S"(to)
                     : "rax", "memory");
    __builtin_unreachable();
}

#endif
