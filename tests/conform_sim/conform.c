/* SPDX-License-Identifier: MIT */
/* The scripts of tests/conform in the simulated world: what they note must not depend on the seed,
 * and be what a kernel did. */
#include "conform/transcript.h"
#include "harness/test.h"
#include "sim/sim.h"
#include "sim/world.h"

#include <leat/runtime.h>

#include <stdio.h>
#include <stdlib.h>

static uint64_t seed;
static enum leat__sim_personality personality;

static int run_program(void *arg)
{
    struct leat_options options = { .size = sizeof options, .workers = 1 };

    (void)leat__world_make("/scripts", LEAT__WORLD_FOLDER, 0700, NULL, NULL);
    return leat_run(transcript_run, arg, &options);
}

static void run(struct script *script)
{
    static struct leat__sim_outcome outcome;
    struct leat__sim_config config;

    script->folder = "/scripts";
    leat__sim_draw(&config, seed);
    config.personality = personality;
    config.capacity = 0; /* buffers as big as a kernel's */
    config.faults_end = 0;
    leat__sim_once(run_program, script, &config, &outcome);
    if (outcome.failed || outcome.result)
        test_fail("seed %llu, script %s: %d, %s", (unsigned long long)seed, script->name,
                  outcome.result, outcome.text);
}

static void check(enum leat__sim_personality as, const char *where)
{
    size_t seeds = test_rounds(50, 500);
    char name[64];

    personality = as;
    for (seed = 1; seed <= seeds && !test_failed(); seed++) {
        char *got = transcript_of_all(run);

        snprintf(name, sizeof name, "%s, seed %llu", where, (unsigned long long)seed);
        (void)transcript_check(got, name);
        free(got);
    }
}

LEAT_TEST(conform, the_world_that_completes_does_what_a_kernel_does)
{
    check(LEAT__SIM_COMPLETES, "completes");
}

LEAT_TEST(conform, the_world_that_is_ready_does_what_a_kernel_does)
{
    check(LEAT__SIM_IS_READY, "is ready");
}
