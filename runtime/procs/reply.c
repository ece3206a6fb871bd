/* SPDX-License-Identifier: MIT */
/* Replies. A large one is written into a memory file that its worker maps, and the caller maps the
 * same pages: sealed first, so that the caller reads memory that nobody can shorten (SIGBUS) or
 * change any more, whatever the worker does. */
#include "procs/reply.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

_Static_assert(sizeof(struct leat__store) <= sizeof(((struct leat_reply *)0)->leat__private),
               "a reply has room for its store");

struct leat__store *leat__reply_store(struct leat_reply *reply)
{
    return (struct leat__store *)(void *)reply->leat__private;
}

void leat__reply_renew(struct leat_reply *reply, struct leat_reply *before, const char *function)
{
    *before = *reply;
    memset(reply, 0, sizeof *reply);
    reply->function = function;
}

void leat_reply_fini(struct leat_reply *reply)
{
    struct leat__store *store = leat__reply_store(reply);

    switch (store->kind) {
    case LEAT__STORE_HEAP:
        free(store->base);
        break;
    case LEAT__STORE_MAPPED:
    case LEAT__STORE_FILE:
        munmap(store->base, store->capacity);
        break;
    case LEAT__STORE_SLOT:
        break;
    }
    memset(reply, 0, sizeof *reply);
}

void leat__reply_begin(struct leat_reply *reply, const char *function, void *base, size_t capacity)
{
    struct leat__store *store = leat__reply_store(reply);

    memset(reply, 0, sizeof *reply);
    reply->function = function;
    store->kind = LEAT__STORE_SLOT;
    store->base = base;
    store->capacity = capacity;
    store->fd = -1;
}

/* ---- growing ---- */

static size_t larger(size_t capacity, size_t bytes)
{
    size_t wanted = capacity < 128 ? 256 : capacity * 2;

    return wanted > bytes ? wanted : bytes;
}

static int grow_file(struct leat__store *store, size_t capacity)
{
    void *base;

    if (ftruncate(store->fd, (off_t)capacity) < 0)
        return -ENOMEM;
    base = mremap(store->base, store->capacity, capacity, MREMAP_MAYMOVE);
    if (base == MAP_FAILED)
        return -ENOMEM;
    store->base = base;
    store->capacity = capacity;
    return 0;
}

/* Out of the slot, into a file. */
static int move_to_file(struct leat__store *store, size_t used, size_t capacity)
{
    int fd = memfd_create("leat reply", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *base;

    if (fd < 0)
        return -ENOMEM;
    base = ftruncate(fd, (off_t)capacity) < 0
               ? MAP_FAILED
               : mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED) {
        close(fd);
        return -ENOMEM;
    }
    memcpy(base, store->base, used);
    *store = (struct leat__store){ .base = base, .capacity = capacity, .fd = fd,
                                   .kind = LEAT__STORE_FILE };
    return 0;
}

static int grow(struct leat_reply *reply, size_t bytes)
{
    struct leat__store *store = leat__reply_store(reply);
    size_t capacity = larger(store->capacity, bytes);
    void *base;

    switch (store->kind) {
    case LEAT__STORE_HEAP:
        base = realloc(store->base, capacity);
        if (!base)
            return -ENOMEM;
        store->base = base;
        store->capacity = capacity;
        return 0;
    case LEAT__STORE_SLOT:
        return move_to_file(store, reply->bytes, capacity);
    case LEAT__STORE_FILE:
        return grow_file(store, capacity);
    case LEAT__STORE_MAPPED:
        break;
    }
    leat__check(false, "an answer that came from a process is not written to");
    return -EINVAL;
}

void *leat_reply_reserve(struct leat_reply *reply, size_t bytes)
{
    struct leat__store *store = leat__reply_store(reply);

    if (bytes > PTRDIFF_MAX / 2 ||
        ((bytes > store->capacity || !store->base) && grow(reply, bytes) != 0))
        return NULL;
    store->given = bytes;
    reply->bytes = bytes;
    reply->data = store->base;
    return store->base;
}

int leat_reply_write(struct leat_reply *reply, const void *data, size_t bytes)
{
    size_t before = reply->bytes;
    unsigned char *base;

    if (bytes == 0)
        return 0;
    base = bytes > SIZE_MAX - before ? NULL : leat_reply_reserve(reply, before + bytes);
    if (!base)
        return -ENOMEM;
    memcpy(base + before, data, bytes);
    return 0;
}

