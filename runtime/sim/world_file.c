/* SPDX-License-Identifier: MIT */
/* The tree of files in memory: see world.h. Nobody is refused for want of rights (as root); the
 * working directory is the root; a file holds FILE_BYTES_MAX at most. */
#include "sim/world.h"

#include "base/check.h"
#include "sim/sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define FILE_BYTES_MAX ((uint64_t)64 << 20)
#define LINKS_MAX      40

/* ---- nodes ---- */

static struct leat__node *make_node(enum leat__world_node_kind kind, unsigned mode)
{
    struct leat__node *made = leat__world_alloc(NULL, sizeof *made);

    *made = (struct leat__node){ .kind = kind, .ino = ++leat__world.inodes, .mode = mode & 07777u,
                                 .links = 1, .changed = leat__sim_now() };
    return made;
}

void leat__world_node_drop(struct leat__node *dropped)
{
    if (dropped->links > 0 || dropped->refs > 0)
        return;
    free(dropped->data);
    free(dropped->entries);
    free(dropped);
}

static struct leat__world_entry *entry_of(struct leat__node *folder, const char *name,
                                          size_t bytes)
{
    for (size_t i = 0; i < folder->count; i++)
        if (strlen(folder->entries[i].name) == bytes &&
            memcmp(folder->entries[i].name, name, bytes) == 0)
            return &folder->entries[i];
    return NULL;
}

static void add_entry(struct leat__node *folder, const char *name, size_t bytes,
                      struct leat__node *made)
{
    char *copy = leat__world_alloc(NULL, bytes + 1);

    if (folder->count == folder->entries_room) {
        folder->entries_room = 2 * folder->entries_room + 8;
        folder->entries = leat__world_alloc(folder->entries,
                                            folder->entries_room * sizeof *folder->entries);
    }
    memcpy(copy, name, bytes);
    copy[bytes] = '\0';
    folder->entries[folder->count++] = (struct leat__world_entry){ copy, made };
    if (made->kind == LEAT__WORLD_FOLDER)
        made->parent = folder;
}

static void remove_entry(struct leat__node *folder, struct leat__world_entry *entry)
{
    struct leat__node *gone = entry->node;

    free(entry->name);
    memmove(entry, entry + 1,
            (size_t)(folder->entries + folder->count - (entry + 1)) * sizeof *entry);
    folder->count--;
    gone->links--;
    leat__world_node_drop(gone);
}

/* ---- paths ---- */

/* Where a path leads: the folder of its last name, that name, and what stands there if anything. */
struct place {
    struct leat__node *folder;
    const char        *name;
    size_t             bytes; /* 0: the folder itself */
    bool               slash; /* the path ends in one: it must be a folder */
    struct leat__node *found;
};

static int walk(struct leat__node *at, const char *path, bool follow, unsigned links,
                struct place *ret);

static int walk_link(const struct place *place, const char *target, bool follow, unsigned links,
                     struct place *ret)
{
    struct leat__node *at = target[0] == '/' ? leat__world.root : place->folder;

    return links >= LINKS_MAX ? -ELOOP : walk(at, target, follow, links + 1, ret);
}

/* One name: ret->found is what it stands for. */
static int step(struct place *ret, bool last, bool follow, unsigned links)
{
    struct leat__world_entry *entry = entry_of(ret->folder, ret->name, ret->bytes);
    struct place through;
    int err;

    ret->found = entry ? entry->node : NULL;
    if (!ret->found)
        return last ? 0 : -ENOENT;
    if (ret->found->kind == LEAT__WORLD_LINK && (!last || follow || ret->slash)) {
        err = walk_link(ret, ret->found->data, true, links, &through);
        if (err)
            return err;
        if (last) {
            through.slash = through.slash || ret->slash;
            *ret = through;
        } else {
            ret->found = through.found;
        }
    }
    if (!last && !ret->found)
        return -ENOENT;
    return !last && ret->found->kind != LEAT__WORLD_FOLDER ? -ENOTDIR : 0;
}

static int walk(struct leat__node *at, const char *path, bool follow, unsigned links,
                struct place *ret)
{
    if (path[0] == '\0')
        return -ENOENT;
    *ret = (struct place){ .folder = path[0] == '/' ? leat__world.root : at };
    ret->found = ret->folder;
    for (;;) {
        const char *end;
        bool last;
        int err;

        path += strspn(path, "/");
        if (*path == '\0')
            return 0; /* the folder itself */
        end = path + strcspn(path, "/");
        last = end[strspn(end, "/")] == '\0';
        ret->folder = ret->found;
        ret->name = path;
        ret->bytes = (size_t)(end - path);
        ret->slash = last && *end == '/';
        if (ret->bytes > NAME_MAX)
            return -ENAMETOOLONG;
        if (ret->bytes <= 2 && memcmp(path, "..", ret->bytes) == 0) {
            ret->found = ret->bytes == 2 ? ret->folder->parent : ret->folder;
            ret->bytes = 0;
        } else {
            err = step(ret, last, follow, links);
            if (err)
                return err;
        }
        if (last)
            break;
        path = end;
    }
    if (ret->slash && ret->found && ret->found->kind != LEAT__WORLD_FOLDER)
        return -ENOTDIR;
    return 0;
}

