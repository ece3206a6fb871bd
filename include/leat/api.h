/* SPDX-License-Identifier: MIT */
/* What every public header needs: visibility, C linkage for C++ callers, and the attribute for
 * results that must be looked at. */
#ifndef LEAT_API_H
#define LEAT_API_H

/* On each exported function: the library is built with hidden visibility. */
#define LEAT_API __attribute__((visibility("default")))

/* On functions whose failure must not pass unseen. */
#define LEAT_MUST_CHECK __attribute__((warn_unused_result))

#ifdef __cplusplus
#define LEAT_BEGIN extern "C" {
#define LEAT_END }
#else
#define LEAT_BEGIN
#define LEAT_END
#endif

#endif
