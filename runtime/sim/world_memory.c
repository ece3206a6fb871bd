/* SPDX-License-Identifier: MIT */
/* Memory files (memfd_create(2)) and mappings of them: see world.h. All who map one have the same
 * bytes at the same place, for virtual processes share the program's memory. */
#include "sim/world.h"

#include "base/check.h"
#include "sim/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BYTES_MAX ((size_t)1 << 30)

struct leat__world_mapping {
    struct leat__world_mapping *next;
    struct leat__world_memory  *memory;
    unsigned char              *at;
    pid_t                       owner;
    bool                        writes; /* it is shared, and may be written to */
};

static struct leat__world_mapping *mappings;

/* ---- the file ---- */

int leat__world_memory_new(void)
{
    struct leat__world_open *open = leat__world_open_new(LEAT__WORLD_OPEN_MEMORY, O_RDWR);

    open->memory = leat__world_alloc(NULL, sizeof *open->memory);
    *open->memory = (struct leat__world_memory){ .refs = 1 };
    return leat__world_fd_new(open);
}

void leat__world_memory_drop(struct leat__world_memory *memory)
{
    if (--memory->refs > 0)
        return;
    if (memory->data)
        munmap(memory->data, memory->room);
    free(memory);
}

static void move_to(struct leat__world_memory *memory, size_t room)
{
    void *data = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    leat__check(data != MAP_FAILED, "the simulated world needs more memory");
    if (memory->data) {
        memcpy(data, memory->data, memory->bytes);
        munmap(memory->data, memory->room);
    }
    memory->data = data;
    memory->room = room;
}

/* Who has it mapped maps it anew by mremap: that is one at the most, or it would not move. */
int leat__world_memory_resize(struct leat__world_memory *memory, size_t bytes)
{
    if ((bytes < memory->bytes && memory->seals & F_SEAL_SHRINK) ||
        (bytes > memory->bytes && memory->seals & F_SEAL_GROW))
        return -EPERM;
    if (bytes > BYTES_MAX)
        return -EFBIG;
    if (bytes > memory->room)
        move_to(memory, (bytes + 4095) / 4096 * 4096);
    memory->bytes = bytes;
    return 0;
}

int leat__world_memory_write(struct leat__world_open *open, const void *data, size_t bytes)
{
    struct leat__world_memory *memory = open->memory;
    uint64_t end = open->position + bytes;
    int err = 0;

    if (memory->seals & F_SEAL_WRITE)
        return -EPERM;
    if (end > memory->bytes)
        err = leat__world_memory_resize(memory, (size_t)end);
    if (err)
        return err;
    memcpy(memory->data + open->position, data, bytes);
    open->position = end;
    return (int)bytes;
}

int leat__world_memory_seal(struct leat__world_memory *memory, int seals)
{
    if (memory->seals & F_SEAL_SEAL)
        return -EPERM;
    for (const struct leat__world_mapping *at = mappings; at && seals & F_SEAL_WRITE; at = at->next)
        if (at->memory == memory && at->writes)
            return -EBUSY;
    memory->seals |= seals;
    return 0;
}

/* ---- mappings ---- */

int leat__world_map(void **ret, struct leat__world_memory *memory, size_t bytes, int protection,
                    int flags)
{
    struct leat__world_mapping *mapping;
    bool writes = (protection & PROT_WRITE) && (flags & MAP_SHARED);

    if (writes && memory->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    if (bytes == 0 || bytes > memory->bytes)
        return -EINVAL; /* and beyond its end there would be nothing */
    mapping = leat__world_alloc(NULL, sizeof *mapping);
    *mapping = (struct leat__world_mapping){ mappings, memory, memory->data,
                                             leat__world_owner(), writes };
    memory->refs++;
    mappings = mapping;
    *ret = memory->data;
    return 0;
}

static struct leat__world_mapping **find(const void *at, pid_t owner)
{
    struct leat__world_mapping **found = &mappings;

    while (*found && ((at && (*found)->at != at) || (*found)->owner != owner))
        found = &(*found)->next;
    return found;
}

static void unmap(struct leat__world_mapping **found)
{
    struct leat__world_mapping *mapping = *found;

    *found = mapping->next;
    leat__world_memory_drop(mapping->memory);
    free(mapping);
}

int leat__world_unmap(const void *at)
{
    struct leat__world_mapping **found = find(at, leat__world_owner());

    if (!*found)
        return -EINVAL;
    unmap(found);
    return 0;
}

int leat__world_remap(void **ret, const void *old, size_t bytes)
{
    struct leat__world_mapping *mapping = *find(old, leat__world_owner());

    if (!mapping || bytes > mapping->memory->bytes)
        return -EINVAL;
    mapping->at = mapping->memory->data;
    *ret = mapping->at;
    return 0;
}

void leat__world_unmap_of(pid_t owner)
{
    struct leat__world_mapping **found;

    while (*(found = find(NULL, owner)))
        unmap(found);
}

bool leat__world_is_mapped(pid_t owner)
{
    return *find(NULL, owner) != NULL;
}

void leat__world_memory_end(void)
{
    while (mappings)
        unmap(&mappings);
}
