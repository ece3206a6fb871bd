/* SPDX-License-Identifier: MIT */
/* What leat can't run under, found out at start instead of by a crash later. */
#ifndef LEAT_PLATFORM_SUPPORT_H
#define LEAT_PLATFORM_SUPPORT_H

/* Returns 0, or -ENOTSUP with *ret_sentence set to a constant sentence for the user.
 *
 * So far one thing: hardware shadow stacks (x86 SHSTK, Arm GCS) switched on for this thread. A
 * fiber's return address would be looked for on the thread's shadow stack and not be there. A
 * kernel that has never heard of them runs without. */
int leat__platform_check(const char **ret_sentence);

#endif
