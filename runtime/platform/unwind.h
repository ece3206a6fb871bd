/* SPDX-License-Identifier: MIT */
/* Stack traces of what is not running here: a parked fiber, a thread that was interrupted.
 *
 *     struct leat__registers at = leat__context_registers(&fiber->context);
 *     void *pcs[32];
 *     size_t count = leat__unwind(&at, read, arg, pcs, 32);
 *
 * By the call frame information that every compiler leaves for exceptions, so that optimised code
 * without frame pointers unwinds too. Libraries that do this (libunwind, libgcc) start from the
 * caller's own registers or want a copy of the whole process behind an interface of their own;
 * what we need of them is small. Registers that a parked frame does not need are unknown there
 * (the switch saves three): a frame whose rules ask for one ends the trace.
 *
 * Memory is read through `read` only, which decides what may be read: so a trace of a moving stack
 * may be nonsense, but never faults. Not async-signal-safe: it asks the loader for its objects. */
#ifndef LEAT_PLATFORM_UNWIND_H
#define LEAT_PLATFORM_UNWIND_H

#include "platform/switch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef bool leat__unwind_read_fn(void *arg, uintptr_t at, void *to, size_t bytes);

/* The first is start->pc itself, the others are return addresses. Returns how many. */
size_t leat__unwind(const struct leat__registers *start, leat__unwind_read_fn *read, void *arg,
                    void **ret, size_t max);

/* The same for the caller itself; the first is inside of this function. */
size_t leat__unwind_here(void **ret, size_t max);

/* Where a signal handler's third argument says the thread was. */
struct leat__registers leat__interrupted_registers(const void *ucontext);

#endif
