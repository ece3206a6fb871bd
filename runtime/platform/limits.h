/* SPDX-License-Identifier: MIT */
/* Limits of the system that a runtime may meet, for its start report. */
#ifndef LEAT_PLATFORM_LIMITS_H
#define LEAT_PLATFORM_LIMITS_H

#include <stdint.h>

#define LEAT__LIMIT_NONE UINT64_MAX

struct leat__limits {
    uint64_t nofile, nofile_max; /* descriptors: now, and how far the process may raise it */
    uint64_t memlock;            /* bytes */
    uint64_t threads;            /* of the user, all processes together */
    uint64_t mappings;           /* vm.max_map_count; 0: not to be told */
};

/* `root` stands before /proc, for fixture trees; NULL: the machine. */
void leat__limits_read(struct leat__limits *ret, const char *root);

#endif
