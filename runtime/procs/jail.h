/* SPDX-License-Identifier: MIT */
/* The jail of a worker: it computes, and reaches nothing but what the pool gave it. */
#ifndef LEAT_PROCS_JAIL_H
#define LEAT_PROCS_JAIL_H

#include <stdbool.h>

/* Can this machine build one? */
bool leat__jail_possible(void);

/* From now on, and for good, the calling process may: manage its own memory, tell the time, write
 * to the bell and to its standard output and error, send and receive on `socket`, read from
 * nothing, end. Every other system call gives EPERM. Returns 0 or -errno. */
int leat__jail_enter(int socket, int bell);

#endif
