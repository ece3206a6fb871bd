/* SPDX-License-Identifier: MIT */
/* First steps of a fiber on AArch64: leat__context_make has left the function and its argument at
 * the stack pointer. The return address is declared undefined, link register and frame pointer are
 * 0: unwinders by CFI and by frame pointers both end here. `hint #38` is bti jc. */
#if defined(__aarch64__) && !defined(LEAT_SWITCH_UCONTEXT)

    .text
    .globl leat__context_entry
    .hidden leat__context_entry
    .type leat__context_entry, %function
    .p2align 4
leat__context_entry:
    .cfi_startproc
    .cfi_undefined x30
    .cfi_undefined x29
    hint #38
    ldp x9, x0, [sp]
    mov x29, xzr
    mov x30, xzr
    blr x9
    bl leat__context_returned
    brk #1
    .cfi_endproc
    .size leat__context_entry, . - leat__context_entry

#endif

    .section .note.GNU-stack, "", %progbits
