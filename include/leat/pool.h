/* SPDX-License-Identifier: MIT */
/* Calls that sleep in the kernel, on threads that may sleep. */
#ifndef LEAT_POOL_H
#define LEAT_POOL_H

#include <leat/api.h>

LEAT_BEGIN

/* Run fn(arg) on the blocking pool, which grows on demand to its limit, and wait for its result.
 * Returns fn's result; -ECANCELED or -ETIMEDOUT when fn was not started; -EAGAIN when no thread
 * could be started at all. Once it has started its end is waited for.
 * On a thread outside a runtime fn is called directly. */
LEAT_API int leat_blocking(int (*fn)(void *arg), void *arg);

LEAT_END

#endif
