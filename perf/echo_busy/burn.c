/* SPDX-License-Identifier: MIT */
/* burn.c: see burn.h. */
#include "burn.h"

#include "helper.h"

void burn(void)
{
    int64_t end = perf_now_ns() + 20000000;
    volatile uint64_t x = 1;

    while (perf_now_ns() < end)
        for (int i = 0; i < 10000; i++)
            x = x * UINT64_C(6364136223846793005) + 1;
}
