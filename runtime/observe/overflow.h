/* SPDX-License-Identifier: MIT */
/* Naming the task whose stack has overflowed, before the program dies of it. */
#ifndef LEAT_OBSERVE_OVERFLOW_H
#define LEAT_OBSERVE_OVERFLOW_H

/* Install the handler of SIGSEGV and SIGBUS, with the first runtime of the process; put back what
 * was there before, with the last. */
void leat__overflow_install(void);
void leat__overflow_remove(void);

#endif
