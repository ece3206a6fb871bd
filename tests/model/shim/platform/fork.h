/* SPDX-License-Identifier: MIT */
/* fork.h as the model checker sees it: nobody forks. */
#ifndef LEAT_PLATFORM_FORK_H
#define LEAT_PLATFORM_FORK_H

#include <stdbool.h>

static inline bool leat__fork_forked(void)
{
    return false;
}

static inline bool leat__fork_refuses(void)
{
    return false;
}

#endif