static int find(int dir_fd, const char *path, bool follow, struct place *ret)
{
    struct leat__world_open *open = leat__world_open_at(dir_fd);

    if (strnlen(path, PATH_MAX) == PATH_MAX)
        return -ENAMETOOLONG;
    if (path[0] == '/' || dir_fd == AT_FDCWD)
        return walk(leat__world.root, path, follow, 0, ret);
    if (!open)
        return -EBADF;
    if (open->kind != LEAT__WORLD_OPEN_NODE || open->node->kind != LEAT__WORLD_FOLDER)
        return -ENOTDIR;
    return walk(open->node, path, follow, 0, ret);
}

int leat__world_find(const char *path, struct leat__node **ret)
{
    struct place place;
    int err = find(AT_FDCWD, path, true, &place);

    if (err || !place.found)
        return err ? err : -ENOENT;
    *ret = place.found;
    return 0;
}

/* ---- making and unmaking names ---- */

/* What stands at the path itself, be it a link; and whether the path ends in a slash, of which
 * *place then does not know. */
static int find_itself(int dir_fd, const char *path, struct place *ret, bool *ret_slash)
{
    char bare[PATH_MAX];
    size_t bytes = strnlen(path, PATH_MAX);

    *ret_slash = bytes > 1 && bytes < PATH_MAX && path[bytes - 1] == '/';
    if (!*ret_slash)
        return find(dir_fd, path, false, ret);
    while (bytes > 1 && path[bytes - 1] == '/')
        bytes--;
    memcpy(bare, path, bytes);
    bare[bytes] = '\0';
    return find(dir_fd, bare, false, ret);
}

int leat__world_make(const char *path, enum leat__world_node_kind kind, unsigned mode,
                     const char *target, struct leat__node **ret)
{
    struct place place;
    struct leat__node *made;
    bool slash;
    int err = find_itself(AT_FDCWD, path, &place, &slash);

    if (err)
        return err;
    if (place.found)
        return -EEXIST;
    if (slash && kind != LEAT__WORLD_FOLDER)
        return -ENOENT;
    made = make_node(kind, mode);
    if (target) {
        made->bytes = strlen(target);
        made->data = leat__world_alloc(NULL, made->bytes + 1);
        memcpy(made->data, target, made->bytes + 1);
    }
    add_entry(place.folder, place.name, place.bytes, made);
    if (ret)
        *ret = made;
    return 0;
}

int leat__world_unlink(const char *path, bool folder)
{
    struct place place;
    bool slash;
    int err = find_itself(AT_FDCWD, path, &place, &slash);

    if (err || !place.found)
        return err ? err : -ENOENT;
    if (place.bytes == 0)
        return folder ? -EBUSY : -EISDIR;
    if (slash && place.found->kind != LEAT__WORLD_FOLDER)
        return -ENOTDIR;
    if (folder && place.found->kind != LEAT__WORLD_FOLDER)
        return -ENOTDIR;
    if (folder && place.found->count > 0)
        return -ENOTEMPTY;
    if (!folder && place.found->kind == LEAT__WORLD_FOLDER)
        return -EISDIR;
    remove_entry(place.folder, entry_of(place.folder, place.name, place.bytes));
    return 0;
}

/* ---- open files ---- */

static int open_node(struct leat__node *opened, int flags)
{
    struct leat__world_open *open;
    int access = flags & O_ACCMODE;

    if (opened->kind == LEAT__WORLD_FOLDER && (access != O_RDONLY || flags & (O_CREAT | O_TRUNC)))
        return -EISDIR;
    if (opened->kind != LEAT__WORLD_FOLDER && flags & O_DIRECTORY)
        return -ENOTDIR;
    if (opened->kind == LEAT__WORLD_LINK)
        return -ELOOP;
    if (opened->kind == LEAT__WORLD_NAME)
        return -ENXIO;
    if (flags & O_TRUNC) /* for reading alone too: Linux does so */
        opened->bytes = 0;
    open = leat__world_open_new(LEAT__WORLD_OPEN_NODE, flags);
    open->node = opened;
    opened->refs++;
    return leat__world_fd_new(open);
}

