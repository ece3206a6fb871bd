/* SPDX-License-Identifier: MIT */
/* leat: tasks, scopes, channels and pools on every core, in plain C.
 *
 * This header includes all of the core. The contract, unless a function says otherwise:
 *
 *   - it returns 0 or a negative errno (-EPIPE closed, -ECANCELED cancelled, -ETIMEDOUT too late);
 *   - any task may call it, and any plain thread too;
 *   - it blocks only the caller, and if it can block it is a cancellation point;
 *   - pointers are borrowed until it returns; one to options may be NULL, for the defaults;
 *   - outputs are untouched on failure.
 *
 * Macros that name options, as LEAT_SCOPE(scope, .limit = 8), are for C. C++17, which cannot name a
 * few members, calls the functions beneath them, with NULL or with a struct of its own:
 *
 *     leat_scope_options options = {};
 *     options.size = sizeof options;
 *     options.limit = 8;
 *     leat_scope_enter(&scope, &options);
 *
 * errno is not part of the API. A task may resume on another thread, so leat.h redefines errno
 * through an accessor that compilers cannot cache (LEAT_NO_ERRNO opts out).
 */
#ifndef LEAT_LEAT_H
#define LEAT_LEAT_H

#include <leat/api.h>
#include <leat/broadcast.h>
#include <leat/chan.h>
#include <leat/compute.h>
#include <leat/embed.h>
#include <leat/errno.h>
#include <leat/error.h>
#include <leat/file.h>
#include <leat/io.h>
#include <leat/net.h>
#include <leat/observe.h>
#include <leat/parallel.h>
#include <leat/pattern.h>
#include <leat/pool.h>
#include <leat/process.h>
#include <leat/runtime.h>
#include <leat/select.h>
#include <leat/sync.h>
#include <leat/task.h>
#include <leat/time.h>

#endif
