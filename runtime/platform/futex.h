/* SPDX-License-Identifier: MIT */
/* Sleeping on a 32-bit word. Private to the process; deadlines are points in monotonic time, so
 * that a wait that is begun again needs no subtraction and is never late by the retries.
 *
 * The word is an atomic of lockfree's making, which this room may not include: hence `void *`. The
 * memory orders are the caller's: the kernel's comparison orders nothing by itself. */
#ifndef LEAT_PLATFORM_FUTEX_H
#define LEAT_PLATFORM_FUTEX_H

#include <leat/time.h>
#include <stdint.h>

/* Sleep while *word is `expected`, until woken or `deadline` (LEAT_NEVER: none).
 * Returns 0 after a wake, which may be a spurious one; -EAGAIN when *word was another value;
 * -ETIMEDOUT; -EINTR after a signal handler. Leaves errno alone. */
int leat__futex_wait(const void *word, uint32_t expected, leat_time deadline);

/* Wake up to `count` sleepers. Leaves errno alone. The word may be gone by now: waking on memory
 * that another thread has just freed, or unmapped, is harmless. */
void leat__futex_wake(const void *word, int count);

#endif
