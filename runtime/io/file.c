/* SPDX-License-Identifier: MIT */
/* Files by position. Each call is one operation of the reactor room, tried directly first: an open
 * whose path is cached and a read whose pages are cached cost their system call and nothing else.
 *
 * What a file remembers besides its descriptor is how it was opened: closing one that could not be
 * written has nothing to flush, so it is done on the spot; any other close may sleep for its data
 * (NFS, FUSE, a tape) and goes the way of operations. (The last close of a big file that was
 * unlinked meanwhile may also take its time; nothing tells that before.)
 *
 * INVARIANTS
 *   I1  leat__private[0] is OPENED or OPENED_TO_WRITE while the file is open, else fd is -1. */
#include <leat/file.h>

#include "base/check.h"
#include "reactor/op.h"

#include <leat/task.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { OPENED = 0x6c656166, OPENED_TO_WRITE }; /* "leaf": unlikely in memory never opened */

static void check_open(const struct leat_file *file)
{
    leat__check(file->fd >= 0 && (file->leat__private[0] == OPENED ||
                                  file->leat__private[0] == OPENED_TO_WRITE),
                "use a leat_file between its open and its close only");
}

/* The kernel takes UINT64_MAX for the file's own position, and refuses the others beyond this. */
static bool is_position(uint64_t offset)
{
    return offset <= INT64_MAX;
}

int leat_file_open_at(struct leat_file *ret, int dir_fd, const char *path, int flags, mode_t mode)
{
    struct leat__op op = { .code = LEAT__OP_OPEN_AT,
                           .fd = dir_fd,
                           .path = path,
                           .flags = flags | O_CLOEXEC,
                           .mode = mode,
                           .direct = true };
    int fd = leat__op_run(&op);

    if (fd < 0)
        return fd;
    *ret = (struct leat_file){ .fd = fd };
    ret->leat__private[0] = (flags & O_ACCMODE) == O_RDONLY ? OPENED : OPENED_TO_WRITE;
    return 0;
}

int leat_file_open(struct leat_file *ret, const char *path, int flags, mode_t mode)
{
    return leat_file_open_at(ret, AT_FDCWD, path, flags, mode);
}

ssize_t leat_file_read(struct leat_file *file, void *data, size_t bytes, uint64_t offset)
{
    struct leat__op op = { .code = LEAT__OP_READ_AT,
                           .fd = file->fd,
                           .data = data,
                           .bytes = bytes,
                           .offset = offset,
                           .direct = true };

    check_open(file);
    return is_position(offset) ? leat__op_run(&op) : -EINVAL;
}

ssize_t leat_file_write(struct leat_file *file, const void *data, size_t bytes, uint64_t offset)
{
    struct leat__op op = { .code = LEAT__OP_WRITE_AT,
                           .fd = file->fd,
                           .source = data,
                           .bytes = bytes,
                           .offset = offset,
                           .direct = true };

    check_open(file);
    return is_position(offset) ? leat__op_run(&op) : -EINVAL;
}

int leat_file_sync(struct leat_file *file)
{
    struct leat__op op = { .code = LEAT__OP_SYNC, .fd = file->fd };

    check_open(file);
    return leat__op_run(&op);
}

static void fill_stat(struct stat *ret, const struct statx *from)
{
    *ret = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = { .tv_sec = from->stx_atime.tv_sec, .tv_nsec = from->stx_atime.tv_nsec },
        .st_mtim = { .tv_sec = from->stx_mtime.tv_sec, .tv_nsec = from->stx_mtime.tv_nsec },
        .st_ctim = { .tv_sec = from->stx_ctime.tv_sec, .tv_nsec = from->stx_ctime.tv_nsec },
    };
}

static int stat_at(int fd, const char *path, int flags, struct stat *ret)
{
    struct statx found;
    struct leat__op op = { .code = LEAT__OP_STAT_AT,
                           .fd = fd,
                           .path = path,
                           .flags = flags,
                           .mode = STATX_BASIC_STATS,
                           .statx = &found,
                           .direct = true };
    int err = leat__op_run(&op);

    if (err < 0)
        return err;
    fill_stat(ret, &found);
    return 0;
}

int leat_file_stat(struct leat_file *file, struct stat *ret)
{
    check_open(file);
    return stat_at(file->fd, "", AT_EMPTY_PATH, ret);
}

int leat_file_stat_path(const char *path, bool follow, struct stat *ret)
{
    return stat_at(AT_FDCWD, path, follow ? 0 : AT_SYMLINK_NOFOLLOW, ret);
}

int leat_file_close(struct leat_file *file)
{
    struct leat__op op = { .code = LEAT__OP_CLOSE, .fd = file->fd };
    int err;

    if (file->fd < 0)
        return 0;
    check_open(file);
    file->fd = -1;
    if (file->leat__private[0] == OPENED) {
        file->leat__private[0] = 0;
        err = close(op.fd) == 0 ? 0 : -errno;
    } else {
        file->leat__private[0] = 0;
        leat_shield(); /* the descriptor must go, whatever became of the caller's scopes */
        err = leat__op_run(&op);
        leat_unshield();
    }
    return err == -EINTR ? 0 : err; /* Linux has closed it even then */
}
