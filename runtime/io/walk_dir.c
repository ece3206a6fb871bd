/* SPDX-License-Identifier: MIT */
/* The directories of a walk: opening, reading and sorting them, and finding the way back to those
 * that were closed meanwhile.
 *
 * Each directory is read whole and sorted before its first name is used: memory for one directory
 * a level. It is opened relative to its parent's descriptor, so that paths may be longer than
 * PATH_MAX and nobody can swap a directory above for a link while we are below. Descriptors are
 * scarce, trees are deep: beyond LEAT__WALK_OPEN_MAX, or when the process has no more, the one
 * nearest to the root is closed, since it is needed last. It is opened again by walking down from
 * the nearest directory that is still open, and each step must come upon the directory it came upon
 * before (device and inode), or what was in it is reported as lost. (Going up by ".." would be one
 * step, but leads elsewhere once a link was followed or a directory was moved.)
 *
 * INVARIANTS
 *   I1  The root stays open while it is a level, so the way back starts inside the tree, whatever
 *       has become of the working directory.
 *   I2  walk->path holds the path of the deepest level, and levels[i].path_bytes is how much of it
 *       leads to level i; so the names on the way down can be cut from it.
 *   I3  open_count is the number of levels with an fd. */
#include "io/walk.h"

#include <leat/task.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_BYTES       (32 << 10)
#define LEVEL_BYTES_KEPT ((size_t)64 << 10) /* of a level that was left, for the next one */
#define OPEN_FLAGS       (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* ---- descriptors ---- */

static void close_level(struct leat_walk *walk, struct leat__walk_level *level)
{
    if (level->fd < 0)
        return;
    close(level->fd); /* nothing was written: no error to tell of */
    level->fd = -1;
    walk->open_count--;
}

/* Close the open level nearest to the root, but for the root and `keep`. */
static bool close_one(struct leat_walk *walk, size_t keep)
{
    for (size_t i = 1; i < walk->depth; i++) {
        if (walk->levels[i].fd < 0 || i == keep)
            continue;
        close_level(walk, &walk->levels[i]);
        return true;
    }
    return false;
}

/* Open level `index`: `name` in the level above, which is open, or the root by its path. */
static int open_level(struct leat_walk *walk, size_t index, const char *name, bool follow)
{
    for (;;) {
        int dir_fd = index > 0 ? walk->levels[index - 1].fd : AT_FDCWD;
        int fd = openat(dir_fd, name, OPEN_FLAGS | (follow ? 0 : O_NOFOLLOW));
        int err = fd < 0 ? -errno : 0;

        if (!err) {
            walk->levels[index].fd = fd;
            walk->open_count++;
            return 0;
        }
        if ((err != -EMFILE && err != -ENFILE) || !close_one(walk, index > 0 ? index - 1 : 0))
            return err;
    }
}

/* One step of the way back: level `index` again, the one above being open. */
static int reopen_step(struct leat_walk *walk, size_t index)
{
    struct leat__walk_level *level = &walk->levels[index];
    char *name = walk->path + walk->levels[index - 1].path_bytes;
    char *slash = walk->path + level->path_bytes - 1;
    struct stat st;
    int err;

    *slash = '\0';
    err = open_level(walk, index, name, walk->options.follow);
    *slash = '/';
    if (err)
        return err;
    if (fstat(level->fd, &st) < 0)
        err = -errno;
    else if (st.st_dev != level->dev || st.st_ino != level->ino)
        err = -ENOENT;
    if (err)
        close_level(walk, level);
    return err;
}

/* Make sure that level `index` is open. What is passed on the way stays open if it will be needed:
 * so a deep tree is not walked down anew for each level on the way up. */
static int reopen(struct leat_walk *walk, size_t index)
{
    size_t from = index;

    while (walk->levels[from].fd < 0)
        from--; /* I1 */
    for (; from < index; from++) {
        int err = reopen_step(walk, from + 1);

        if (from > 0 && (walk->levels[from].enters == 0 ||
                         index - from > LEAT__WALK_OPEN_MAX / 2))
            close_level(walk, &walk->levels[from]);
        if (err)
            return err;
    }
    return 0;
}

/* ---- names ---- */

static uint64_t prefix_of(const char *name, size_t bytes)
{
    uint64_t prefix = 0;

    for (size_t i = 0; i < sizeof prefix; i++)
        prefix = prefix << 8 | (i < bytes ? (unsigned char)name[i] : 0);
    return prefix;
}

