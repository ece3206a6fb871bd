/* SPDX-License-Identifier: MIT */
/* See barrier.h. */
#include "platform/barrier.h"
#include "base/check.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

bool leat__barrier_prepare(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

void leat__barrier_all(void)
{
    leat__check(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0,
                "the kernel must do a barrier that it has agreed to");
}
