/* SPDX-License-Identifier: MIT */
/* A worker's life, from its fork to its end. */
#ifndef LEAT_PROCS_WORKER_H
#define LEAT_PROCS_WORKER_H

#include "procs/wire.h"

#include <stdbool.h>

struct leat__proc_self {
    struct leat__ring *ring;
    int                socket, bell, pid;
    int                output[2]; /* copies of descriptors 1 and 2 */
    bool               cut_off; /* a job closed those, too: this worker takes no other */
    bool               jailed;
    bool               spin; /* the last spins found work */
    int64_t            cpu_ns; /* of a job; 0: no limit */
    int                cpu_timer, kill_timer;
};

/* In a process just forked from the zygote, with the signal mask still the zygote's: put limits and
 * jail around it and run what its ring brings. `fds` are as enum leat__procs_fd has them; `zygote`
 * is its parent's pid. */
_Noreturn void leat__worker_live(const struct leat__limits *limits,
                                 const int fds[LEAT__PROCS_FDS], int zygote);

#endif
