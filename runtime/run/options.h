/* SPDX-License-Identifier: MIT */
/* What leat_run was asked for, after the environment and the defaults. */
#ifndef LEAT_RUN_OPTIONS_H
#define LEAT_RUN_OPTIONS_H

#include "platform/cpu.h"

#include <leat/runtime.h>

#define LEAT__WORKERS_MAX       1024
#define LEAT__STACK_BYTES_MIN   (16 * 1024)
#define LEAT__STACK_BYTES_MAX   (512 * 1024 * 1024)
#define LEAT__BLOCKING_DEFAULT  256
#define LEAT__BLOCKING_MAX      10000
#define LEAT__STALL_DEFAULT     (100 * LEAT_MSEC)
#define LEAT__STALL_MS_MAX      86400000

/* What only the environment says. */
struct leat__surroundings {
    bool watch;       /* LEAT_WATCH is not 0 */
    int  dump_signal; /* LEAT_DUMP_SIGNAL; 0: none */
};

/* Fill *ret from `asked` (NULL: nothing), then the environment, then the defaults, of which
 * `workers` is one. On failure *complaint is a sentence for the user, in static memory or the
 * caller's buffer.
 * Returns 0 or -EINVAL. */
int leat__options_resolve(struct leat_options *ret, struct leat__surroundings *surroundings,
                          const struct leat_options *asked, const struct leat__cpus *cpus,
                          unsigned workers, char *complaint, size_t complaint_bytes);

#endif
