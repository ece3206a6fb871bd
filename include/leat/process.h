/* SPDX-License-Identifier: MIT */
/* Signals as a wait.
 *
 *     struct leat_signals *signals;
 *     if ((err = leat_signals_open(&signals, (const int[]){ SIGINT, SIGTERM }, 2)) == 0) {
 *         int number = leat_signals_wait(signals);    // SIGINT, SIGTERM or -errno
 *         leat_signals_close(signals);
 *     }
 */
#ifndef LEAT_PROCESS_H
#define LEAT_PROCESS_H

#include <leat/api.h>

#include <stddef.h>

LEAT_BEGIN

struct leat_signals;

/* Catch these signals from now on instead of their default action; up to 8 numbers of 1 to 31.
 * One opener per signal and process at a time. Returns -EBUSY (a number is open already), -EINVAL
 * (SIGKILL, SIGSTOP, synchronous faults; SIGURG, which is leat's own, see leat/observe.h), -EMFILE,
 * -ENOMEM. The one that LEAT_DUMP_SIGNAL names makes no dumps meanwhile. */
LEAT_API LEAT_MUST_CHECK int leat_signals_open(struct leat_signals **ret, const int *numbers,
                                               size_t count);

/* Wait for the next one. Returns its number, -ECANCELED or -ETIMEDOUT. Signals that arrive while
 * nobody waits are kept, once per number, as the kernel does. One caller at a time. */
LEAT_API LEAT_MUST_CHECK int leat_signals_wait(struct leat_signals *signals);

/* Restore the previous actions and free. NULL is fine. */
LEAT_API void leat_signals_close(struct leat_signals *signals);

LEAT_END

#endif
