/* SPDX-License-Identifier: MIT */
/*
 * The least a yield costs: fibers in a linked queue, each of which puts itself last, takes the
 * first, prefetches the frame of the one after it and switches there, with the classic switch that
 * the printed figures were made with. Their stacks' tops are coloured.
 */
#include <stdlib.h>
#include <string.h>

#include "fiber.h"
#include "helper.h"

#if PERF_HAVE_FIBER
enum { STACK_BYTES = 16 * 1024 };

struct fiber {
    struct fiber *next;
    void         *context;
    char          rest[48]; /* a control block of 64 bytes */
};

static struct fiber *first, *last, *running;
static void         *main_context;
static long          left;
static int           all;

static void yielder(void)
{
    for (;;) {
        struct fiber *self = running, *next;

        if (left-- == 0)
            fiber_switch_classic(&self->context, main_context);
        last->next = self;
        last = self;
        self->next = NULL;
        next = first;
        first = next->next;
        running = next;
        __builtin_prefetch(first->context);
        fiber_switch_classic(&self->context, next->context);
    }
}

static void run_all(void *data)
{
    (void)data;
    left = all;
    fiber_switch_classic(&main_context, running->context);
}

static void measure(const struct perf_args *args)
{
    int           count = atoi(args->question + strlen("yield_"));
    char         *arena = fiber_arena_new((size_t)count, STACK_BYTES);
    struct fiber *fibers = aligned_alloc(64, (size_t)count * sizeof *fibers);

    if (!fibers)
        perf_die("no memory for fibers", 0);
    all = count > 1000 ? 5000000 : 10000000;
    for (int i = 0; i < count; i++) {
        void *top = fiber_arena_top(arena, (size_t)i, STACK_BYTES);

        fibers[i].context = fiber_make_classic(top, yielder);
        fibers[i].next = i + 1 < count ? &fibers[i + 1] : NULL;
    }
    running = &fibers[0];
    first = &fibers[1];
    last = &fibers[count - 1];
    perf_repeat_ns(args, all, run_all, NULL);
}
#endif

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

#if PERF_HAVE_FIBER
    measure(&args);
    return 0;
#else
    (void)args;
    perf_skip("the floor's switch is written for x86-64 only");
#endif
}
