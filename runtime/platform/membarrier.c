/* SPDX-License-Identifier: MIT */
/* The heavy fence: membarrier(2), private expedited, since Linux 4.14. */
#include "platform/membarrier.h"
#include "base/check.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool usable;

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

static void ask(void)
{
    int errno_before = errno;
    long known = membarrier(MEMBARRIER_CMD_QUERY);

    usable = known >= 0 && (known & MEMBARRIER_CMD_PRIVATE_EXPEDITED) &&
             (known & MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
             membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
    errno = errno_before;
}

bool leat__fence_usable(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, ask);
    return usable;
}

void leat__fence_heavy(void)
{
    int errno_before = errno;

    leat__check(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0,
                "the kernel has taken membarrier back, which it had granted: do not forbid it "
                "by a seccomp filter that is set after the first task ran");
    errno = errno_before;
}