/* ---- from one process to the other ---- */

int leat__reply_seal(struct leat_reply *reply)
{
    struct leat__store *store = leat__reply_store(reply);
    int fd = store->fd;

    if (store->kind != LEAT__STORE_FILE)
        return -1;
    munmap(store->base, store->capacity); /* a writable mapping forbids the seal */
    if (ftruncate(fd, (off_t)reply->bytes) < 0 ||
        fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) < 0) {
        close(fd);
        return -ENOMEM;
    }
    return fd;
}

int leat__reply_map(struct leat_reply *reply, int fd, uint64_t bytes)
{
    struct leat__store *store = leat__reply_store(reply);
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat status;
    void *base;

    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &status) < 0 || bytes == 0 ||
        status.st_size < 0 || (uint64_t)status.st_size < bytes) {
        close(fd);
        return -EBADMSG;
    }
    base = mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (base == MAP_FAILED)
        return -ENOMEM;
    *store = (struct leat__store){ .base = base, .capacity = (size_t)bytes, .fd = -1,
                                   .kind = LEAT__STORE_MAPPED };
    reply->data = base;
    reply->bytes = (size_t)bytes;
    return 0;
}

/* ---- in words ---- */

/* The C library has names of signals from 2.32 on; these are the ones that end processes. */
static const char *name_of_signal(int number, char room[static 24])
{
    static const struct {
        int         number;
        const char *name;
    } known[] = { { SIGABRT, "SIGABRT" }, { SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },
                  { SIGILL, "SIGILL" },   { SIGINT, "SIGINT" },   { SIGKILL, "SIGKILL" },
                  { SIGPIPE, "SIGPIPE" }, { SIGSEGV, "SIGSEGV" }, { SIGSTOP, "SIGSTOP" },
                  { SIGSYS, "SIGSYS" },   { SIGTERM, "SIGTERM" }, { SIGTRAP, "SIGTRAP" },
                  { SIGTSTP, "SIGTSTP" }, { SIGXCPU, "SIGXCPU" }, { SIGXFSZ, "SIGXFSZ" } };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].number == number)
            return known[i].name;
    snprintf(room, 24, "signal %d", number);
    return room;
}

int leat_reply_explain(const struct leat_reply *reply, char *text, size_t bytes)
{
    const char *name = reply->function ? reply->function : "the function";
    char room[24];
    const char *signal = name_of_signal(reply->status, room);

    switch (reply->end) {
    case LEAT_REMOTE_NOT_RUN:
        return snprintf(text, bytes, "%s: not called", name);
    case LEAT_REMOTE_RETURNED:
        return snprintf(text, bytes, "%s: returned", name);
    case LEAT_REMOTE_ABANDONED:
        return snprintf(text, bytes, "%s: its caller did not wait for it", name);
    case LEAT_REMOTE_SIGNALED:
        return snprintf(text, bytes, "%s: its process died of %s (attempt %u)", name, signal,
                        reply->attempts);
    case LEAT_REMOTE_EXITED:
        return snprintf(text, bytes, "%s: its process called exit(%d) (attempt %u)", name,
                        reply->status, reply->attempts);
    case LEAT_REMOTE_STOPPED:
        return snprintf(text, bytes, "%s: its process was stopped by %s and killed for it "
                        "(attempt %u)", name, signal, reply->attempts);
    case LEAT_REMOTE_TIMED_OUT:
        return snprintf(text, bytes, "%s: ran for longer than a job of this pool may", name);
    case LEAT_REMOTE_CPU:
        return snprintf(text, bytes, "%s: used more CPU time than a job of this pool may", name);
    case LEAT_REMOTE_LIED:
        return snprintf(text, bytes, "%s: its process sent an answer that cannot be", name);
    case LEAT_REMOTE_QUARANTINED:
        return snprintf(text, bytes, "%s: this input has killed its process three times and is "
                        "not run again", name);
    case LEAT_REMOTE_LOST:
        return snprintf(text, bytes, "%s: the pool's processes were lost, or did not start",
                        name);
    }
    return snprintf(text, bytes, "%s: ended in an unknown way", name);
}