static int by_name(const void *a, const void *b, void *names)
{
    const struct leat__walk_item *x = a, *y = b;
    size_t common = x->bytes < y->bytes ? x->bytes : y->bytes;
    int order;

    if (x->prefix != y->prefix)
        return x->prefix < y->prefix ? -1 : 1;
    order = memcmp((char *)names + x->name, (char *)names + y->name, common);
    return order ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

static int add_item(struct leat__walk_level *level, size_t name, size_t bytes, unsigned kind,
                    int err)
{
    if (leat__walk_reserve(&level->items, &level->items_max, level->count + 1,
                           sizeof level->items[0]))
        return -ENOMEM;
    level->items[level->count++] =
        (struct leat__walk_item){ .prefix = prefix_of(level->names + name, bytes),
                                  .name = (uint32_t)name,
                                  .bytes = (uint16_t)bytes,
                                  .kind = (uint8_t)kind,
                                  .err = (uint8_t)(err > UINT8_MAX ? EIO : err) };
    return 0;
}

static unsigned kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return LEAT_WALK_FILE;
    return S_ISLNK(mode) ? LEAT_WALK_SYMLINK : LEAT_WALK_OTHER;
}

/* What a name stands for. The file system says so as a rule, and is asked only when it does not, or
 * about links that are to be followed. Sets *err for a LEAT_WALK_ERROR. */
