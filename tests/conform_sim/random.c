/* SPDX-License-Identifier: MIT */
/* Scripts that a seed writes, by a kernel on both back ends and in the simulated world in both of
 * its personalities: all must note the same. (A program that is linked with the simulation is an
 * ordinary one until a simulation begins.) */
#include "conform/transcript.h"
#include "harness/test.h"
#include "sim/sim.h"
#include "sim/world.h"

#include <leat/runtime.h>

#include <stdio.h>
#include <string.h>

static struct script script = { .name = "random" };
static uint64_t seed;

static int run_script(void *arg)
{
    (void)arg;
    script_random(&script, seed);
    return 0;
}

/* Returns false where the kernel has no such back end. */
static bool run_real(enum leat_reactor reactor, char text[SCRIPT_TEXT_MAX])
{
    struct leat_options options = { .size = sizeof options, .workers = 1, .reactor = reactor };
    int err;

    script.folder = test_tempdir();
    script.bytes = 0;
    err = leat_run(run_script, NULL, &options);
    memcpy(text, script.text, SCRIPT_TEXT_MAX);
    return err == 0;
}

static int run_program(void *arg)
{
    struct leat_options options = { .size = sizeof options, .workers = 1 };

    (void)leat__world_make("/scripts", LEAT__WORLD_FOLDER, 0700, NULL, NULL);
    return leat_run(run_script, arg, &options);
}

static void run_simulated(enum leat__sim_personality personality, const char *want,
                          const char *where)
{
    static struct leat__sim_outcome outcome;
    struct leat__sim_config config;
    char name[64];

    script.folder = "/scripts";
    script.bytes = 0;
    leat__sim_draw(&config, seed);
    config.personality = personality;
    config.capacity = 0;
    config.faults_end = 0;
    leat__sim_once(run_program, NULL, &config, &outcome);
    if (outcome.failed || outcome.result)
        test_fail("seed %llu: %d, %s", (unsigned long long)seed, outcome.result, outcome.text);
    snprintf(name, sizeof name, "%s, seed %llu", where, (unsigned long long)seed);
    if (!transcript_same(script.text, want, name))
        printf("a kernel:\n%s\nthe world:\n%s\n", want, script.text);
}

LEAT_TEST(conform, random_calls_do_the_same_everywhere)
{
    static char epoll[SCRIPT_TEXT_MAX], uring[SCRIPT_TEXT_MAX];
    size_t seeds = test_rounds(150, 4000);
    char name[64];

    for (seed = 1; seed <= seeds && !test_failed(); seed++) {
        assert_true(run_real(LEAT_REACTOR_EPOLL, epoll));
        snprintf(name, sizeof name, "io_uring against epoll, seed %llu", (unsigned long long)seed);
        if (run_real(LEAT_REACTOR_IO_URING, uring))
            (void)transcript_same(uring, epoll, name);
        run_simulated(LEAT__SIM_COMPLETES, epoll, "completes");
        run_simulated(LEAT__SIM_IS_READY, epoll, "is ready");
    }
}
