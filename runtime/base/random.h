/* SPDX-License-Identifier: MIT */
/* A seeded generator of random numbers: one per worker, so that a run can be repeated from its
 * seed. xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018),
 * its state filled by splitmix64 so that any seed, 0 too, is a good one. Not for secrets. */
#ifndef LEAT_BASE_RANDOM_H
#define LEAT_BASE_RANDOM_H

#include <stdint.h>

struct leat__random {
    uint64_t state[4];
};

/* One step of splitmix64: also fit to make many seeds from one. */
static inline uint64_t leat__random_mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline void leat__random_init(struct leat__random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        random->state[i] = leat__random_mix(&seed);
}

static inline uint64_t leat__random_rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static inline uint64_t leat__random_next(struct leat__random *random)
{
    uint64_t *s = random->state;
    uint64_t result = leat__random_rotate(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = leat__random_rotate(s[3], 45);
    return result;
}

/* A number below `bound`, each equally likely; 0 when bound is 0. Takes the high half of a product
 * and draws again in the few cases that would favour small numbers (Lemire, "Fast random integer
 * generation in an interval", 2019). */
static inline uint32_t leat__random_below(struct leat__random *random, uint32_t bound)
{
    uint64_t product = (leat__random_next(random) >> 32) * bound;

    if ((uint32_t)product < bound) {
        uint32_t unfair = -bound % bound;

        while ((uint32_t)product < unfair)
            product = (leat__random_next(random) >> 32) * bound;
    }
    return (uint32_t)(product >> 32);
}

#endif
