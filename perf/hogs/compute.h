/* SPDX-License-Identifier: MIT */
/* A piece of computing of known length. */
#ifndef PERF_HOGS_COMPUTE_H
#define PERF_HOGS_COMPUTE_H

#include <stdint.h>

/* Before the first compute. On an idle machine. */
void calibrate(void);

void compute_ms(unsigned ms);

#endif
