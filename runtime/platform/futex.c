/* SPDX-License-Identifier: MIT */
/* Futex calls. FUTEX_WAIT_BITSET instead of FUTEX_WAIT, because only it takes a deadline rather
 * than a length. errno is put back: these run inside unlocks and sends, on whose callers' errno we
 * have no claim. */
#include "platform/futex.h"
#include "base/check.h"
#include "platform/clock.h"
#include "platform/fork.h"
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

int leat__futex_wait(const void *word, uint32_t expected, leat_time deadline)
{
    struct timespec until = leat__clock_timespec(deadline);
    int errno_before = errno;
    int err = 0;

    leat__check(!leat__fork_forked(), "a forked child waits for a thread that only its parent has: "
                                      "end it with exec or _exit");
    if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                deadline == LEAT_NEVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY) != 0)
        err = -errno;
    errno = errno_before;
    return err;
}

void leat__futex_wake(const void *word, int count)
{
    int errno_before = errno;

    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
    errno = errno_before;
}
