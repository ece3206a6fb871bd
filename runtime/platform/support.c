/* SPDX-License-Identifier: MIT */
#include "platform/support.h"
#include "platform/kernel_abi.h"
#include <errno.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int shadow_stack_on(void)
{
    unsigned long state = 0;

#if defined(__x86_64__)
    if (syscall(SYS_arch_prctl, LEAT__ARCH_SHSTK_STATUS, &state) == 0)
        return (state & LEAT__ARCH_SHSTK_SHSTK) != 0;
#elif defined(__aarch64__)
    if (prctl(LEAT__PR_GET_SHADOW_STACK_STATUS, &state, 0, 0, 0) == 0)
        return (state & LEAT__PR_SHADOW_STACK_ENABLE) != 0;
#endif
    return state != 0;
}

int leat__platform_check(const char **ret_sentence)
{
    int errno_before = errno;
    int on = shadow_stack_on();

    errno = errno_before;
    if (!on)
        return 0;
    *ret_sentence = "shadow stacks are switched on for this process, and leat's fibers can't run "
                    "under them: start it with GLIBC_TUNABLES=glibc.cpu.x86_shstk=off, or link "
                    "without -z shstk";
    return -ENOTSUP;
}
