/* SPDX-License-Identifier: MIT */
/* The least a step costs where the generator has a stack of its own: two switches. */
#include "fiber.h"
#include "helper.h"

enum { STEPS = 10000000 };

#if PERF_HAVE_FIBER
static void    *consumer, *generator;
static uint64_t slot;

static void count(void)
{
    for (uint64_t i = 0;; i++) {
        slot = i;
        fiber_switch(&generator, consumer);
    }
}

static void step_all(void *data)
{
    uint64_t *sum = data;

    for (int i = 0; i < STEPS; i++) {
        fiber_switch(&consumer, generator);
        *sum += slot;
    }
}
#endif

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

#if PERF_HAVE_FIBER
    uint64_t sum = 0, steps = (uint64_t)STEPS * ((uint64_t)args.samples + 1);

    generator = fiber_make(fiber_stack_new(), count);
    perf_repeat_ns(&args, STEPS, step_all, &sum);
    if (sum != steps * (steps - 1) / 2)
        perf_die("a step was lost", 0);
    return 0;
#else
    (void)args;
    perf_skip("the floor's switch is written for x86-64 only");
#endif
}
