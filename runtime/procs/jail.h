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

/* The filter for that, at most so long, for a process of this number. Returns its length. Apart, so
 * that it can be tried where no kernel takes it. */
#define LEAT__JAIL_RULES_MAX 192
struct sock_filter;
unsigned short leat__jail_rules(struct sock_filter *rules, int socket, int bell, int pid);

#endif
