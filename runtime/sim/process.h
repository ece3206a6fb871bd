/* SPDX-License-Identifier: MIT */
/* Virtual processes: what the process pool starts in a simulation. Each is one virtual thread, with
 * a number, a parent, descriptors and mappings of its own, which go when it ends; it shares the
 * program's memory otherwise. Private to this room.
 *
 * The pool's own code runs in them: the zygote's loop, the worker's. Only how they are started and
 * confined (procs/birth.h) is this room's, in process_birth.c.
 *
 *     RUNS ---stop---> STOPPED
 *       |                 |     a signal; exit, of the one that runs; the parent's end
 *       +-----> DEAD <----+     and its parent is told; gone when that has waited for it
 *
 * INVARIANTS
 *   I1  Who was killed does nothing more: its thread ends where it would have gone on.
 *   I2  When a process is DEAD its children have been killed. */
#ifndef LEAT_SIM_PROCESS_H
#define LEAT_SIM_PROCESS_H

#include "sim/core.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Numbers that no kernel gives out; the program's is the first. */
#define LEAT__SIM_PID (1 << 28)

struct leat__ring;

struct leat__process {
    struct leat__process *next, *parent; /* parent NULL: the program, or dead */
    struct leat__vthread *thread;
    pid_t                 pid;
    enum { LEAT__PROCESS_RUNS, LEAT__PROCESS_STOPPED, LEAT__PROCESS_DEAD } state;
    int                   status;  /* as waitpid(2) gives it, of its end */
    int                   stopped_by;
    bool                  killed, orphan, stop_told;
    bool                  deaf;    /* SIGTERM does nothing to it */
    int                   signals; /* where it reads of its children's ends, and .. */
    int                   signals_in; /* .. where they write; -1: it does not */
    struct leat__ring    *ring;    /* a worker's */
    uint32_t              job;     /* a worker's: how many have begun or ended */
    void                 *heap;    /* the one block of its own memory; NULL: none */
};

/* The one that runs; NULL: the program, or an event. Its number, 0 for those. */
struct leat__process *leat__sim_process(void);
pid_t leat__sim_process_id(void);

/* A child of the one that runs, whose thread calls fn(arg) and must not return from it.
 * Returns 0 or -EAGAIN, -ENOMEM. */
int leat__sim_process_start(struct leat__process **ret, const char *name, void (*fn)(void *arg),
                            void *arg);

/* NULL: there is none, or it is DEAD. */
struct leat__process *leat__sim_process_find(pid_t pid);

/* It dies of this, as waitpid gives it; it is stopped. Not of the one that runs. */
void leat__sim_process_strike(struct leat__process *process, int status);
void leat__sim_process_stop(struct leat__process *process, int signal);

/* core.c, for the thread of a process that ends. */
void leat__sim_process_over(struct leat__process *process);

/* Each simulation begins with none; at its end none is left, or it has failed; let go of all. */
void leat__sim_processes_begin(void);
void leat__sim_processes_check(void);
void leat__sim_processes_end(void);

#endif