/* A name to be made can't end in a slash, whatever stands there. */
static int check_new_name(int dir_fd, const char *path)
{
    struct place place;
    bool slash;
    int err = find_itself(dir_fd, path, &place, &slash);

    return slash && (err || place.bytes > 0) ? (err ? err : -EISDIR) : 0;
}

int leat__world_openat(int dir_fd, const char *path, int flags, unsigned mode)
{
    struct place place;
    bool excl = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
    int err = flags & O_CREAT ? check_new_name(dir_fd, path) : 0;

    if (!err)
        err = find(dir_fd, path, !(flags & O_NOFOLLOW) && !excl, &place);
    if (err)
        return err;
    if (place.found && excl)
        return -EEXIST;
    if (!place.found) {
        if (!(flags & O_CREAT))
            return -ENOENT;
        if (leat__world.open_count == LEAT__WORLD_FDS_MAX)
            return -EMFILE;
        place.found = make_node(LEAT__WORLD_FILE, mode & ~022u);
        add_entry(place.folder, place.name, place.bytes, place.found);
    }
    return open_node(place.found, flags);
}

static int check_file(const struct leat__world_open *open, bool writes)
{
    int access = open->flags & O_ACCMODE;

    if (open->kind != LEAT__WORLD_OPEN_NODE)
        return -ESPIPE;
    if (writes ? access == O_RDONLY : access == O_WRONLY)
        return -EBADF;
    return open->node->kind == LEAT__WORLD_FOLDER ? -EISDIR : 0;
}

int leat__world_file_read(struct leat__world_open *open, void *data, size_t bytes,
                          uint64_t offset)
{
    int err = (int64_t)offset < 0 ? -EINVAL : check_file(open, false);

    if (err == -EISDIR && bytes == 0)
        return 0; /* it is not asked */
    if (err)
        return err;
    if (offset >= open->node->bytes)
        return 0;
    if (bytes > open->node->bytes - offset)
        bytes = open->node->bytes - offset;
    memcpy(data, open->node->data + offset, bytes);
    return (int)bytes;
}

int leat__world_file_write(struct leat__world_open *open, const void *data, size_t bytes,
                           uint64_t offset)
{
    struct leat__node *to = open->node;
    int err = (int64_t)offset < 0 ? -EINVAL : check_file(open, true);

    if (err)
        return err;
    if (open->flags & O_APPEND)
        offset = to->bytes;
    if (bytes == 0)
        return 0;
    if (offset >= FILE_BYTES_MAX)
        return -EFBIG;
    if (bytes > FILE_BYTES_MAX - offset)
        bytes = (size_t)(FILE_BYTES_MAX - offset);
    if (offset + bytes > to->room) {
        to->room = 2 * (offset + bytes);
        to->data = leat__world_alloc(to->data, to->room);
    }
    if (offset > to->bytes)
        memset(to->data + to->bytes, 0, offset - to->bytes);
    memcpy(to->data + offset, data, bytes);
    if (offset + bytes > to->bytes)
        to->bytes = offset + bytes;
    to->changed = leat__sim_now();
    return (int)bytes;
}

/* ---- what is told of them ---- */

static unsigned type_of(const struct leat__node *of)
{
    switch (of->kind) {
    case LEAT__WORLD_FOLDER:
        return S_IFDIR;
    case LEAT__WORLD_LINK:
        return S_IFLNK;
    case LEAT__WORLD_NAME:
        return S_IFSOCK;
    case LEAT__WORLD_FILE:
        break;
    }
    return S_IFREG;
}

static int stat_open(const struct leat__world_open *open, struct stat *ret)
{
    const struct leat__node *of = open->node;

    *ret = (struct stat){ .st_dev = makedev(0, 1), .st_blksize = 4096, .st_nlink = 1 };
    if (open->kind != LEAT__WORLD_OPEN_NODE) {
        ret->st_mode = (open->kind == LEAT__WORLD_OPEN_SOCKET ? S_IFSOCK : S_IFIFO) | 0600;
        if (open->kind == LEAT__WORLD_OPEN_MEMORY) {
            ret->st_mode = S_IFREG | 0777;
            ret->st_size = (off_t)open->memory->bytes;
        }
        return 0;
    }
    ret->st_ino = of->ino;
    ret->st_mode = type_of(of) | of->mode;
    ret->st_nlink = of->links;
    ret->st_size = (off_t)of->bytes;
    ret->st_blocks = (blkcnt_t)((of->bytes + 511) / 512);
    ret->st_mtim = (struct timespec){ .tv_sec = of->changed / LEAT_SEC,
                                      .tv_nsec = of->changed % LEAT_SEC };
    ret->st_atim = ret->st_mtim;
    ret->st_ctim = ret->st_mtim;
    return 0;
}

