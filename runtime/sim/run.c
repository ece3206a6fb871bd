/* SPDX-License-Identifier: MIT */
/* leat_run in a simulation: the program's options, with what the seed drew in the place of what it
 * left open. */
#include "sim/kernel.h"
#include "sim/sim.h"

#include <errno.h>

int leat_run(int (*fn)(void *arg), void *arg, const struct leat_options *options)
{
    const struct leat__sim_config *config = leat__sim_config();
    struct leat_options mine = { .size = sizeof mine };

    if (!leat__sim_on || (options && options->size != sizeof *options))
        return leat__inner_run(fn, arg, options);
    if (options)
        mine = *options;
    mine.no_signals = true; /* a virtual thread can be sent none */
    if (!mine.workers)
        mine.workers = config->workers;
    if (!mine.compute_threads)
        mine.compute_threads = 1 + config->workers / 2;
    if (!mine.seed)
        mine.seed = config->seed | 1;
    return leat__inner_run(fn, arg, &mine);
}

int leat__observe_start(struct leat__runtime *runtime, const struct leat__observe_options *options)
{
    if (leat__sim_on && !leat__sim_config()->watch)
        return 0;
    return leat__inner_observe_start(runtime, options);
}
