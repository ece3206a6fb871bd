/* SPDX-License-Identifier: MIT */
/* How deep a piece of code goes down its stack. The pages below the caller are given back, so that
 * they are zero when they are touched again: the lowest word that is not zero afterwards is how far
 * it went. (Painting with a pattern was rejected: it touches, and so allocates, the whole stack.)
 * An array that was never written to counts as far as what was called from below it. */
#ifndef LEAT_PLATFORM_DEPTH_H
#define LEAT_PLATFORM_DEPTH_H

#include "platform/stack.h"

/* Both on the stack itself, from the same frame. Some two system calls. */
void   leat__depth_begin(struct leat__stack *stack);
size_t leat__depth_end(const struct leat__stack *stack); /* bytes, from the top of the stack */

#endif
