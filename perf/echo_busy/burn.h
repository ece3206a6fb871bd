/* SPDX-License-Identifier: MIT */
/* burn.h: what the servers in C compute besides answering. */
#ifndef LEAT_PERF_BURN_H
#define LEAT_PERF_BURN_H

/* Compute for 20 ms. */
void burn(void);

#endif
