/* SPDX-License-Identifier: MIT */
/*
 * The least a million parked fibers cost: each has a stack of which it has touched one page, and
 * no guard; all are resumed one after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "fiber.h"
#include "helper.h"

#if PERF_HAVE_FIBER
enum { FIBERS = 1000000, STACK_BYTES = 8 * 1024 };

static void *contexts[FIBERS], *main_context;
static int   running;

static void parked(void)
{
    for (;;)
        fiber_switch_classic(&contexts[running], main_context);
}

static void resume_all(void)
{
    for (running = 0; running < FIBERS; running++)
        fiber_switch_classic(&main_context, contexts[running]);
}

static void measure(const struct perf_args *args)
{
    int64_t before = perf_resident_bytes(), start;
    char   *arena = fiber_arena_new(FIBERS, STACK_BYTES);

    for (int i = 0; i < FIBERS; i++)
        contexts[i] = fiber_make_classic(fiber_arena_top(arena, (size_t)i, STACK_BYTES), parked);
    resume_all();
    if (strcmp(args->question, "sleep_memory") == 0) {
        perf_sample((double)(perf_resident_bytes() - before) / FIBERS);
        return;
    }
    start = perf_now_ns();
    resume_all();
    perf_sample((double)(perf_now_ns() - start) / 1e6);
}
#endif

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    perf_need_memory(6);
#if PERF_HAVE_FIBER
    measure(&args);
    return 0;
#else
    (void)args;
    perf_skip("the floor's switch is written for x86-64 only");
#endif
}
