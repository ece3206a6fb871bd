/* SPDX-License-Identifier: MIT */
/* Whether this process is the child of a fork that cut it off from its runtime: of a process with
 * several threads a fork copies one, so the workers, and whoever held a lock, are not here. Such a
 * child may only call exec or _exit; what it asks of leat fails with -EPERM, and says so once.
 *
 * The mark is set in the child before fork returns, while it has one thread, and never cleared: so
 * a plain variable will do, and asking is one load. (A generation, compared everywhere, was
 * rejected: no call of such a child can be right, whichever fork it stems from.) */
#ifndef LEAT_PLATFORM_FORK_H
#define LEAT_PLATFORM_FORK_H

#include <stdbool.h>

extern bool leat__fork_is_cut_off;

/* Call `in_child` in the child of every fork from now on (not of vfork or posix_spawn, nor of
 * _Fork or the bare system call, which nobody can see). Returns 0 or -ENOMEM. Once. */
int leat__fork_watch(void (*in_child)(void));

/* In the child: the process had a runtime. */
void leat__fork_cut_off(void);

static inline bool leat__fork_forked(void)
{
    return __builtin_expect(leat__fork_is_cut_off, 0);
}

/* As leat__fork_forked, at the top of a call that then returns -EPERM: the first one says why on
 * standard error. */
bool leat__fork_refuses(void);

#endif
