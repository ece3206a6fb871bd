/* SPDX-License-Identifier: MIT */
#include "work.h"

uint64_t work_digest(uint64_t number)
{
    for (int i = 0; i < 1000000; i++)
        number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
    return number;
}

uint64_t work_sum(const uint64_t digests[ITEMS])
{
    uint64_t sum = 0;

    for (int i = 0; i < ITEMS; i++)
        sum += digests[i];
    return sum;
}
