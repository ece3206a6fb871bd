/* SPDX-License-Identifier: MIT */
#include "platform/seed.h"
#include "base/random.h"
#include "platform/clock.h"
#include "platform/kernel_abi.h"
#include <sys/syscall.h>
#include <unistd.h>

uint64_t leat__seed(void)
{
    static const unsigned flags[] = { LEAT__GRND_INSECURE, 1 /* GRND_NONBLOCK */ };
    uint64_t seed;

    for (int i = 0; i < 2; i++)
        if (syscall(SYS_getrandom, &seed, sizeof seed, flags[i]) == (long)sizeof seed)
            return seed;
    seed = (uint64_t)leat__clock_now();
    seed ^= (uint64_t)getpid() << 40;
    seed ^= (uint64_t)(uintptr_t)&seed;
    return leat__random_mix(&seed);
}
