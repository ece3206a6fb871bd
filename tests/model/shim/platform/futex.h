/* SPDX-License-Identifier: MIT */
/* futex.h as the model checker sees it: the kernel's part is played by model.c. */
#ifndef LEAT_PLATFORM_FUTEX_H
#define LEAT_PLATFORM_FUTEX_H

#include <leat/time.h>
#include <stdint.h>

int model_futex_wait(const void *word, uint32_t expected, bool timed);
void model_futex_wake(const void *word, int count);

static inline int leat__futex_wait(const void *word, uint32_t expected, leat_time deadline)
{
    return model_futex_wait(word, expected, deadline != LEAT_NEVER);
}

static inline void leat__futex_wake(const void *word, int count)
{
    model_futex_wake(word, count);
}

#endif
