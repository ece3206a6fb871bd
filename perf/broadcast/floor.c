/* SPDX-License-Identifier: MIT */
/* The least it takes: a ring that one fiber fills, and a hundred others read in turn. */
#include <stdatomic.h>
#include <stdint.h>

#include "fiber.h"
#include "helper.h"

#if PERF_HAVE_FIBER
enum { ELEMENTS = 20000, RECEIVERS = 100, CAPACITY = 128 };

struct receiver {
    void             *context;
    _Atomic uint64_t  cursor; /* stored for each element, as others need it who wait for it */
    uint64_t          sum;
};

static void            *main_context;
static struct receiver  receivers[RECEIVERS];
static int              running;
static uint64_t         ring[CAPACITY];
static _Atomic uint64_t end;

static uint64_t load(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void store(_Atomic uint64_t *p, uint64_t value)
{
    atomic_store_explicit(p, value, memory_order_relaxed);
}

static void receive(void)
{
    struct receiver *self = &receivers[running];

    for (;;) {
        for (uint64_t at = load(&self->cursor); at != load(&end);) {
            self->sum += ring[at % CAPACITY];
            store(&self->cursor, ++at);
        }
        if (++running < RECEIVERS)
            fiber_switch(&self->context, receivers[running].context);
        else
            fiber_switch(&self->context, main_context);
    }
}

static void run(void *data)
{
    uint64_t *total = data;

    for (uint64_t next = 1; next <= ELEMENTS;) {
        for (int i = 0; i < CAPACITY && next <= ELEMENTS; i++, next++) {
            uint64_t at = load(&end);

            ring[at % CAPACITY] = next;
            store(&end, at + 1);
        }
        running = 0;
        fiber_switch(&main_context, receivers[0].context);
    }
    *total = 0;
    for (int i = 0; i < RECEIVERS; i++) {
        *total += receivers[i].sum;
        receivers[i].sum = 0;
    }
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    char            *arena = fiber_arena_new(RECEIVERS, FIBER_STACK_BYTES);
    uint64_t         total;

    for (int i = 0; i < RECEIVERS; i++)
        receivers[i].context = fiber_make(fiber_arena_top(arena, (size_t)i, FIBER_STACK_BYTES),
                                          receive);
    perf_repeat_ns(&args, (double)ELEMENTS * RECEIVERS, run, &total);
    perf_check_value(total);
    return 0;
}
#else
int main(void)
{
    perf_skip("the floor's switch is written for x86-64 only");
}
#endif
