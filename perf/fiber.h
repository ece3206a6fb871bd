/* SPDX-License-Identifier: MIT */
/*
 * fiber.h: PERF_HAVE_FIBER says whether the floors have a switch for this machine. Where they have
 * none they say so and are skipped; leat and the peers run everywhere.
 */
#ifndef LEAT_PERF_FIBER_H
#define LEAT_PERF_FIBER_H

#ifdef __x86_64__
#define PERF_HAVE_FIBER 1
#include "fiber_x86_64.h"
#else
#define PERF_HAVE_FIBER 0
#endif

#endif
