/* SPDX-License-Identifier: MIT */
/* Many simulations: seeds one after the other in a child process, so that what a seed breaks (or
 * kills) is reported by somebody who is whole, and can be tried anew in another. */
#ifndef LEAT_SIM_CAMPAIGN_H
#define LEAT_SIM_CAMPAIGN_H

#include "sim/sim.h"

#include <leat/testing.h>

/* What is run for a seed: as the first virtual thread. Returns 0, or the seed failed. */
struct leat__sim_job {
    int (*fn)(void *arg);
    void *arg;
    bool (*failed)(void);
    bool everywhere; /* once more for each park that was counted, with a cancel there, and once with
                        a deadline (cancel.c) */
    bool each_fault; /* once more for each I/O call that was counted, and each way it may fail */
    bool mute; /* of what children print nothing is seen */
};

/* Run the configurations of the seeds first, first + 1 .. with `with` fixed and, unless `faults`,
 * without any, until one fails; in a child unless `here`. The report is added to.
 * Returns 0, the result of fn, -ENOTRECOVERABLE, -EINVAL, -EAGAIN, -ENOMEM. */
int leat__sim_seeds(const struct leat__sim_job *job, uint64_t first, uint64_t count,
                    const char *with, bool faults, bool here, struct leat_sim_report *report);

/* The same for one configuration as text. */
int leat__sim_one(const struct leat__sim_job *job, const char *text, bool faults, bool here,
                  struct leat_sim_report *report);

/* The report is of a failure: look for one that needs less, for as long as some seconds, and put it
 * into the report in its place. */
void leat__sim_shrink(const struct leat__sim_job *job, const char *with, bool faults,
                      struct leat_sim_report *report);

void leat__sim_no_faults(struct leat__sim_config *config);

/* What the options ask for, reported and shrunk (testing.c). */
int leat__sim_campaign(const struct leat__sim_job *job, const struct leat_sim_options *options);

/* Say what failed, and by which command it does so again (tell.c). */
void leat__sim_tell(const char *name, const struct leat_sim_report *report);
void leat__sim_tell_smaller(const char *name, const struct leat_sim_report *report);

extern bool leat__sim_by_name; /* leat_sim_main runs: a test's name is an argument */

/* Of the last run: I/O calls, and whether the one to fail has failed, and how (world_op.c). */
struct leat__sim_faults {
    uint64_t calls;
    bool     hit;
    char     what[80];
};
extern struct leat__sim_faults leat__sim_faults;

/* When the parks that were counted in the last run were (cancel.c). */
#define LEAT__SIM_PARKS_MAX 4096
extern leat_time leat__sim_park_times[LEAT__SIM_PARKS_MAX];

#endif
