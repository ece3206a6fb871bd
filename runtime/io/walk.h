/* SPDX-License-Identifier: MIT */
/* Inside a walk: the directories on the way down (walk_dir.c) and the entries found but not yet
 * handed out (walk.c). Nothing here suspends: all of it runs on the blocking pool. */
#ifndef LEAT_IO_WALK_H
#define LEAT_IO_WALK_H

#include <leat/file.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Directories open at a time. Deeper trees are walked too: see leat__walk_enter. */
#define LEAT__WALK_OPEN_MAX 32u

/* What a name in a directory is: a leat_walk_type, or a directory to go into. Its name then ends in
 * '/', so that sorting the names of each directory gives the order of the full paths: "a.c" is
 * before "a/b", though "a" is before "a.c". */
enum leat__walk_kind {
    LEAT__WALK_ENTER = LEAT_WALK_ERROR + 1,
    LEAT__WALK_ENTER_LINK, /* by way of a symbolic link, or perhaps */
};

struct leat__walk_item {
    uint64_t prefix; /* the first eight bytes of the name as a number that compares alike */
    uint32_t name;   /* where in the level's names */
    uint16_t bytes;
    uint8_t  kind;
    uint8_t  err; /* of a LEAT_WALK_ERROR: the positive number */
};

/* A directory on the way down. All its names are in memory, so it need not stay open. */
struct leat__walk_level {
    int    fd;   /* -1: closed meanwhile */
    int    lost; /* not 0: why it could not be opened again */
    dev_t  dev;
    ino_t  ino;
    size_t path_bytes; /* of the walk's path, up to and with this directory's last '/' */
    size_t enters;     /* directories in it that are still to be gone into */

    struct leat__walk_item *items; /* sorted */
    size_t                  count, next, items_max;
    char                   *names;
    size_t                  names_bytes, names_max;
};

struct leat_walk {
    struct leat_walk_options options;
    bool                     begun, finished;
    int                      err; /* -ENOMEM sticks */
    size_t                   root_bytes;

    char  *path; /* of the deepest level; the root's own path at first */
    size_t path_max;

    struct leat__walk_level *levels;
    size_t                   depth, levels_max; /* levels in use; those above keep their memory */
    unsigned                 open_count;

    char                  *out; /* records: struct leat__walk_record, path, '\0' */
    size_t                 out_bytes, out_max, out_read;
    struct leat_walk_entry entry; /* the one handed out last */
};

/* Note an entry with this path (in two parts). Returns -ENOMEM. */
int leat__walk_emit(struct leat_walk *walk, enum leat_walk_type type, int err, const char *name,
                    size_t name_bytes, size_t prefix_bytes);

/* Make room for `need` elements. Returns -ENOMEM. */
int leat__walk_reserve(void *array, size_t *max, size_t need, size_t element_bytes);

/* Go into the root, or into the directory that an item of the deepest level names: it is the
 * deepest level then, read and sorted. A directory that can't be listed is an entry instead.
 * Returns 0; -ECANCELED or -ETIMEDOUT with nothing changed; -ENOMEM. */
int leat__walk_enter_root(struct leat_walk *walk);
int leat__walk_enter(struct leat_walk *walk, const struct leat__walk_item *item);

/* Leave the deepest level. */
void leat__walk_leave(struct leat_walk *walk);

#endif
