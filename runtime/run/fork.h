/* SPDX-License-Identifier: MIT */
/* Runtimes that live in this process, for the sake of its forked children: see fork.c. */
#ifndef LEAT_RUN_FORK_H
#define LEAT_RUN_FORK_H

/* A runtime is about to be built. Returns 0, or -EPERM in a child that was cut off, or -ENOMEM. */
int leat__fork_enter(void);

/* It has been taken apart. */
void leat__fork_leave(void);

#endif
