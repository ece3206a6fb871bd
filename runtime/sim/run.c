/* SPDX-License-Identifier: MIT */
/* leat_run: in a simulation, the program's options with what the seed drew in the place of what it
 * left open; outside of one, with LEAT_SIM=seed in the environment, in a simulation of its own. */
#include "sim/campaign.h"
#include "sim/kernel.h"
#include "sim/override.h"
#include "sim/sim.h"

#include <leat/testing.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where faults are drawn, what the runtime says of them is nothing new. */
static void say_nothing(void *arg, enum leat_log_level level, const char *line)
{
    (void)arg, (void)level, (void)line;
}

struct program {
    int (*fn)(void *arg);
    void                      *arg;
    const struct leat_options *options;
};

static int run_drawn(void *arg)
{
    const struct leat__sim_config *config = leat__sim_config();
    const struct program *program = arg;
    struct leat_options mine = { .size = sizeof mine };

    if (program->options)
        mine = *program->options;
    mine.no_signals = true; /* a virtual thread can be sent none */
    if (!mine.workers)
        mine.workers = config->workers;
    if (!mine.compute_threads)
        mine.compute_threads = 1 + config->workers / 2;
    if (!mine.log && leat_sim_has_faults())
        mine.log = say_nothing;
    if (!mine.seed)
        mine.seed = config->seed | 1;
    return leat__inner_run(program->fn, program->arg, &mine);
}

/* Faults only where the text asks for them: the program was not written for this. */
static int run_alone(struct program *program, const char *text)
{
    struct leat__sim_outcome *outcome = calloc(1, sizeof *outcome);
    struct leat__sim_config config;
    const char *with = strchr(text, ':');
    int result = leat__sim_parse(&config, text);

    if (result == 0) {
        leat__sim_no_faults(&config);
        result = leat__sim_override(&config, with ? with + 1 : NULL);
    }
    if (result != 0) {
        fprintf(stderr, "leat: LEAT_SIM=%s: expected a seed, or a seed:name=value,...\n", text);
    } else if (!outcome) {
        result = -ENOMEM;
    } else {
        leat__sim_once(run_drawn, program, &config, outcome);
        result = outcome->result;
        if (outcome->failed) {
            fprintf(stderr, "leat: LEAT_SIM=%s: %s", text, outcome->text);
            abort(); /* what it broke is in this process */
        }
    }
    free(outcome);
    return result;
}

int leat_run(int (*fn)(void *arg), void *arg, const struct leat_options *options)
{
    struct program program = { fn, arg, options };
    const char *text = leat__sim_on ? NULL : getenv("LEAT_SIM");

    if (options && options->size != sizeof *options)
        return leat__inner_run(fn, arg, options); /* which says what is wrong with it */
    if (text && *text)
        return run_alone(&program, text);
    return leat__sim_on ? run_drawn(&program) : leat__inner_run(fn, arg, options);
}

int leat__observe_start(struct leat__runtime *runtime, const struct leat__observe_options *options)
{
    if (leat__sim_on && !leat__sim_config()->watch)
        return 0;
    return leat__inner_observe_start(runtime, options);
}
