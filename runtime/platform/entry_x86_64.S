/* SPDX-License-Identifier: MIT */
/* First steps of a fiber on x86-64: leat__context_make has left the function and its argument at
 * the stack pointer, which is a multiple of 16, so that it is right at the call.
 *
 * The return address is declared undefined and the frame pointer is 0: unwinders by CFI (gdb, perf,
 * C++ exceptions) and by frame pointers both end here. */
#if defined(__x86_64__) && !defined(LEAT_SWITCH_UCONTEXT)

    .text
    .globl leat__context_entry
    .hidden leat__context_entry
    .type leat__context_entry, @function
    .p2align 4
leat__context_entry:
    .cfi_startproc
    .cfi_undefined %rip
    .cfi_undefined %rbp
    endbr64
    movq 0(%rsp), %rax
    movq 8(%rsp), %rdi
    xorl %ebp, %ebp
    callq *%rax
    callq leat__context_returned
    ud2
    .cfi_endproc
    .size leat__context_entry, . - leat__context_entry

#endif

    .section .note.GNU-stack, "", %progbits
