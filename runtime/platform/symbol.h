/* SPDX-License-Identifier: MIT */
/* Names for addresses: from the symbol tables of the files that are loaded, static functions
 * included. (dladdr knows exported ones only, which a program has none of.) */
#ifndef LEAT_PLATFORM_SYMBOL_H
#define LEAT_PLATFORM_SYMBOL_H

#include "platform/text.h"

#include <stdbool.h>

#define LEAT__OBJECTS_MAX 32
#define LEAT__SYMBOLS_KEPT 256

struct leat__object {
    uintptr_t   base, begin, end; /* load address; where its code lies */
    char        path[200];
    bool        opened;
    const char *map; /* the file; NULL: it has none, or cannot be read */
    size_t      bytes;
    const void *symbols; /* of the file, inside of map */
    size_t      symbol_count;
    const char *strings;
    size_t      strings_bytes;
};

struct leat__symbols {
    size_t              count;
    struct leat__object objects[LEAT__OBJECTS_MAX];
    struct {
        uintptr_t   address;
        const char *name;
        uintptr_t   offset;
    } kept[LEAT__SYMBOLS_KEPT]; /* found before, by hash */
};

/* All objects that are loaded; or, async-signal-safe, the program itself only. */
void leat__symbols_init(struct leat__symbols *symbols, bool program_only);
void leat__symbols_fini(struct leat__symbols *symbols);

/* The address of which `low` is the lower half, in the code of what is loaded; NULL: there is none.
 * (Two objects 4 GiB apart may have one each: then the first's.) */
const void *leat__symbols_whole(const struct leat__symbols *symbols, uint32_t low);

/* "name", "name+0x12" or "object+0x1234". A return address names the call before it. */
void leat__symbol_put(struct leat__symbols *symbols, struct leat__text *text, const void *address,
                      bool is_return);

#endif
