/* SPDX-License-Identifier: MIT */
/* Reading a thread-local afresh, wherever the code may have moved to. A fiber resumes on other
 * threads, and compilers take a thread-local's address for a constant of the function: they would
 * read the old thread's behind a switch. A function that is not inlined and not known to be pure is
 * the usual way out, at the price of a call, and of the registers that its caller must not use. The
 * reads here are volatile assembly, which is carried out each time it is come to, in order with the
 * switch's own; so they may be inlined.
 *
 *     extern _Thread_local struct worker *mine;         a pointer; its model is initial-exec
 *     LEAT__TLS_READ("mine", worker);
 *
 * Not defined where it is not known how. */
#ifndef LEAT_PLATFORM_TLS_H
#define LEAT_PLATFORM_TLS_H

/* The first form of the instruction is the one that linkers know how to relax. */
#if defined(__x86_64__) && defined(__LP64__) && defined(__linux__)
#define LEAT__TLS_READ(name, result)                                                               \
    __asm__ volatile("movq " name "@gottpoff(%%rip), %0\n\t"                                       \
                     "movq %%fs:(%0), %0"                                                          \
                     : "=r"(result)                                                                \
                     :                                                                             \
                     : "memory")
#elif defined(__aarch64__) && defined(__LP64__) && defined(__linux__)
#define LEAT__TLS_READ(name, result)                                                               \
    do {                                                                                           \
        void *leat__tls_offset;                                                                    \
        __asm__ volatile("adrp %1, :gottprel:" name "\n\t"                                         \
                         "ldr %1, [%1, :gottprel_lo12:" name "]\n\t"                               \
                         "mrs %0, tpidr_el0\n\t"                                                   \
                         "ldr %0, [%0, %1]"                                                        \
                         : "=&r"(result), "=&r"(leat__tls_offset)                                  \
                         :                                                                         \
                         : "memory");                                                              \
    } while (0)
#endif

#endif
