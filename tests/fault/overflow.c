/* SPDX-License-Identifier: MIT */
/* R12: stacks that overflow, by deep recursion and by big frames, among neighbours whose stacks are
 * full of a pattern. Each stops on its guard, the task is named, and when the fault comes no byte
 * of a neighbour has changed. */
#include "harness/test.h"
#include "platform/sanitize.h"

#include <leat/leat.h>

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define NEIGHBOURS 40
#define PATTERN_BYTES 12000

static struct {
    size_t   frame_bytes; /* of the recursion; 0: as small as it gets */
    bool     in_place;
    unsigned workers;
    size_t   stack_bytes;
} scene;

/* Where the neighbours' patterns stand, for the handler. */
static struct {
    volatile unsigned char *at;
    unsigned char           value;
} patterns[NEIGHBOURS];
static atomic_int standing;
static volatile int  sink;
static volatile bool stop; /* never */

/* Through pointers that may change, so that no compiler makes a loop of the recursion. */
static int recurse(int depth);
static int recurse_by(size_t bytes);
static int (*volatile deeper)(int depth) = recurse;
static int (*volatile deeper_by)(size_t bytes) = recurse_by;

static int recurse(int depth)
{
    volatile char frame[64];

    frame[0] = (char)depth;
    sink += frame[0];
    return stop ? 0 : deeper(depth + 1) + frame[0];
}

static int recurse_by(size_t bytes)
{
    volatile char *frame = __builtin_alloca(bytes);

    frame[0] = 1; /* the lowest byte first, a whole frame further down */
    sink += frame[0];
    return stop ? 0 : deeper_by(bytes) + frame[bytes - 1];
}

static int overflow(void *arg)
{
    (void)arg;
    return scene.frame_bytes == 0 ? recurse(0) : recurse_by(scene.frame_bytes);
}

static int stand(void *arg)
{
    volatile unsigned char pattern[PATTERN_BYTES];
    size_t index = (size_t)(uintptr_t)arg;

    memset((unsigned char *)(uintptr_t)pattern, (int)index + 1, sizeof pattern);
    patterns[index].value = (unsigned char)(index + 1);
    patterns[index].at = pattern;
    atomic_fetch_add(&standing, 1);
    return leat_sleep(LEAT_NEVER);
}

static int run_scene(void *arg)
{
    LEAT_SCOPE(scope);

    (void)arg;
    for (uintptr_t i = 0; i < NEIGHBOURS / 2; i++)
        leat_spawn(&scope, stand, (void *)i);
    while (atomic_load(&standing) < NEIGHBOURS / 2)
        (void)leat_sleep(100 * LEAT_USEC);
    leat_spawn_opt(&scope, overflow, NULL, LEAT_TASK_OPTIONS(.name = "deep"));
    /* Some on the stacks that come after, too. */
    if (!scene.in_place) {
        for (uintptr_t i = NEIGHBOURS / 2; i < NEIGHBOURS; i++)
            leat_spawn(&scope, stand, (void *)i);
        return leat_sleep(LEAT_NEVER);
    }
    return leat_scope_join(&scope);
}

/* Comes after leat's own handler, which has named the task. */
static void inspect(int number)
{
    int harmed = 0;

    (void)number;
    for (int i = 0; i < NEIGHBOURS; i++)
        for (int k = 0; patterns[i].at && k < PATTERN_BYTES; k++)
            harmed += patterns[i].at[k] != patterns[i].value;
    _exit(harmed ? 4 : 42);
}

static void overflow_in_child(void)
{
    static char stack[64 * 1024];
    struct sigaction action = { .sa_handler = inspect, .sa_flags = SA_ONSTACK };

    (void)stack;
    setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    (void)!leat_run(run_scene, NULL, LEAT_OPTIONS(.workers = scene.workers,
                                                 .stack_bytes = scene.stack_bytes));
    _exit(5); /* nothing stopped it */
}

LEAT_TEST(R12, overflows_stop_on_the_guard_are_named_and_harm_no_neighbour)
{
    static const size_t frames[] = { 0, 1000, 4096, 15000, 31000 };
    size_t rounds = test_rounds(40, 1000), failures = 0;

    if (LEAT__TSAN)
        test_skip("ThreadSanitizer allows no threads after a fork");
    for (size_t i = 0; i < rounds; i++) {
        scene.frame_bytes = frames[i % 5];
        scene.in_place = i / 5 % 2;
        scene.workers = 1 + (unsigned)(i / 10 % 2);
        scene.stack_bytes = i / 20 % 2 ? 16 * 1024 : 0;
        if (!test_child_exits(__FILE__, __LINE__, overflow_in_child, 42,
                              "leat: task \"deep\" (id ") && ++failures > 3)
            break;
    }
    printf("R12 overflows=%zu fail=%zu\n", rounds, failures);
}
