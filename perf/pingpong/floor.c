/* SPDX-License-Identifier: MIT */
/*
 * The least a round trip costs. On one worker: two switches and a value handed over each time; a
 * slot that is known to be empty is both an unbuffered channel and one of capacity 1. Across
 * workers: two threads on two CPUs that spin on a cache line each.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "fiber.h"
#include "helper.h"

enum { ROUNDS_SAME = 10000000, ROUNDS_ACROSS = 500000 };

struct line {
    _Alignas(128) _Atomic uint64_t value;
};

static struct line request, reply;

static void *echo_spinning(void *rounds)
{
    perf_bind(1);
    for (uint64_t i = 1; i <= *(uint64_t *)rounds; i++) {
        while (atomic_load_explicit(&request.value, memory_order_acquire) != i)
            ;
        atomic_store_explicit(&reply.value, i, memory_order_release);
    }
    return NULL;
}

static void pingpong_across(void *next)
{
    uint64_t *first = next;

    for (uint64_t i = *first; i < *first + ROUNDS_ACROSS; i++) {
        atomic_store_explicit(&request.value, i, memory_order_release);
        while (atomic_load_explicit(&reply.value, memory_order_acquire) != i)
            ;
    }
    *first += ROUNDS_ACROSS;
}

static void measure_across(const struct perf_args *args)
{
    uint64_t  rounds = ROUNDS_ACROSS * ((uint64_t)args->samples + 1), next = 1;
    pthread_t thread;
    int       err;

    if (perf_cpu_count() < 2)
        perf_skip("two CPUs are needed");
    err = pthread_create(&thread, NULL, echo_spinning, &rounds);
    if (err)
        perf_die("thread", err);
    perf_bind(0);
    perf_repeat_ns(args, ROUNDS_ACROSS, pingpong_across, &next);
    pthread_join(thread, NULL);
}

#if PERF_HAVE_FIBER
static void    *main_context, *echo_context;
static uint64_t slot;

static void echo_switching(void)
{
    for (;;) {
        slot = ~slot;
        fiber_switch(&echo_context, main_context);
    }
}

static void pingpong_same(void *data)
{
    (void)data;
    for (uint64_t i = 0; i < ROUNDS_SAME; i++) {
        slot = i;
        fiber_switch(&main_context, echo_context);
        if (slot != ~i)
            perf_die("the other fiber did not run", 0);
    }
}

static void measure_same(const struct perf_args *args)
{
    echo_context = fiber_make(fiber_stack_new(), echo_switching);
    perf_repeat_ns(args, ROUNDS_SAME, pingpong_same, NULL);
}
#else
static void measure_same(const struct perf_args *args)
{
    (void)args;
    perf_skip("the floor's switch is written for x86-64 only");
}
#endif

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    if (strcmp(args.question, "pingpong_across") == 0)
        measure_across(&args);
    else
        measure_same(&args);
    return 0;
}
