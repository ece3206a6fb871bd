/* SPDX-License-Identifier: MIT */
/* Names and texts of error codes. Both take an error as leat returns it (-ETIMEDOUT) or as errno
 * holds it (ETIMEDOUT).
 *
 *     if (err < 0)
 *         fprintf(stderr, "fetch: %s (%s)\n", leat_error_text(err), leat_error_name(err));
 */
#ifndef LEAT_ERROR_H
#define LEAT_ERROR_H

#include <leat/api.h>

LEAT_BEGIN

/* "ETIMEDOUT"; "OK" for 0; "EUNKNOWN" for a number that is no error of this system. The string is
 * constant. */
LEAT_API const char *leat_error_name(int err);

/* "Connection timed out"; "Success" for 0; "Unknown error" for a number that is none. In the
 * program's language when it has called setlocale. Good until the calling task suspends. */
LEAT_API const char *leat_error_text(int err);

LEAT_END

#endif
