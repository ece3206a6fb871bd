/* SPDX-License-Identifier: MIT */
/* Jobs that have killed workers: function and input, by hash. Only while there are any is a new
 * job's input hashed. */
#ifndef LEAT_PROCS_SUSPECTS_H
#define LEAT_PROCS_SUSPECTS_H

#include <leat/remote.h>
#include <leat/time.h>

#include <stddef.h>
#include <stdint.h>

#define LEAT__SUSPECTS_MAX 64
#define LEAT__SUSPECT_LIFE LEAT_MINUTE /* since its last death; then it is forgotten */

struct leat__suspects {
    unsigned count;
    struct leat__suspect {
        uint64_t  hash;
        unsigned  deaths;
        leat_time last;
    } entry[LEAT__SUSPECTS_MAX];
};

/* How many workers that job has killed lately. */
unsigned leat__suspects_deaths(struct leat__suspects *suspects, const struct leat_remote *remote,
                               const void *in, size_t in_bytes, leat_time now);

/* It has killed one more. Returns how many that makes. */
unsigned leat__suspects_note(struct leat__suspects *suspects, const struct leat_remote *remote,
                             const void *in, size_t in_bytes, leat_time now);

#endif
