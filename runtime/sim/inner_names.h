/* SPDX-License-Identifier: MIT */
/* As kernel_names.h, for files of run, observe and sched that are to use this room's version of
 * the rooms below them. */
#ifndef LEAT_SIM_INNER_NAMES_H
#define LEAT_SIM_INNER_NAMES_H

#define leat_run            leat__inner_run
#define leat__park          leat__inner_park
#define leat__park_on       leat__inner_park_on
#define leat__observe_start leat__inner_observe_start

#endif
