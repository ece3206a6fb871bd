/* SPDX-License-Identifier: MIT */
/* Functions that return by an indirect jump.
 *
 * A processor predicts a `ret` from the calls before it. On a function that was called on one stack
 * and returns on another that is always wrong; an indirect jump is predicted from history, and in a
 * steady hand-over always right. A generator's step has two such returns and takes 110 ns with
 * `ret`, 37 with jumps, in a busy virtual machine where two bare switches take 8.
 *
 * gcc is asked for a thunk in place of `ret`, and this is the thunk; rcx holds nothing at a return.
 * Each file that includes this has it, once for those that link-time passes put together, and weak:
 * such a pass may put the functions elsewhere, and a program that is built with thunks of its own
 * keeps those. Elsewhere the attribute is empty, and returns are merely slow. */
#ifndef LEAT_PLATFORM_JUMP_RETURN_H
#define LEAT_PLATFORM_JUMP_RETURN_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__CET__)
#define LEAT__JUMP_RETURN __attribute__((function_return("thunk-extern")))
__asm__(".pushsection .text\n\t"
        ".ifndef __x86_return_thunk\n\t"
        ".weak __x86_return_thunk\n\t"
        ".hidden __x86_return_thunk\n\t"
        ".p2align 4\n"
        "__x86_return_thunk:\n\t"
        ".cfi_startproc\n\t"
        "popq %rcx\n\t"
        ".cfi_adjust_cfa_offset -8\n\t"
        ".cfi_register %rip, %rcx\n\t"
        "jmp *%rcx\n\t"
        ".cfi_endproc\n\t"
        ".endif\n\t"
        ".popsection");
#else
#define LEAT__JUMP_RETURN
#endif

#endif