static unsigned classify(const struct leat_walk *walk, const struct leat__walk_level *level,
                         const struct dirent64 *dirent, int *err)
{
    bool follow = walk->options.follow;
    struct stat st;

    *err = 0;
    if (dirent->d_type == DT_DIR)
        return LEAT__WALK_ENTER;
    if (dirent->d_type == DT_REG)
        return LEAT_WALK_FILE;
    if (dirent->d_type == DT_LNK && !follow)
        return LEAT_WALK_SYMLINK;
    if (dirent->d_type != DT_LNK && dirent->d_type != DT_UNKNOWN)
        return LEAT_WALK_OTHER;
    if (fstatat(level->fd, dirent->d_name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0) {
        *err = errno;
        return LEAT_WALK_ERROR;
    }
    if (S_ISDIR(st.st_mode))
        return follow ? LEAT__WALK_ENTER_LINK : LEAT__WALK_ENTER;
    return kind_of(st.st_mode);
}

static int add_name(struct leat_walk *walk, struct leat__walk_level *level,
                    const struct dirent64 *dirent)
{
    size_t bytes = strlen(dirent->d_name), name = level->names_bytes;
    int err;
    unsigned kind = classify(walk, level, dirent, &err);

    if (name > UINT32_MAX || bytes >= UINT16_MAX ||
        leat__walk_reserve(&level->names, &level->names_max, name + bytes + 1, 1))
        return -ENOMEM;
    memcpy(level->names + name, dirent->d_name, bytes);
    level->names[name + bytes] = '/';
    level->names_bytes += bytes + 1;
    if (kind < LEAT__WALK_ENTER)
        return add_item(level, name, bytes, kind, err);
    level->enters++;
    if (walk->options.directories && add_item(level, name, bytes, LEAT_WALK_DIRECTORY, 0))
        return -ENOMEM;
    return add_item(level, name, bytes + 1, kind, 0);
}

/* All names of the level. What was read before an error stays. */
static int read_names(struct leat_walk *walk, struct leat__walk_level *level)
{
    _Alignas(struct dirent64) char buffer[READ_BYTES];
    int err = 0;

    while (!err) {
        ssize_t bytes = getdents64(level->fd, buffer, sizeof buffer);

        if (bytes <= 0)
            return bytes < 0 ? -errno : 0;
        for (ssize_t at = 0; !err && at < bytes;) {
            const struct dirent64 *dirent = (const struct dirent64 *)(const void *)(buffer + at);
            const char *name = dirent->d_name;

            at += dirent->d_reclen;
            if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
                continue;
            err = add_name(walk, level, dirent);
        }
        if (!err)
            err = leat_cancelled();
    }
    return err;
}

/* ---- levels ---- */

/* One level more, not open yet, whose path is the first path_bytes of the walk's. */
static int push_level(struct leat_walk *walk, size_t path_bytes)
{
    size_t before = walk->levels_max;
    struct leat__walk_level *level;

    if (leat__walk_reserve(&walk->levels, &walk->levels_max, walk->depth + 1,
                           sizeof walk->levels[0]))
        return -ENOMEM;
    if (before < walk->levels_max)
        memset(walk->levels + before, 0, (walk->levels_max - before) * sizeof walk->levels[0]);
    level = &walk->levels[walk->depth++];
    level->fd = -1;
    level->lost = 0;
    level->path_bytes = path_bytes;
    level->enters = 0;
    level->count = 0;
    level->next = 0;
    level->names_bytes = 0;
    return 0;
}

void leat__walk_leave(struct leat_walk *walk)
{
    struct leat__walk_level *level = &walk->levels[--walk->depth];

    close_level(walk, level);
    if (level->names_max + level->items_max * sizeof level->items[0] <= LEVEL_BYTES_KEPT)
        return;
    free(level->names);
    free(level->items);
    level->names = NULL;
    level->items = NULL;
    level->names_max = 0;
    level->items_max = 0;
}

static bool is_loop(const struct leat_walk *walk, const struct stat *st)
{
    for (size_t i = 0; i + 1 < walk->depth; i++)
        if (walk->levels[i].dev == st->st_dev && walk->levels[i].ino == st->st_ino)
            return true;
    return false;
}

/* Read the deepest level, just opened. Returns 0, or why not all of it could be listed. */
static int list_level(struct leat_walk *walk)
{
    struct leat__walk_level *level = &walk->levels[walk->depth - 1];
    struct stat st;
    int err;

    if (fstat(level->fd, &st) < 0)
        return -errno;
    if (walk->options.follow && is_loop(walk, &st))
        return -ELOOP;
    level->dev = st.st_dev;
    level->ino = st.st_ino;
    err = read_names(walk, level);
    if (level->count > 1)
        qsort_r(level->items, level->count, sizeof level->items[0], by_name, level->names);
    if (level->enters == 0)
        close_level(walk, level);
    while (walk->open_count > LEAT__WALK_OPEN_MAX && close_one(walk, walk->depth - 1))
        continue;
    return err;
}

/* The deepest level was opened and listed with this outcome: what the walk makes of it. */
static int settle(struct leat_walk *walk, int err, size_t path_bytes)
{
    bool broken = err == -ENOMEM || err == -ECANCELED || err == -ETIMEDOUT;

    if (err && !broken) {
        err = leat__walk_emit(walk, LEAT_WALK_ERROR, err, "", 0, path_bytes);
        broken = err != 0;
    }
    /* A list that was cut short is walked as far as it goes; an empty one is left in its turn. */
    if (broken)
        leat__walk_leave(walk);
    return err;
}

int leat__walk_enter_root(struct leat_walk *walk)
{
    size_t bytes = walk->root_bytes, out_before = walk->out_bytes;
    struct stat st;
    int err;

    walk->path[bytes] = '\0';
    if (stat(walk->path, &st) < 0)
        return leat__walk_emit(walk, LEAT_WALK_ERROR, -errno, "", 0, bytes);
    if (!S_ISDIR(st.st_mode))
        return leat__walk_emit(walk, (enum leat_walk_type)kind_of(st.st_mode), 0, "", 0, bytes);
    if (walk->options.directories && leat__walk_emit(walk, LEAT_WALK_DIRECTORY, 0, "", 0, bytes))
        return -ENOMEM;
    if (push_level(walk, bytes + (walk->path[bytes - 1] != '/')))
        return -ENOMEM;
    err = open_level(walk, 0, walk->path, true);
    walk->path[bytes] = '/'; /* one too many where the root ends with one: not counted */
    if (!err)
        err = list_level(walk);
    err = settle(walk, err, bytes);
    if (err)
        walk->out_bytes = out_before; /* it will be entered again */
    return err;
}

int leat__walk_enter(struct leat_walk *walk, const struct leat__walk_item *item)
{
    size_t parent = walk->depth - 1;
    size_t prefix_bytes = walk->levels[parent].path_bytes;
    size_t path_bytes = prefix_bytes + item->bytes;
    char *slash;
    int err;

    if (leat__walk_reserve(&walk->path, &walk->path_max, path_bytes + 1, 1) ||
        push_level(walk, path_bytes))
        return -ENOMEM;
    memcpy(walk->path + prefix_bytes, walk->levels[parent].names + item->name, item->bytes);
    slash = walk->path + path_bytes - 1;
    *slash = '\0';
    err = walk->levels[parent].lost;
    if (!err)
        err = walk->levels[parent].lost = reopen(walk, parent);
    if (!err)
        err = open_level(walk, parent + 1, walk->path + prefix_bytes,
                         item->kind == LEAT__WALK_ENTER_LINK);
    *slash = '/';
    if (!err)
        err = list_level(walk);
    err = settle(walk, err, path_bytes - 1);
    if (err)
        return err;
    walk->levels[parent].next++;
    if (--walk->levels[parent].enters == 0 && parent > 0)
        close_level(walk, &walk->levels[parent]);
    return 0;
}
