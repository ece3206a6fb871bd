/* SPDX-License-Identifier: MIT */
/* dl_iterate_phdr, not dladdr: it is in every C library we run on without linking to more, and a
 * program's own functions have no dynamic symbols that dladdr could find anyway. */
#include "blocking/report.h"

#include <inttypes.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct search {
    uintptr_t address;
    uintptr_t base;
    char      object[128]; /* last part of its path; "" for the program itself */
};

static int look_into(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    struct search *search = arg;

    (void)bytes;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = (uintptr_t)info->dlpi_addr + segment->p_vaddr;
        const char *slash;

        if (segment->p_type != PT_LOAD || search->address - begin >= segment->p_memsz)
            continue;
        slash = strrchr(info->dlpi_name, '/');
        search->base = (uintptr_t)info->dlpi_addr;
        snprintf(search->object, sizeof search->object, "%s",
                 slash ? slash + 1 : info->dlpi_name);
        return 1;
    }
    return 0;
}

void leat__blocking_locate(char *text, size_t bytes, int (*fn)(void *arg))
{
    struct search search = { .address = (uintptr_t)fn };

    dl_iterate_phdr(look_into, &search);
    snprintf(text, bytes, "%s+0x%" PRIxPTR, search.object[0] ? search.object : "the program",
             search.address - search.base);
}
