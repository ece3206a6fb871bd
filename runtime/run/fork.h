/* SPDX-License-Identifier: MIT */
/* Runtimes that live in this process, for the sake of its forked children (see fork.c), and for
 * debuggers: leat-gdb.py begins here. */
#ifndef LEAT_RUN_FORK_H
#define LEAT_RUN_FORK_H

struct leat__runtime;

struct leat__alive {
    struct leat__alive   *next;
    struct leat__runtime *runtime;
};

extern struct leat__alive *leat__alive_first;

/* A runtime is about to be built. Returns 0, or -EPERM in a child that was cut off, or -ENOMEM. */
int leat__fork_enter(struct leat__alive *alive);

/* It has been taken apart. */
void leat__fork_leave(struct leat__alive *alive);

#endif
