/* SPDX-License-Identifier: MIT */
/* The least it takes on one core: a fiber a stage, a ring between each two, and each fiber passes
 * on what it finds and what fits before it switches to the next. */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fiber.h"
#include "helper.h"

#if PERF_HAVE_FIBER
enum { NUMBERS = 1000000, STAGES = 4, CAPACITY = 64 };

struct ring {
    _Atomic uint64_t head, tail; /* stored for each number, as a ring for others needs it */
    uint64_t         slots[CAPACITY];
};

static struct ring rings[STAGES]; /* before each stage */
static void       *contexts[STAGES], *main_context;
static int         started; /* stages that have, each by its number */
static uint64_t    sum;

static uint64_t load(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

static void store(_Atomic uint64_t *p, uint64_t value)
{
    atomic_store_explicit(p, value, memory_order_relaxed);
}

static bool push(struct ring *ring, uint64_t number)
{
    uint64_t tail = load(&ring->tail);

    if (tail - load(&ring->head) == CAPACITY)
        return false;
    ring->slots[tail % CAPACITY] = number;
    store(&ring->tail, tail + 1);
    return true;
}

static bool pop(struct ring *ring, uint64_t *ret)
{
    uint64_t head = load(&ring->head);

    if (head == load(&ring->tail))
        return false;
    *ret = ring->slots[head % CAPACITY];
    store(&ring->head, head + 1);
    return true;
}

static void add_one(void)
{
    int      stage = started++;
    uint64_t number;

    for (;;) {
        while (load(&rings[stage + 1].tail) - load(&rings[stage + 1].head) < CAPACITY &&
               pop(&rings[stage], &number))
            (void)push(&rings[stage + 1], number + 1);
        fiber_switch(&contexts[stage], contexts[stage + 1]);
    }
}

static void sum_up(void)
{
    uint64_t number;

    for (;;) {
        while (pop(&rings[STAGES - 1], &number))
            sum += number;
        fiber_switch(&contexts[STAGES - 1], main_context);
    }
}

static void run(void *data)
{
    uint64_t next = 0;

    sum = 0;
    while (next < NUMBERS) {
        while (next < NUMBERS && push(&rings[0], next))
            next++;
        fiber_switch(&main_context, contexts[0]);
    }
    *(uint64_t *)data = sum;
}

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);
    uint64_t         result;

    for (int i = 0; i < STAGES; i++)
        contexts[i] = fiber_make(fiber_stack_new(), i < STAGES - 1 ? add_one : sum_up);
    perf_repeat_ns(&args, NUMBERS, run, &result);
    perf_check_value(result);
    return 0;
}
#else
int main(void)
{
    perf_skip("the floor's switch is written for x86-64 only");
}
#endif
