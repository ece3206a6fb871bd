/* SPDX-License-Identifier: MIT */
/* Reads ELF files: see symbol.h. Nothing in a file is believed that does not lie inside of it. */
#include "platform/symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_object(struct leat__symbols *symbols, uintptr_t base, const ElfW(Phdr) *segments,
                       size_t count, const char *path)
{
    struct leat__object *object = &symbols->objects[symbols->count];
    size_t length = strlen(path);

    if (symbols->count == LEAT__OBJECTS_MAX || length >= sizeof object->path)
        return;
    memset(object, 0, sizeof *object);
    object->base = base;
    object->begin = UINTPTR_MAX;
    for (size_t i = 0; i < count; i++) {
        uintptr_t begin = base + segments[i].p_vaddr;

        if (segments[i].p_type != PT_LOAD)
            continue;
        if (begin < object->begin)
            object->begin = begin;
        if (begin + segments[i].p_memsz > object->end)
            object->end = begin + segments[i].p_memsz;
    }
    memcpy(object->path, path, length + 1);
    symbols->count++;
}

static int add_loaded(struct dl_phdr_info *info, size_t bytes, void *arg)
{
    const char *path = info->dlpi_name && info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";

    (void)bytes;
    add_object(arg, (uintptr_t)info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, path);
    return 0;
}

/* As the kernel told us, without asking the loader, which takes a lock. */
static void add_program(struct leat__symbols *symbols)
{
    const ElfW(Phdr) *segments = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t base = 0;

    for (size_t i = 0; segments && i < count; i++)
        if (segments[i].p_type == PT_PHDR)
            base = (uintptr_t)segments - segments[i].p_vaddr;
    if (segments)
        add_object(symbols, base, segments, count, "/proc/self/exe");
}

void leat__symbols_init(struct leat__symbols *symbols, bool program_only)
{
    memset(symbols, 0, sizeof *symbols);
    if (program_only)
        add_program(symbols);
    else
        dl_iterate_phdr(add_loaded, symbols);
}

void leat__symbols_fini(struct leat__symbols *symbols)
{
    for (size_t i = 0; i < symbols->count; i++)
        if (symbols->objects[i].map)
            munmap((void *)(uintptr_t)symbols->objects[i].map, symbols->objects[i].bytes);
    symbols->count = 0;
}

/* The file's bytes [offset, offset + bytes), or NULL. */
static const void *inside(const struct leat__object *object, uint64_t offset, uint64_t bytes)
{
    if (offset > object->bytes || bytes > object->bytes - offset || offset % sizeof(uint64_t))
        return NULL;
    return object->map + offset;
}

static void find_tables(struct leat__object *object)
{
    const ElfW(Ehdr) *header = inside(object, 0, sizeof *header);
    const ElfW(Shdr) *sections;

    if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
        header->e_shentsize != sizeof *sections)
        return;
    sections = inside(object, header->e_shoff, header->e_shnum * sizeof *sections);
    for (size_t i = 0; sections && i < header->e_shnum; i++) {
        const ElfW(Shdr) *table = &sections[i], *strings;

        if (table->sh_type != SHT_SYMTAB && (table->sh_type != SHT_DYNSYM || object->symbols))
            continue;
        if (table->sh_link >= header->e_shnum)
            continue;
        strings = &sections[table->sh_link];
        if (strings->sh_offset > object->bytes || strings->sh_size == 0 ||
            strings->sh_size > object->bytes - strings->sh_offset ||
            object->map[strings->sh_offset + strings->sh_size - 1] != '\0')
            continue;
        object->symbols = inside(object, table->sh_offset, table->sh_size);
        object->symbol_count = object->symbols ? table->sh_size / sizeof(ElfW(Sym)) : 0;
        object->strings = object->map + strings->sh_offset;
        object->strings_bytes = strings->sh_size;
    }
}

static void open_object(struct leat__object *object)
{
    struct stat stat;
    void *map;
    int fd;

    if (object->opened)
        return;
    object->opened = true;
    fd = open(object->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &stat) == 0 && stat.st_size > 0) {
        map = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            object->map = map;
            object->bytes = (size_t)stat.st_size;
            find_tables(object);
        }
    }
    close(fd);
}

/* The function that `at` (relative to the load address) lies in; NULL when none is named. */
static const char *search(const struct leat__object *object, uintptr_t at, uintptr_t *begin)
{
    const ElfW(Sym) *symbols = object->symbols;
    const char *best = NULL;

    for (size_t i = 0; i < object->symbol_count; i++) {
        const ElfW(Sym) *symbol = &symbols[i];
        unsigned char type = ELF64_ST_TYPE(symbol->st_info);

        if ((type != STT_FUNC && type != STT_NOTYPE) || symbol->st_shndx == SHN_UNDEF ||
            symbol->st_name == 0 || symbol->st_name >= object->strings_bytes ||
            at < symbol->st_value || at - symbol->st_value >= symbol->st_size)
            continue;
        best = object->strings + symbol->st_name;
        *begin = symbol->st_value;
    }
    return best;
}

static struct leat__object *object_at(struct leat__symbols *symbols, uintptr_t address)
{
    for (size_t i = 0; i < symbols->count; i++)
        if (address >= symbols->objects[i].begin && address < symbols->objects[i].end)
            return &symbols->objects[i];
    return NULL;
}

static void put_object(struct leat__text *text, const struct leat__object *object, uintptr_t at)
{
    const char *slash = strrchr(object->path, '/');

    if (strcmp(object->path, "/proc/self/exe") == 0)
        leat__text_put(text, "program");
    else
        leat__text_put(text, slash ? slash + 1 : object->path);
    leat__text_put(text, "+");
    leat__text_hex(text, at - object->base);
}

void leat__symbol_put(struct leat__symbols *symbols, struct leat__text *text, const void *address,
                      bool is_return)
{
    uintptr_t at = (uintptr_t)address, looked_up = at - (is_return ? 1 : 0), begin = 0;
    size_t slot = at / 2 % LEAT__SYMBOLS_KEPT;
    struct leat__object *object;

    if (symbols->kept[slot].address != at || !symbols->kept[slot].name) {
        object = object_at(symbols, looked_up);
        if (!object) {
            leat__text_hex(text, at);
            return;
        }
        open_object(object);
        symbols->kept[slot].address = at;
        symbols->kept[slot].name = search(object, looked_up - object->base, &begin);
        symbols->kept[slot].offset = at - object->base - begin;
        if (!symbols->kept[slot].name) {
            put_object(text, object, at);
            return;
        }
    }
    leat__text_put(text, symbols->kept[slot].name);
    if (symbols->kept[slot].offset > 0) {
        leat__text_put(text, "+");
        leat__text_hex(text, symbols->kept[slot].offset);
    }
}

const void *leat__symbols_whole(const struct leat__symbols *symbols, uint32_t low)
{
    for (size_t i = 0; low != 0 && i < symbols->count; i++) {
        const struct leat__object *object = &symbols->objects[i];
        uintptr_t at = (object->begin & ~(uintptr_t)UINT32_MAX) | low;

        if (at < object->begin)
            at += (uintptr_t)UINT32_MAX + 1;
        if (at >= object->begin && at < object->end)
            return (const void *)at;
    }
    return NULL;
}
