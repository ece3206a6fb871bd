/* SPDX-License-Identifier: MIT */
/* R12: a task that overflows its stack is named, and the program dies of the fault. */
#include "harness/test.h"

#include <leat/leat.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum shape { RECURSION, BIG_FRAMES, SHAPES };

static struct {
    enum shape shape;
    bool       in_place;
    unsigned   workers;
    size_t     stack_bytes;
} scene;

static volatile int  sink;
static volatile bool stop; /* never */

/* Through pointers that may change, so that no compiler makes a loop of the recursion. */
static int recurse(int depth);
static int recurse_wide(int depth);
static int (*volatile deeper)(int depth) = recurse;
static int (*volatile deeper_wide)(int depth) = recurse_wide;

static int recurse(int depth)
{
    volatile char frame[64];

    frame[0] = (char)depth;
    sink += frame[0];
    return stop ? 0 : deeper(depth + 1) + frame[0];
}

static int recurse_wide(int depth)
{
    volatile char frame[12000];

    memset((char *)(uintptr_t)frame, depth, sizeof frame);
    sink += frame[depth % 100];
    return stop ? 0 : deeper_wide(depth + 1) + frame[0];
}

static int overflow(void *arg)
{
    (void)arg;
    return scene.shape == RECURSION ? recurse(0) : recurse_wide(0);
}

static int be_a_neighbour(void *arg)
{
    (void)arg;
    return leat_sleep(LEAT_SEC);
}

static int run_scene(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    leat_spawn(&scope, be_a_neighbour, NULL);
    leat_spawn_opt(&scope, overflow, NULL, LEAT_TASK_OPTIONS(.name = "deep"));
    if (!scene.in_place) /* else the join takes it */
        return leat_sleep(LEAT_SEC);
    return leat_scope_join(&scope);
}

static void die(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
    signal(SIGSEGV, SIG_DFL); /* a sanitizer's would turn it into an exit */
    signal(SIGBUS, SIG_DFL);
    test_check_ok(__FILE__, __LINE__, "leat_run",
                  leat_run(run_scene, NULL, LEAT_OPTIONS(.workers = scene.workers,
                                                         .stack_bytes = scene.stack_bytes)));
}

LEAT_TEST(overflow, a_task_that_overflows_its_stack_is_named)
{
    size_t rounds = test_rounds(20, 1000);

    for (size_t i = 0; i < rounds; i++) {
        char expected[128];

        scene.shape = (enum shape)(i % SHAPES);
        scene.in_place = i / 2 % 2;
        scene.workers = 1 + i / 4 % 2;
        scene.stack_bytes = i / 8 % 2 ? 16 * 1024 : 0;
        snprintf(expected, sizeof expected, "fn overflow) overflowed its stack of %d KiB; raise",
                 i / 8 % 2 ? 16 : 64);
        expect_dies(die, SIGSEGV, expected);
        expect_dies(die, SIGSEGV, "leat: task \"deep\" (id ");
        if (test_failed())
            break;
    }
    printf("R12 overflows=%zu fail=%d\n", 2 * rounds, test_failed());
}

static void on_segv(int number)
{
    (void)number;
    if (write(2, "the program's own handler\n", 26) != 26)
        _exit(3);
    _exit(2);
}

static int fault_elsewhere(void *arg)
{
    volatile uintptr_t nowhere = 8;

    (void)arg;
    *(volatile int *)nowhere = 1;
    return 0;
}

static void fault_with_handler(void)
{
    struct sigaction action = { .sa_handler = on_segv };

    sigaction(SIGSEGV, &action, NULL);
    (void)!leat_run(fault_elsewhere, NULL, LEAT_OPTIONS(.workers = 1));
}

LEAT_TEST(overflow, another_fault_goes_to_the_programs_own_handler)
{
    expect_exits(fault_with_handler, 2, "the program's own handler");
}

static void fault_without_handler(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
    signal(SIGSEGV, SIG_DFL);
    (void)!leat_run(fault_elsewhere, NULL, LEAT_OPTIONS(.workers = 1));
}

LEAT_TEST(overflow, another_fault_still_kills_the_program)
{
    expect_dies(fault_without_handler, SIGSEGV, NULL);
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

LEAT_TEST(overflow, the_actions_of_the_program_are_put_back)
{
    struct sigaction before, after;

    sigaction(SIGSEGV, NULL, &before);
    expect_ok(leat_run(nothing, NULL, NULL));
    sigaction(SIGSEGV, NULL, &after);
    expect(before.sa_sigaction == after.sa_sigaction);
}
