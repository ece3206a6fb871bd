/* SPDX-License-Identifier: MIT */
/* errno's address, asked anew at each use.
 *
 * The barrier in the body is what matters: without it a compiler that sees the body (link-time
 * optimisation) infers that the function is const, as glibc's __errno_location is declared, and
 * keeps one pointer over a switch that changed threads. noinline alone does not stop that; noipa,
 * which only gcc has, does. */
#define LEAT_NO_ERRNO
#include <leat/errno.h>

#ifdef __clang__
#define OPAQUE __attribute__((noinline))
#else
#define OPAQUE __attribute__((noipa))
#endif

OPAQUE int *leat_errno_location(void)
{
    __asm__ volatile("" ::: "memory");
    return &errno;
}
