/* SPDX-License-Identifier: MIT */
/* How the pool's processes come to be, and what the kernel does to them: all that the simulation
 * cannot take over and has a version of its own of (runtime/sim/process_birth.c). */
#ifndef LEAT_PROCS_BIRTH_H
#define LEAT_PROCS_BIRTH_H

#include "procs/wire.h"
#include "procs/worker.h"

#include <stdbool.h>
#include <sys/types.h>

/* ---- birth.c ---- */

/* Start the program again, with `socket` as its LEAT__ZYGOTE_SOCKET: there leat_procs_main calls
 * leat__zygote_live. From a thread that may block. Returns 0 or -errno. */
int leat__zygote_spawn(pid_t *ret, int socket);

/* In the zygote: apart from the program's terminal and descriptors, with SIGCHLD for a descriptor,
 * which is returned. Ends the process when that can't be had. */
int leat__zygote_set_up(int socket);

/* In the zygote: kill its children, which at its end are what left the groups of their workers and
 * outlived them. False: there are none, or nobody can say. */
bool leat__zygote_kill_children(void);

/* Fork a process that lives as a worker, without the zygote's two descriptors. Returns its pid or
 * -errno. */
pid_t leat__worker_fork(const struct leat__limits *limits, const int fds[LEAT__PROCS_FDS],
                        int socket, int signals);

/* ---- confine.c ---- */

/* In a worker: put limits and jail around it, and fill in what the descriptors are for. Ends the
 * process when that fails. `zygote` is its parent's pid. */
void leat__worker_confine(struct leat__proc_self *self, const struct leat__limits *limits,
                          const int fds[LEAT__PROCS_FDS], int zygote);

/* Around each job: its CPU time counts, and what it printed is on its way when it ends. When it was
 * answered, the next one shall have the worker's output, whatever it did with it. */
void leat__worker_job_begins(struct leat__proc_self *self);
void leat__worker_job_ends(struct leat__proc_self *self);
void leat__worker_job_answered(struct leat__proc_self *self);

#endif
