/* SPDX-License-Identifier: MIT */
/* What a pattern's caller is told of a wait that ended. */
#ifndef LEAT_PATTERN_OUTCOME_H
#define LEAT_PATTERN_OUTCOME_H

#include <leat/task.h>

#include <errno.h>

/* When the caller's own deadline comes, what runs in a pattern's scopes reads -ECANCELED, for to it
 * an outer scope has ended. To the caller it is its own, so each call that waits says -ETIMEDOUT.
 * Called when the pattern's scopes are left. */
static inline int leat__outcome(int result)
{
    return result == -ECANCELED && leat_cancelled() == -ETIMEDOUT ? -ETIMEDOUT : result;
}

#endif