int leat__world_stat(int dir_fd, const char *path, int flags, struct stat *ret)
{
    struct leat__world_open *open = leat__world_open_at(dir_fd);
    struct place place;
    int err;

    if (path[0] == '\0' && flags & AT_EMPTY_PATH)
        return open ? stat_open(open, ret) : -EBADF;
    err = find(dir_fd, path, !(flags & AT_SYMLINK_NOFOLLOW), &place);
    if (err || !place.found)
        return err ? err : -ENOENT;
    return stat_open(&(struct leat__world_open){ .kind = LEAT__WORLD_OPEN_NODE,
                                                 .node = place.found },
                     ret);
}

int leat__world_statx(int dir_fd, const char *path, int flags, struct statx *ret)
{
    struct stat st;
    int err = leat__world_stat(dir_fd, path, flags, &st);

    if (err)
        return err;
    *ret = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)st.st_blksize,
        .stx_nlink = (uint32_t)st.st_nlink,
        .stx_mode = (uint16_t)st.st_mode,
        .stx_ino = st.st_ino,
        .stx_size = (uint64_t)st.st_size,
        .stx_blocks = (uint64_t)st.st_blocks,
        .stx_dev_major = major(st.st_dev),
        .stx_dev_minor = minor(st.st_dev),
        .stx_mtime = { .tv_sec = st.st_mtim.tv_sec, .tv_nsec = (uint32_t)st.st_mtim.tv_nsec },
    };
    ret->stx_atime = ret->stx_mtime;
    ret->stx_ctime = ret->stx_mtime;
    return 0;
}

/* Entry `index` of a folder's listing, which begins with the two dots. */
static const char *listed(struct leat__node *folder, size_t index, struct leat__node **ret)
{
    if (index < 2) {
        *ret = index == 0 ? folder : folder->parent;
        return index == 0 ? "." : "..";
    }
    *ret = folder->entries[index - 2].node;
    return folder->entries[index - 2].name;
}

ssize_t leat__world_dents(struct leat__world_open *open, void *data, size_t bytes)
{
    size_t at = 0;

    if (open->kind != LEAT__WORLD_OPEN_NODE || open->node->kind != LEAT__WORLD_FOLDER)
        return -ENOTDIR;
    while (open->position < open->node->count + 2) {
        struct leat__node *of;
        const char *name = listed(open->node, (size_t)open->position, &of);
        size_t need = offsetof(struct dirent64, d_name) + strlen(name) + 1;
        struct dirent64 *entry = (struct dirent64 *)(void *)((char *)data + at);

        need = (need + 7) / 8 * 8;
        if (need > bytes - at)
            return at > 0 ? (ssize_t)at : -EINVAL;
        entry->d_ino = of->ino;
        entry->d_off = (off64_t)++open->position;
        entry->d_reclen = (unsigned short)need;
        entry->d_type = (unsigned char)IFTODT(type_of(of));
        memcpy(entry->d_name, name, strlen(name) + 1);
        at += need;
    }
    return (ssize_t)at;
}

/* ---- begin and end ---- */

void leat__world_tree_begin(void)
{
    leat__world.root = make_node(LEAT__WORLD_FOLDER, 0755);
    leat__world.root->parent = leat__world.root;
    (void)leat__world_make("/tmp", LEAT__WORLD_FOLDER, 0777, NULL, NULL);
}

static void empty(struct leat__node *folder)
{
    while (folder->count > 0) {
        struct leat__world_entry *last = &folder->entries[folder->count - 1];

        if (last->node->kind == LEAT__WORLD_FOLDER)
            empty(last->node);
        remove_entry(folder, last);
    }
}

void leat__world_tree_end(void)
{
    if (!leat__world.root)
        return;
    empty(leat__world.root);
    leat__world.root->links = 0;
    leat__world_node_drop(leat__world.root);
    leat__world.root = NULL;
}

void leat__sim_world_file(const char *path, const void *data, size_t bytes)
{
    char folder[PATH_MAX];
    struct leat__world_open *open;
    int fd;

    leat__check(strlen(path) < sizeof folder, "a file's path is too long");
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        memcpy(folder, path, (size_t)(slash - path));
        folder[slash - path] = '\0';
        (void)leat__world_make(folder, LEAT__WORLD_FOLDER, 0755, NULL, NULL); /* or it is there */
    }
    fd = leat__world_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    open = leat__world_open_at(fd);
    leat__check(open != NULL, "a file of the simulated world cannot be made there");
    leat__check(leat__world_file_write(open, data, bytes, 0) == (int)bytes,
                "a file of the simulated world is too big");
    (void)leat__world_close(fd);
}
