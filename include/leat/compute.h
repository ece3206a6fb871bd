/* SPDX-License-Identifier: MIT */
/* CPU-bound work, on threads of its own so that it never holds a worker. */
#ifndef LEAT_COMPUTE_H
#define LEAT_COMPUTE_H

#include <leat/api.h>

LEAT_BEGIN

/* Run fn(arg) on the compute pool (one thread per CPU, batch scheduling) and wait for its result.
 * fn must not suspend: it may poll leat_cancelled(), which answers for the caller's scope.
 * Returns fn's result; -ECANCELED or -ETIMEDOUT when fn was not started; -EAGAIN when no thread
 * could be started at all. Once it has started its end is waited for, since it works on the
 * caller's memory.
 * On a thread outside a runtime fn is called directly. */
LEAT_API int leat_compute(int (*fn)(void *arg), void *arg);

LEAT_END

#endif
