/* SPDX-License-Identifier: MIT */
/* Calls that sleep in the kernel, on threads that may sleep: as many as there are calls, up to
 * leat_options.blocking_max. Files and directories may use all of them, names a quarter, and a
 * program's own calls five eighths, so that of three threads or more there is always one for each.
 * A thread that has had nothing to do for ten seconds ends.
 *
 * A call that holds up the end of leat_run for a second is named in the log.
 * Inside of a computation (leat/compute.h) or of another such call, as on a thread outside of a
 * runtime, fn is called where it is: with leat_blocking_owned too, which then is waited for. */
#ifndef LEAT_POOL_H
#define LEAT_POOL_H

#include <leat/api.h>

#include <stddef.h>

LEAT_BEGIN

/* Run fn(arg) on the blocking pool, which grows on demand to its limit, and wait for its result.
 * Returns fn's result; -ECANCELED or -ETIMEDOUT when fn was not started; -EAGAIN when no thread
 * could be started at all. Once it has started its end is waited for.
 * On a thread outside a runtime fn is called directly. */
LEAT_API int leat_blocking(int (*fn)(void *arg), void *arg);

/* leat_blocking for a call that its caller need not wait for: fn gets a copy of the `bytes` bytes
 * at `value`, and owns it.
 *
 *     struct query query = { .name = strdup(name) };         // in and out
 *     int err = leat_blocking_owned(ask, &query, sizeof query, drop_query);
 *     ... query.answer ...
 *     drop_query(&query);
 *
 * Returns fn's result, with *value as fn left it, and what it owns is the caller's again. Else fn's
 * end was not waited for, or it was never called: drop gets the copy once, when fn has ended, and
 * *value is all-zero: -ECANCELED, -ETIMEDOUT, -ENOMEM, -EAGAIN (no thread), -E2BIG over 64 KiB.
 * fn and drop (NULL: nothing to free) run as on a thread of no runtime: no cancel reaches them.
 * Cancel: returns at once. At the end of leat_run such calls have leat_options.stop_ns.
 * On a thread outside a runtime fn is called directly, on *value. */
LEAT_API int leat_blocking_owned(int (*fn)(void *value), void *value, size_t bytes,
                                 void (*drop)(void *value));

LEAT_END

#endif
