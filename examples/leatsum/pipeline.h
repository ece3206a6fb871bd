/* SPDX-License-Identifier: MIT */
/* The pipeline: from names to printed lines.
 *
 *     source --work--> readers --done--> printer
 *        ^             |    ^               |
 *        |             v    |               |
 *        |          compute pool            |
 *        +------------- window -------------+
 *
 * A source (tree.c walks, list.c reads sums to check) puts names into batches and numbers them.
 * A reader (read.c) takes a batch, reads its files into its own buffer and has them hashed on the
 * compute pool. The printer (print.c) puts batches back in order. Batches make the price of a
 * hand-over, of waking another core above all, vanish among the files.
 *
 * INVARIANTS
 * I1. File contents are in memory only in the readers' buffers, which together are as large as
 *     --memory allows. So the cap holds by construction, and nobody ever waits for memory.
 * I2. At most WINDOW batches exist. The printer alone ends them, in order, and the batch that it
 *     waits for is always with a reader or on its way to one, none of whom waits for the printer
 *     for ever: so a full window empties.
 * I3. A batch belongs to whoever holds its parts; the reader that finishes its last file passes
 *     it on. `slot` is written by the source when a batch begins and by the printer when it ends,
 *     never by both, since the window is between them. */
#ifndef LEATSUM_PIPELINE_H
#define LEATSUM_PIPELINE_H

#include "console.h"
#include "hash.h"
#include "options.h"

#include <leat/leat.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BATCH_ITEMS = 64,
    BATCH_NAMES = 8 << 10, /* bytes of names that a batch begins with room for */
    WINDOW = 512,
};

enum item_kind {
    ITEM_FILE,    /* to be read and hashed .. */
    ITEM_STDIN,   /* .. as is standard input */
    ITEM_NOTHING, /* hashed as no bytes at all: standard input named again */
    ITEM_FAILED,  /* found out before it was opened: see err and problem */
    ITEM_BADLINE, /* of a list: no sum, at line number `bytes` */
};

struct item {
    uint32_t       name; /* offset in the batch's names */
    enum item_kind kind;
    bool           follow;  /* open it even if it is a link */
    bool           hashed;  /* its digest is there already */
    int            err;     /* 0, or why there is no digest; */
    const char    *problem; /* in these words, or if NULL in those of err */
    uint64_t       bytes;   /* read */
    unsigned char  digest[HASH_BYTES];
    unsigned char  expected[HASH_BYTES]; /* by the list that is checked */
};

struct batch {
    uint64_t         sequence;
    unsigned         count;      /* items in it; 0 marks the end of all batches */
    _Atomic unsigned unfinished; /* items that no reader has finished */
    size_t           names_used, names_size;
    struct item      items[BATCH_ITEMS];
    char             names[]; /* each ends with a zero */
};

/* Some items of a batch. A reader that meets much work in one passes the rest on. */
struct part {
    struct batch *batch;
    unsigned      first, end;
};

/* What has been found, and done, up to now. Added to per batch or chunk, read for the progress. */
struct counts {
    _Atomic uint64_t found, done, bytes;
};

struct pipeline {
    const struct options *options;
    struct console       *console;
    struct counts        *counts;
    unsigned              readers;
    size_t                buffer_bytes; /* of each */

    leat_chan(struct part) work;
    leat_chan(struct batch *) done;
    struct leat_semaphore window;
    struct batch         *slot[WINDOW];
};

/* A source gives names by feed_*, and returns 0 when it gave all, or -errno. */
typedef int source_fn(struct pipeline *pipeline, void *arg);

/* Told of each item, in order. Returns 0 to go on or -errno to give up. */
typedef int print_fn(struct pipeline *pipeline, void *arg, const struct batch *batch,
                     const struct item *item);

struct job {
    source_fn *source;
    print_fn  *print;
    void      *arg;
};

/* Decide how many readers to have and how much memory to give each. */
void pipeline_init(struct pipeline *pipeline, const struct options *options,
                   struct console *console, struct counts *counts);

/* Run one job to its end. Returns 0, -ECANCELED, or the error that stopped it. */
int pipeline_run(struct pipeline *pipeline, const struct job *job);

/* The feed: how a source fills batches. All-zero but for the pipeline at first. */
struct feed {
    struct pipeline *pipeline;
    struct batch    *batch; /* being filled, or NULL */
    uint64_t         sequence;
    bool             stdin_given;
};

/* Add an item; *ret is to be filled in further until the next call. Returns 0 or -errno. */
int feed_add(struct feed *feed, enum item_kind kind, const char *name, size_t name_bytes,
             struct item **ret);
int feed_add_stdin(struct feed *feed, struct item **ret);

/* Send what is left, and the mark that ends it all. */
int feed_end(struct feed *feed);

/* The two middle stages. */
int read_parts(struct pipeline *pipeline);
int print_batches(struct pipeline *pipeline, const struct job *job);

/* The words for what is wrong with an item, good until the caller suspends. */
const char *item_problem(const struct item *item);

static inline const char *item_name(const struct batch *batch, const struct item *item)
{
    return batch->names + item->name;
}

#endif
