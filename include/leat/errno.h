/* SPDX-License-Identifier: MIT */
/* errno for code that runs in tasks.
 *
 * A task may suspend on one thread and go on on another, and compilers keep errno's address over
 * a call, since the C library promises that it never changes. Read after a suspension, plain errno
 * can so be another thread's. With this header, which <leat.h> includes, each use of errno asks
 * anew. Including <errno.h> before or after it makes no difference.
 *
 * LEAT_NO_ERRNO, defined before, leaves errno as the C library has it; then copy it on the line
 * after the system call. */
#ifndef LEAT_ERRNO_H
#define LEAT_ERRNO_H

#include <errno.h>
#include <leat/api.h>

LEAT_BEGIN

/* Where the calling thread's errno lives at this moment. */
LEAT_API int *leat_errno_location(void);

LEAT_END

#ifndef LEAT_NO_ERRNO
#undef errno
#define errno (*leat_errno_location())
#endif

#endif
