/* SPDX-License-Identifier: MIT */
/* This program's malloc, mmap and pthread_create stand before the C library's, for the C library
 * itself, too. */
#include "fault/failing.h"
#include "harness/test.h"

#if TEST_SLOWDOWN == 1

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long left; /* until the first fails */
static atomic_long asked;
static atomic_long failing_in_a_row;
static atomic_bool armed, struck;
static atomic_long blocks, maps;

bool failing_possible(void)
{
    return true;
}

void failing_begin(long nth, long in_a_row)
{
    atomic_store(&left, nth);
    atomic_store(&failing_in_a_row, in_a_row);
    atomic_store(&asked, 0);
    atomic_store(&struck, false);
    atomic_store(&armed, true);
}

bool failing_end(void)
{
    atomic_store(&armed, false);
    return atomic_load(&struck);
}

long failing_asked(void)
{
    return atomic_load(&asked);
}

long failing_blocks(void)
{
    return atomic_load(&blocks);
}

long failing_maps(void)
{
    return atomic_load(&maps);
}

static bool fails(void)
{
    long before;

    if (!atomic_load(&armed))
        return false;
    atomic_fetch_add(&asked, 1);
    before = atomic_fetch_sub(&left, 1);
    if (before > 1 || before <= 1 - atomic_load(&failing_in_a_row))
        return false;
    atomic_store(&struck, true);
    errno = ENOMEM;
    return true;
}

static void *counted(void *block)
{
    if (block)
        atomic_fetch_add(&blocks, 1);
    return block;
}

/* What glibc calls its own. */
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *block, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *block);

void *malloc(size_t bytes)
{
    return fails() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return fails() ? NULL : counted(__libc_calloc(count, bytes));
}

void *realloc(void *block, size_t bytes)
{
    void *grown;

    if (fails())
        return NULL;
    grown = __libc_realloc(block, bytes);
    if (!block)
        counted(grown);
    else if (bytes == 0)
        atomic_fetch_sub(&blocks, 1);
    return grown;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails() ? NULL : counted(__libc_memalign(alignment, bytes));
}

void *memalign(size_t alignment, size_t bytes)
{
    return aligned_alloc(alignment, bytes);
}

int posix_memalign(void **ret, size_t alignment, size_t bytes)
{
    void *block = aligned_alloc(alignment, bytes);

    if (!block)
        return ENOMEM;
    *ret = block;
    return 0;
}

void free(void *block)
{
    if (block)
        atomic_fetch_sub(&blocks, 1);
    __libc_free(block);
}

void *mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset)
{
    void *map;

    if (fails())
        return MAP_FAILED;
    map = (void *)syscall(SYS_mmap, at, bytes, protection, flags, fd, offset);
    if (map != MAP_FAILED && !(flags & MAP_FIXED))
        atomic_fetch_add(&maps, 1);
    return map;
}

int munmap(void *at, size_t bytes)
{
    atomic_fetch_sub(&maps, 1);
    return (int)syscall(SYS_munmap, at, bytes);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*fn)(void *arg),
                   void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    if (fails())
        return EAGAIN;
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return real(thread, attributes, fn, arg);
}

#else

bool failing_possible(void)
{
    return false;
}

long failing_asked(void)
{
    return 0;
}

void failing_begin(long nth, long in_a_row)
{
    (void)nth;
    (void)in_a_row;
}

bool failing_end(void)
{
    return false;
}

long failing_blocks(void)
{
    return 0;
}

long failing_maps(void)
{
    return 0;
}

#endif
