/* SPDX-License-Identifier: MIT */
/* Finding a registered function from what travels between processes: the hash of its name. */
#ifndef LEAT_PROCS_REMOTE_H
#define LEAT_PROCS_REMOTE_H

#include <leat/remote.h>

#include <stdint.h>

/* By leat__hash. NULL: none of that name in this process. */
const struct leat_remote *leat__remote_find(uint64_t hash);

#endif
