/* SPDX-License-Identifier: MIT */
/* A table of a few, searched in turn: deaths are rare, and dear. When it is full the one that died
 * longest ago makes room. */
#include "procs/suspects.h"

#include "procs/wire.h"

static uint64_t hash_of(const struct leat_remote *remote, const void *in, size_t in_bytes)
{
    return leat__procs_hash(remote->leat__hash, in, in_bytes);
}

static void forget_old(struct leat__suspects *suspects, leat_time now)
{
    for (unsigned i = 0; i < suspects->count;) {
        if (now - suspects->entry[i].last >= LEAT__SUSPECT_LIFE)
            suspects->entry[i] = suspects->entry[--suspects->count];
        else
            i++;
    }
}

static struct leat__suspect *find(struct leat__suspects *suspects, uint64_t hash)
{
    for (unsigned i = 0; i < suspects->count; i++)
        if (suspects->entry[i].hash == hash)
            return &suspects->entry[i];
    return NULL;
}

unsigned leat__suspects_deaths(struct leat__suspects *suspects, const struct leat_remote *remote,
                               const void *in, size_t in_bytes, leat_time now)
{
    const struct leat__suspect *suspect;

    if (suspects->count == 0)
        return 0;
    forget_old(suspects, now);
    suspect = find(suspects, hash_of(remote, in, in_bytes));
    return suspect ? suspect->deaths : 0;
}

unsigned leat__suspects_note(struct leat__suspects *suspects, const struct leat_remote *remote,
                             const void *in, size_t in_bytes, leat_time now)
{
    uint64_t hash = hash_of(remote, in, in_bytes);
    struct leat__suspect *suspect;

    forget_old(suspects, now);
    suspect = find(suspects, hash);
    if (!suspect) {
        suspect = &suspects->entry[0];
        if (suspects->count < LEAT__SUSPECTS_MAX)
            suspect = &suspects->entry[suspects->count++];
        else
            for (unsigned i = 1; i < suspects->count; i++)
                if (suspects->entry[i].last < suspect->last)
                    suspect = &suspects->entry[i];
        *suspect = (struct leat__suspect){ .hash = hash };
    }
    suspect->last = now;
    return ++suspect->deaths;
}
