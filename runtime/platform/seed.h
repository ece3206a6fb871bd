/* SPDX-License-Identifier: MIT */
/* A seed from the kernel, for when the user gives none. */
#ifndef LEAT_PLATFORM_SEED_H
#define LEAT_PLATFORM_SEED_H

#include <stdint.h>

/* Never blocks, never fails: where the kernel has no random bytes to give (early boot, a seccomp
 * filter), clock, process and address are mixed instead, which is enough for scheduling. */
uint64_t leat__seed(void);

#endif
