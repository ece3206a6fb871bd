/* SPDX-License-Identifier: MIT */
/*
 * fiber_x86_64.h: the switches that the floors are made of, written by hand and apart from the
 * library's: a floor that shared code with the subject would hide the subject's regressions.
 *
 * fiber_switch_classic is what most libraries have: a call that saves six registers and returns
 * into another stack, where the processor's return prediction always misses. fiber_switch lets the
 * compiler spill what is live and resumes by an indirect jump, which is predicted.
 */
#ifndef LEAT_PERF_FIBER_X86_64_H
#define LEAT_PERF_FIBER_X86_64_H

#include <stdint.h>
#include <sys/mman.h>

#include "helper.h"

enum { FIBER_STACK_BYTES = 64 * 1024 };

void fiber_switch_classic(void **save, void *to);

__asm__(".text\n"
        ".type fiber_switch_classic, @function\n"
        ".p2align 4\n"
        "fiber_switch_classic:\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        ".size fiber_switch_classic, . - fiber_switch_classic\n");

/* rbp cannot be named as a clobber, so it is pushed; the step over 128 bytes spares a leaf
 * function's red zone. */
static inline __attribute__((always_inline)) void fiber_switch(void **save, void *to)
{
    __asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
                     "pushq %%rbp\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "movq %%rsp, (%0)\n\t"
                     "movq %1, %%rsp\n\t"
                     "popq %%rax\n\t"
                     "jmpq *%%rax\n\t"
                     ".p2align 4\n"
                     "1:\n\t"
                     "popq %%rbp\n\t"
                     "leaq 128(%%rsp), %%rsp"
                     : "+D"(save), "+S"(to)
                     :
                     : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "r15", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5",
                       "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
                       "xmm15");
}

/* The highest address of a new stack, 16-byte aligned. */
static inline void *fiber_stack_new(void)
{
    char *low = mmap(NULL, FIBER_STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

    if (low == MAP_FAILED)
        perf_die("no memory for a stack", 0);
    return low + FIBER_STACK_BYTES;
}

/* Memory for many stacks of `bytes` each, in pages of the usual size: a huge page would be shared
 * by stacks that have nothing to do with each other. */
static inline char *fiber_arena_new(size_t count, size_t bytes)
{
    char *arena = mmap(NULL, count * bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (arena == MAP_FAILED)
        perf_die("no memory for stacks", 0);
    (void)madvise(arena, count * bytes, MADV_NOHUGEPAGE);
    return arena;
}

/* The highest address of stack i. They start 128 bytes apart within their pages, because stacks
 * that all start alike fall into the same few sets of the cache. */
static inline void *fiber_arena_top(char *arena, size_t i, size_t bytes)
{
    return arena + (i + 1) * bytes - i % 16 * 128;
}

/* A context that starts in entry when it is switched to with fiber_switch. */
static inline void *fiber_make(void *stack_top, void (*entry)(void))
{
    uintptr_t *sp = stack_top;

    *--sp = 0; /* where a caller's return address would be: entry never returns */
    *--sp = (uintptr_t)entry;
    return sp;
}

/* The same for fiber_switch_classic. */
static inline void *fiber_make_classic(void *stack_top, void (*entry)(void))
{
    uintptr_t *sp = fiber_make(stack_top, entry);

    for (int saved = 0; saved < 6; saved++)
        *--sp = 0;
    return sp;
}

#endif
