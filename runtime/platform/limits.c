/* SPDX-License-Identifier: MIT */
#include "platform/limits.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>

static void read_one(int resource, uint64_t *now, uint64_t *most)
{
    struct rlimit limit;

    *now = *most = LEAT__LIMIT_NONE;
    if (getrlimit((__rlimit_resource_t)resource, &limit) != 0)
        return;
    if (limit.rlim_cur != RLIM_INFINITY)
        *now = limit.rlim_cur;
    if (limit.rlim_max != RLIM_INFINITY)
        *most = limit.rlim_max;
}

void leat__limits_read(struct leat__limits *ret, const char *root)
{
    char path[PATH_MAX];
    uint64_t most;
    FILE *file;

    read_one(RLIMIT_NOFILE, &ret->nofile, &ret->nofile_max);
    read_one(RLIMIT_MEMLOCK, &ret->memlock, &most);
    read_one(RLIMIT_NPROC, &ret->threads, &most);
    ret->mappings = 0;
    if (snprintf(path, sizeof path, "%s/proc/sys/vm/max_map_count", root ? root : "") >=
        (int)sizeof path)
        return;
    file = fopen(path, "re");
    if (!file)
        return;
    if (fscanf(file, "%llu", (unsigned long long *)&ret->mappings) != 1)
        ret->mappings = 0;
    fclose(file);
}
