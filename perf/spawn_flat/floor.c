/* SPDX-License-Identifier: MIT */
/*
 * The least a machine must do for a task. spawn_flat: allocate a block of one cache line for each
 * of a million tasks, then run and free them in the same order. spawn_one: set up a fiber on a
 * pooled stack, switch to it, run it and switch back, with the classic switch that the printed
 * figure of 15 to 20 ns was made with.
 */
#include <stdlib.h>
#include <string.h>

#include "fiber.h"
#include "helper.h"

enum { TASKS = 1000000 };

struct task {
    void (*fn)(void *);
    void *arg;
    char  rest[48]; /* a control block of 64 bytes */
};

static struct task  *tasks[TASKS];
static unsigned long finished;

static __attribute__((noinline)) void nothing(void *arg)
{
    __asm__ volatile("" : : "r"(arg) : "memory");
    finished++;
}

static void spawn_flat(void *data)
{
    (void)data;
    for (size_t i = 0; i < TASKS; i++) {
        struct task *task = malloc(sizeof *task);

        if (!task)
            perf_die("no memory for a task", 0);
        task->fn = nothing;
        task->arg = NULL;
        tasks[i] = task;
    }
    for (size_t i = 0; i < TASKS; i++) {
        tasks[i]->fn(tasks[i]->arg);
        free(tasks[i]);
    }
}

#if PERF_HAVE_FIBER
static void *main_context, *task_context;

static void run_once(void)
{
    nothing(NULL);
    fiber_switch_classic(&task_context, main_context);
    __builtin_unreachable();
}

static void spawn_one(void *stack_top)
{
    for (size_t i = 0; i < TASKS; i++) {
        task_context = fiber_make_classic(stack_top, run_once);
        fiber_switch_classic(&main_context, task_context);
    }
}
#endif

int main(int argc, char **argv)
{
    struct perf_args args = perf_args_parse(argc, argv);

    if (strcmp(args.question, "spawn_one") != 0) {
        perf_repeat_ns(&args, TASKS, spawn_flat, NULL);
    } else {
#if PERF_HAVE_FIBER
        perf_repeat_ns(&args, TASKS, spawn_one, fiber_stack_new());
#else
        perf_skip("the floor's switch is written for x86-64 only");
#endif
    }
    return finished == (unsigned long)TASKS * (unsigned long)(args.samples + 1) ? 0 : 1;
}
