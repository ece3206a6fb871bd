/* SPDX-License-Identifier: MIT */
/* A configuration as text: "17:workers=2,size=3" is what seed 17 draws, with two things fixed. So
 * reports tell it, LEAT_SIM takes it, and shrinking makes it. */
#ifndef LEAT_SIM_OVERRIDE_H
#define LEAT_SIM_OVERRIDE_H

#include "sim/sim.h"

/* Fix what `text` ("workers=2,size=3", "" or NULL) says. Returns 0, or -EINVAL: *text is not
 * understood, and *config is changed in part. */
int leat__sim_override(struct leat__sim_config *config, const char *text);

/* What the field of that name has; 0 where there is none. */
uint64_t leat__sim_value(const struct leat__sim_config *config, const char *name);

/* Draw from "SEED" or "SEED:name=value,...". Returns 0 or -EINVAL. */
int leat__sim_parse(struct leat__sim_config *config, const char *text);

#endif
