/* SPDX-License-Identifier: MIT */
/* Sleeping on a word in memory that several processes map. In the header, so that optional parts,
 * which see nothing of libleat.so but its public functions, share it.
 *
 * The memory orders are the caller's, as in platform/futex.h. errno is put back. */
#ifndef LEAT_PLATFORM_FUTEX_SHARED_H
#define LEAT_PLATFORM_FUTEX_SHARED_H

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sleep while *word is `expected`, until woken, perhaps for no reason. */
static inline void leat__futex_shared_wait(const void *word, uint32_t expected)
{
    int errno_before = errno;

    syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL, NULL, 0);
    errno = errno_before;
}

static inline void leat__futex_shared_wake(const void *word, int count)
{
    int errno_before = errno;

    syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
    errno = errno_before;
}

#endif
