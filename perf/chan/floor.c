/* SPDX-License-Identifier: MIT */
/* The least it takes to pass elements between two tasks of one worker: a ring that is filled and
 * drained in turn by two fibers. On two workers the same: one core need not tell the other. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "fiber.h"
#include "helper.h"

#if PERF_HAVE_FIBER
enum { ELEMENTS = 4000000 };

static void             *main_context, *sender_context;
static uint64_t          ring[1024];
static uint64_t          mask, next;
static _Atomic uint64_t  head, tail; /* stored for each element, as a ring for others needs it */

static uint64_t load(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void store(_Atomic uint64_t *p, uint64_t value)
{
    atomic_store_explicit(p, value, memory_order_relaxed);
}

static void send_all(void)
{
    for (;;) {
        for (uint64_t at = load(&tail); at - load(&head) <= mask; store(&tail, ++at))
            ring[at & mask] = next++;
        fiber_switch(&sender_context, main_context);
    }
}

static double pass_all(void *data)
{
    uint64_t sum = 0, left = ELEMENTS;
    int64_t  start = perf_now_ns();

    (void)data;
    while (left > 0) {
        uint64_t at = load(&head);

        if (at == load(&tail))
            fiber_switch(&main_context, sender_context);
        for (; left > 0 && at != load(&tail); left--) {
            sum += ring[at & mask];
            store(&head, ++at);
        }
    }
    if (sum == 0)
        perf_die("nothing was passed", 0);
    return ELEMENTS * 1e3 / (double)(perf_now_ns() - start);
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    mask = strstr(args.question, "_128") ? 127 : 1023;
    sender_context = fiber_make(fiber_stack_new(), send_all);
    for (int i = -1; i < args.samples; i++) { /* the first warms up */
        double rate = pass_all(NULL);

        if (i >= 0)
            perf_sample(rate);
    }
    return 0;
}
#else
int main(void)
{
    perf_skip("the floor's switch is written for x86-64 only");
}
#endif
