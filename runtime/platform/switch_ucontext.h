/* SPDX-License-Identifier: MIT */
/* The switch by ucontext, for machines we have no assembly for, and to try the rest of leat with
 * (LEAT_SWITCH_UCONTEXT). Include platform/switch.h, not this.
 *
 * A ucontext_t takes about a kilobyte, so it lies on the stack of the context it describes, in the
 * frame of the switch itself, and the context only points there. (In the context it would also be
 * in the way of copying: it points into itself.) Each switch costs two system calls for the signal
 * mask; 300 ns against 2. */
#ifndef LEAT_PLATFORM_SWITCH_UCONTEXT_H
#define LEAT_PLATFORM_SWITCH_UCONTEXT_H

#include "platform/switch.h"

/* Write the ucontext_t of the caller to its stack, its address to save->sp, and go on with `to`. */
void leat__switch_ucontext(struct leat__context *save, struct leat__context *to);
_Noreturn void leat__exit_ucontext(struct leat__context *to);

#endif
