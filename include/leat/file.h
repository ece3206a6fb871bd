/* SPDX-License-Identifier: MIT */
/* Files by position, and walks over directory trees. For a file as a stream see
 * leat_stream_open_file. What is in the page cache is served at once; what is not goes through the
 * reactor or the blocking pool, so a slow disk never holds a worker. */
#ifndef LEAT_FILE_H
#define LEAT_FILE_H

#include <leat/api.h>
#include <leat/io.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

LEAT_BEGIN

/* An open file in the caller's memory; not copied while open. */
struct leat_file {
    int      fd; /* for diagnostics; -1 when closed */
    uint32_t leat__private[3];
};

/* flags and mode as open(2); O_CLOEXEC is added. Returns as open(2): -ENOENT, -EACCES, ... */
LEAT_API LEAT_MUST_CHECK int leat_file_open(struct leat_file *ret, const char *path, int flags,
                                            mode_t mode);

/* Relative to an open directory (AT_FDCWD for the working directory). */
LEAT_API LEAT_MUST_CHECK int leat_file_open_at(struct leat_file *ret, int dir_fd, const char *path,
                                               int flags, mode_t mode);

/* Read up to `bytes` bytes at `offset`. Returns the count, 0 at the end, -errno (-EINVAL for an
 * offset over INT64_MAX).
 * Any number of tasks may read and write one file at once. */
LEAT_API LEAT_MUST_CHECK ssize_t leat_file_read(struct leat_file *file, void *data, size_t bytes,
                                                uint64_t offset);
LEAT_API LEAT_MUST_CHECK ssize_t leat_file_write(struct leat_file *file, const void *data,
                                                 size_t bytes, uint64_t offset);
LEAT_API LEAT_MUST_CHECK int leat_file_stat(struct leat_file *file, struct stat *ret);
LEAT_API LEAT_MUST_CHECK int leat_file_sync(struct leat_file *file);

/* Close. Returns the kernel's word on late write errors (-EIO, -ENOSPC, -EDQUOT); the file is
 * closed in any case. A closed file is fine (0). Not a cancellation point. */
LEAT_API int leat_file_close(struct leat_file *file);

/* stat(2) of a path; with `follow` false, of the link itself. */
LEAT_API LEAT_MUST_CHECK int leat_file_stat_path(const char *path, bool follow, struct stat *ret);

/* A file as a sequential stream. */
LEAT_API LEAT_MUST_CHECK int leat_stream_open_file(struct leat_stream **ret, const char *path,
                                                   int flags, mode_t mode);

/* A walk over a tree, depth first, in byte order of the full paths (as LC_ALL=C sort gives them).
 *
 *     struct leat_walk *walk;
 *     const struct leat_walk_entry *entry;
 *     if ((err = leat_walk_open(&walk, "src", NULL)) == 0) {
 *         while ((err = leat_walk_next(walk, &entry)) == 0)
 *             ... entry->path ...
 *         leat_walk_close(walk);                // err is -ENOENT... or -ENODATA at the end
 *     }
 *
 * Directories are read on the blocking pool, many entries a call. */
struct leat_walk;

enum leat_walk_type {
    LEAT_WALK_FILE,      /* a regular file */
    LEAT_WALK_DIRECTORY, /* before what it contains, when .directories is set */
    LEAT_WALK_SYMLINK,   /* not followed */
    LEAT_WALK_OTHER,     /* FIFO, socket, device */
    LEAT_WALK_ERROR,     /* could not be listed or looked at: see err */
};

struct leat_walk_entry {
    const char         *path; /* the root as given, joined with '/'; valid until the next call */
    size_t              path_bytes;
    enum leat_walk_type type;
    int                 err; /* 0, or for LEAT_WALK_ERROR: -EACCES, -ENOENT, -ELOOP (a link that
                                leads back to a directory above it), ... */
};

struct leat_walk_options {
    size_t   size;        /* sizeof(struct leat_walk_options) */
    bool     follow;      /* follow symbolic links met on the walk; the root is always followed */
    bool     directories; /* report directories too */
    uint64_t reserved[4];
};

/* Returns -ENOMEM, -EINVAL; that the root cannot be read is an entry of type LEAT_WALK_ERROR.
 * A root that is no directory is one entry. */
LEAT_API LEAT_MUST_CHECK int leat_walk_open(struct leat_walk **ret, const char *root,
                                            const struct leat_walk_options *options);

/* Returns 0 and an entry, -ENODATA at the end, -ECANCELED, -ETIMEDOUT, -ENOMEM, -EAGAIN (no thread
 * to read directories on). After any but -ENOMEM the walk can go on, and nothing was skipped. A
 * directory that cannot be listed is an entry where its contents would have been. One caller at a
 * time. */
LEAT_API LEAT_MUST_CHECK int leat_walk_next(struct leat_walk *walk,
                                            const struct leat_walk_entry **ret);

LEAT_API void leat_walk_close(struct leat_walk *walk);

LEAT_END

#endif
