/* SPDX-License-Identifier: MIT */
/* Walks all paths in one order, and prints the sums.
 *
 * Each walk gives its names in byte order, and all of them begin with the name of its root. So
 * with the roots sorted, a walk need not begin before the smallest name of those under way has
 * passed its root: mostly one or two are open, however many paths there are. Rejected: sorting
 * all names at the end, which would hold every output line until the last walk is over. */
#include "tree.h"

#include "names.h"

#include <stdlib.h>
#include <string.h>

/* A walk under way and the name that it stands at. */
struct head {
    struct head                  *next;
    struct leat_walk             *walk;
    const struct leat_walk_entry *entry;
};

struct merge {
    struct feed  feed;
    struct head *heads; /* the smallest name first */
    struct tree *tree;
};

static void close_head(struct head *head)
{
    leat_walk_close(head->walk);
    free(head);
}

/* Move on to the walk's next name and put it among the others, or close it at its end. */
static int advance(struct merge *merge, struct head *head)
{
    struct head **at = &merge->heads;
    int           err = leat_walk_next(head->walk, &head->entry);

    if (err < 0) {
        close_head(head);
        return err == -ENODATA ? 0 : err;
    }
    while (*at != NULL && strcmp((*at)->entry->path, head->entry->path) < 0)
        at = &(*at)->next;
    head->next = *at;
    *at = head;
    return 0;
}

static int open_walk(struct merge *merge, const char *path)
{
    const struct leat_walk_options options = {
        .size = sizeof options,
        .follow = merge->feed.pipeline->options->follow,
    };
    struct head *head = malloc(sizeof *head);
    int          err = head != NULL ? leat_walk_open(&head->walk, path, &options) : -ENOMEM;

    if (err < 0) {
        free(head);
        return err;
    }
    return advance(merge, head);
}

static int add_failure(struct feed *feed, const char *path, int failure, const char *problem)
{
    struct item *item;
    int          err = feed_add(feed, ITEM_FAILED, path, strlen(path), &item);

    if (err == 0) {
        item->err = failure;
        item->problem = problem;
    }
    return err;
}

/* A path of the command line: a link is followed, and what cannot be hashed is said. */
static int add_root(struct merge *merge, const char *path)
{
    struct feed *feed = &merge->feed;
    struct stat  status;
    struct item *item;
    int          err;

    if (strcmp(path, "-") == 0)
        return feed_add_stdin(feed, &item);
    err = leat_file_stat_path(path, true, &status);
    if (err < 0)
        return leat_cancelled() < 0 ? leat_cancelled() : add_failure(feed, path, err, NULL);
    if (S_ISDIR(status.st_mode))
        return open_walk(merge, path);
    if (!S_ISREG(status.st_mode))
        return add_failure(feed, path, -ENODEV, "Not a regular file");
    err = feed_add(feed, ITEM_FILE, path, strlen(path), &item);
    if (err == 0)
        item->follow = true;
    return err;
}

static int add_entry(struct feed *feed, const struct leat_walk_entry *entry)
{
    struct item *item;
    int          err;

    switch (entry->type) {
    case LEAT_WALK_FILE:
        err = feed_add(feed, ITEM_FILE, entry->path, entry->path_bytes, &item);
        if (err == 0)
            item->follow = feed->pipeline->options->follow;
        return err;
    case LEAT_WALK_ERROR: return add_failure(feed, entry->path, entry->err, NULL);
    default: return 0; /* a link, a FIFO, ..: not asked for by name */
    }
}

static int compare_paths(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int merge_all(struct merge *merge)
{
    const struct options *options = merge->feed.pipeline->options;
    size_t                opened = 0;
    int                   err = 0;

    qsort(options->paths, options->path_count, sizeof options->paths[0], compare_paths);
    while (err == 0) {
        struct head *head = merge->heads;

        if (opened < options->path_count &&
            (head == NULL || strcmp(options->paths[opened], head->entry->path) <= 0)) {
            err = add_root(merge, options->paths[opened++]);
        } else if (head != NULL) {
            merge->heads = head->next;
            err = add_entry(&merge->feed, head->entry);
            if (err < 0)
                close_head(head);
            else
                err = advance(merge, head);
        } else {
            return feed_end(&merge->feed);
        }
    }
    return err;
}

int tree_source(struct pipeline *pipeline, void *arg)
{
    struct merge merge = { .feed = { .pipeline = pipeline }, .tree = arg };
    int          err = merge_all(&merge);

    while (merge.heads != NULL) { /* only after a failure */
        struct head *head = merge.heads;

        merge.heads = head->next;
        close_head(head);
    }
    return err;
}

int tree_print(struct pipeline *pipeline, void *arg, const struct batch *batch,
               const struct item *item)
{
    struct tree *tree = arg;
    const char  *name = item_name(batch, item);
    size_t       name_bytes = strlen(name);
    char         small[1024], *line = small, *end;
    int          err;

    if (item->err != 0) {
        tree->failures++;
        return console_say_name(pipeline->console, name, item_problem(item));
    }
    if (2 * name_bytes + 2 * HASH_BYTES + 8 > sizeof small) {
        line = malloc(2 * name_bytes + 2 * HASH_BYTES + 8);
        if (line == NULL)
            return -ENOMEM;
    }
    end = line;
    if (name_needs_escape(name))
        *end++ = '\\';
    end = hash_print(end, item->digest);
    *end++ = ' ';
    *end++ = ' ';
    end = *line == '\\' ? name_escape(end, name) : mempcpy(end, name, name_bytes);
    *end++ = '\n';
    err = console_put(pipeline->console, line, (size_t)(end - line));
    if (line != small)
        free(line);
    tree->files += err == 0;
    tree->bytes += err == 0 ? item->bytes : 0;
    return err;
}
