/* SPDX-License-Identifier: MIT */
/* Walks: from calls on the blocking pool that find many entries to calls of the user that take one.
 *
 *     leat_walk_next --> records left? --> hand the next one out
 *                            | no
 *                            v
 *                        files pool (fill): go on with the tree until there are 64 KiB of
 *                                             records, or 5 ms have passed
 *
 * Walking itself is directory reads, which have no asynchronous form worth having: io_uring has no
 * getdents, and a hand-over for each directory would cost more than the directory. */
#include "io/walk.h"

#include "blocking/pool.h"

#include "platform/clock.h"
#include "task/self.h"


#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILL_BYTES  ((size_t)64 << 10)
#define FILL_NS_MAX (5 * LEAT_MSEC)

/* Before each path in `out`. */
struct record {
    size_t              path_bytes;
    enum leat_walk_type type;
    int                 err;
};

static size_t record_bytes(size_t path_bytes)
{
    size_t align = _Alignof(struct record);

    return (sizeof(struct record) + path_bytes + 1 + align - 1) / align * align;
}

int leat__walk_reserve(void *array, size_t *max, size_t need, size_t element_bytes)
{
    size_t more = *max > need / 2 ? *max * 2 : need + need / 4 + 64;
    void *grown;

    if (need <= *max)
        return 0;
    if (more > SIZE_MAX / element_bytes)
        return -ENOMEM;
    memcpy(&grown, array, sizeof grown); /* the caller's pointer, of whatever type */
    grown = realloc(grown, more * element_bytes);
    if (!grown)
        return -ENOMEM;
    memcpy(array, &grown, sizeof grown);
    *max = more;
    return 0;
}

int leat__walk_emit(struct leat_walk *walk, enum leat_walk_type type, int err, const char *name,
                    size_t name_bytes, size_t prefix_bytes)
{
    size_t path_bytes = prefix_bytes + name_bytes;
    size_t need = walk->out_bytes + record_bytes(path_bytes);
    struct record *record;
    char *path;

    if (leat__walk_reserve(&walk->out, &walk->out_max, need, 1))
        return -ENOMEM;
    record = (struct record *)(void *)(walk->out + walk->out_bytes);
    *record = (struct record){ .path_bytes = path_bytes, .type = type, .err = err };
    path = (char *)(record + 1);
    memcpy(path, walk->path, prefix_bytes);
    memcpy(path + prefix_bytes, name, name_bytes);
    path[path_bytes] = '\0';
    walk->out_bytes = need;
    return 0;
}

static int emit_next(struct leat_walk *walk, struct leat__walk_level *level)
{
    const struct leat__walk_item *item = &level->items[level->next++];

    return leat__walk_emit(walk, (enum leat_walk_type)item->kind, -(int)item->err,
                           level->names + item->name, item->bytes, level->path_bytes);
}

/* On the blocking pool. */
static int fill(void *arg)
{
    struct leat_walk *walk = arg;
    leat_time begin = leat__clock_now();
    int err = 0;

    if (!walk->begun) {
        err = leat__walk_enter_root(walk);
        walk->begun = err == 0;
    }
    while (!err && walk->depth > 0 && walk->out_bytes < FILL_BYTES) {
        struct leat__walk_level *level = &walk->levels[walk->depth - 1];

        if (level->next == level->count)
            leat__walk_leave(walk);
        else if (level->items[level->next].kind < LEAT__WALK_ENTER)
            err = emit_next(walk, level);
        else if (leat__clock_now() - begin < FILL_NS_MAX)
            err = leat__walk_enter(walk, &level->items[level->next]);
        else
            break;
    }
    walk->finished = walk->begun && walk->depth == 0;
    if (err == -ENOMEM)
        walk->err = err;
    return err;
}

int leat_walk_open(struct leat_walk **ret, const char *root,
                   const struct leat_walk_options *options)
{
    struct leat_walk *walk;

    if (!root || (options && options->size != sizeof *options))
        return -EINVAL;
    walk = calloc(1, sizeof *walk);
    if (!walk)
        return -ENOMEM;
    walk->root_bytes = strlen(root);
    if (options)
        walk->options = *options;
    if (leat__walk_reserve(&walk->path, &walk->path_max, walk->root_bytes + 2, 1)) {
        free(walk);
        return -ENOMEM;
    }
    memcpy(walk->path, root, walk->root_bytes + 1);
    *ret = walk;
    return 0;
}

int leat_walk_next(struct leat_walk *walk, const struct leat_walk_entry **ret)
{
    const struct record *record;
    int err = leat__checkpoint(leat__self());

    if (err)
        return err;
    while (walk->out_read == walk->out_bytes) {
        if (walk->err || walk->finished)
            return walk->err ? walk->err : -ENODATA;
        walk->out_read = 0;
        walk->out_bytes = 0;
        err = leat__blocking_files(fill, walk);
        if (err && walk->out_bytes == 0)
            return err;
    }
    record = (const struct record *)(const void *)(walk->out + walk->out_read);
    walk->entry = (struct leat_walk_entry){ .path = (const char *)(record + 1),
                                            .path_bytes = record->path_bytes,
                                            .type = record->type,
                                            .err = record->err };
    walk->out_read += record_bytes(record->path_bytes);
    *ret = &walk->entry;
    return 0;
}

/* Directories are closed here and not on the pool: that they were only read makes it quick. */
void leat_walk_close(struct leat_walk *walk)
{
    if (!walk)
        return;
    while (walk->depth > 0)
        leat__walk_leave(walk);
    for (size_t i = 0; i < walk->levels_max; i++) {
        free(walk->levels[i].items);
        free(walk->levels[i].names);
    }
    free(walk->levels);
    free(walk->path);
    free(walk->out);
    free(walk);
}
