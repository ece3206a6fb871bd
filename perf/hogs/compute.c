/* SPDX-License-Identifier: MIT */
/* A chain of multiplications, each of which waits for the one before it: no memory is touched,
 * whose speed would depend on what the core has learned of it. (A counter in memory took 0.6 to 1.8
 * times its own calibration, from one task to the next.) */
#include "compute.h"

#include "helper.h"

#define TURNS 500000

static uint64_t per_ms;

static void turn(uint64_t turns)
{
    uint64_t x = 1;

    for (uint64_t i = 0; i < turns; i++) {
        x = x * 6364136223846793005u + 1;
        __asm__ volatile("" : "+r"(x));
    }
}

/* The quickest of some, so that a machine that is busy elsewhere does not lengthen the work. */
void calibrate(void)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < 20; i++) {
        int64_t begin = perf_now_ns(), took;

        turn(TURNS);
        took = perf_now_ns() - begin;
        if (took < best)
            best = took;
    }
    per_ms = TURNS * (uint64_t)1000000 / (uint64_t)best;
}

void compute_ms(unsigned ms)
{
    turn(ms * per_ms);
}
