/* SPDX-License-Identifier: MIT */
/* Reading this process's own memory the way a debugger reads another's: through the kernel, which
 * says no where a plain load would fault. For whoever looks at memory that its owner may free or
 * change meanwhile, and checks afterwards whether what was read belongs together. Sanitizers see
 * nothing of it, which is right: no program relies on such a read alone. */
#ifndef LEAT_PLATFORM_PEEK_H
#define LEAT_PLATFORM_PEEK_H

#include <stdbool.h>
#include <stddef.h>

/* All of it or nothing that counts: false when some of it is no memory. Async-signal-safe. Leaves
 * errno alone. */
bool leat__peek(const void *at, void *to, size_t bytes);

/* A string of up to bytes - 1 characters, always ended. False when there is none at `at`. */
bool leat__peek_string(const char *at, char *to, size_t bytes);

#endif
