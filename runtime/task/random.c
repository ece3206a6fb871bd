/* SPDX-License-Identifier: MIT */
/* Random numbers for the program: the worker's own generator, which the runtime's seed repeats, and
 * for other threads one of the process, a counter that is mixed. */
#include "base/random.h"
#include "lockfree/atomic.h"
#include "platform/seed.h"
#include "sched/sched.h"

#include <leat/runtime.h>

uint64_t leat_random(void)
{
    static LEAT_ATOMIC(uint64_t) counter; /* 0: not seeded */
    struct leat__worker *worker = leat__worker_current();
    uint64_t at = 0;

    if (worker)
        return leat__random_next(leat__worker_random(worker));
    /* relaxed, all: only that numbers differ counts */
    if (load_relaxed(&counter) == 0)
        (void)cas_relaxed(&counter, &at, leat__seed() | 1);
    at = fetch_add_relaxed(&counter, UINT64_C(0x9e3779b97f4a7c15));
    return leat__random_mix(&at);
}
