/* SPDX-License-Identifier: MIT */
/* The pipeline's frame: its tasks, their number, and the feed of batches.
 *
 * The scope does what makes such frames long elsewhere. If any stage fails, the others' blocking
 * calls end; the join waits for them; and what is left of the batches is found in `slot`. */
#include "pipeline.h"

#include <stdlib.h>
#include <string.h>

enum {
    READERS_PER_WORKER = 4, /* some read, some wait for a disk, some for the compute pool */
    BUFFER_MAX = 8 << 20,   /* of a large file: with 2 MiB, handing over costs a tenth of hashing */
};

struct source_task {
    struct pipeline  *pipeline;
    const struct job *job;
};

static int run_source(void *arg)
{
    struct source_task *task = arg;

    return task->job->source(task->pipeline, task->job->arg);
}

static int run_reader(void *arg)
{
    return read_parts(arg);
}

void pipeline_init(struct pipeline *pipeline, const struct options *options,
                   struct console *console, struct counts *counts)
{
    struct leat_stats stats;
    size_t            readers = READERS_PER_WORKER;

    if (leat_stats_read(&stats) == 0)
        readers *= stats.workers;
    if (readers > options->memory / OPTIONS_MEMORY_MIN)
        readers = options->memory / OPTIONS_MEMORY_MIN;

    memset(pipeline, 0, sizeof *pipeline);
    pipeline->options = options;
    pipeline->console = console;
    pipeline->counts = counts;
    pipeline->readers = (unsigned)readers;
    pipeline->buffer_bytes = options->memory / readers;
    if (pipeline->buffer_bytes > BUFFER_MAX)
        pipeline->buffer_bytes = BUFFER_MAX;
}

/* Source and readers as tasks; the caller prints. */
static int run_stages(struct pipeline *pipeline, const struct job *job)
{
    struct source_task source = { pipeline, job };
    int                err, failed;

    LEAT_SCOPE(scope);
    leat_spawn(&scope, run_source, &source);
    for (unsigned i = 0; i < pipeline->readers; i++)
        leat_spawn(&scope, run_reader, pipeline);

    err = print_batches(pipeline, job);
    leat_close(&pipeline->work);
    if (err < 0)
        leat_scope_cancel(&scope);
    failed = leat_scope_join(&scope);

    /* A stage that was only told to stop is not the reason. */
    return err == 0 || (err == -ECANCELED && failed < 0) ? failed : err;
}

int pipeline_run(struct pipeline *pipeline, const struct job *job)
{
    int err;

    leat_semaphore_init(&pipeline->window, WINDOW);
    err = leat_chan_open(&pipeline->work, .capacity = 2 * pipeline->readers, .name = "work");
    if (err < 0)
        return err;
    err = leat_chan_open(&pipeline->done, .capacity = 2 * pipeline->readers, .name = "done");
    if (err == 0) {
        err = run_stages(pipeline, job);
        leat_chan_destroy(&pipeline->done);
    }
    leat_chan_destroy(&pipeline->work);
    for (size_t i = 0; i < WINDOW; i++) {
        free(pipeline->slot[i]); /* only after a failure is there any */
        pipeline->slot[i] = NULL;
    }
    return err;
}

static int feed_begin(struct feed *feed, size_t name_bytes)
{
    struct pipeline *pipeline = feed->pipeline;
    size_t           size = name_bytes > BATCH_NAMES ? name_bytes : BATCH_NAMES;
    struct batch    *batch;
    int              err = leat_semaphore_acquire(&pipeline->window, 1);

    if (err < 0)
        return err;
    batch = malloc(sizeof *batch + size);
    if (batch == NULL)
        return -ENOMEM;
    batch->sequence = feed->sequence++;
    batch->count = 0;
    batch->names_used = 0;
    batch->names_size = size;
    pipeline->slot[batch->sequence % WINDOW] = batch;
    feed->batch = batch;
    return 0;
}

static int feed_send(struct feed *feed)
{
    struct batch *batch = feed->batch;

    feed->batch = NULL;
    batch->unfinished = batch->count;
    feed->pipeline->counts->found += batch->count;
    return leat_send(&feed->pipeline->work, &(struct part){ batch, 0, batch->count });
}

int feed_add(struct feed *feed, enum item_kind kind, const char *name, size_t name_bytes,
             struct item **ret)
{
    struct batch *batch = feed->batch;
    struct item  *item;
    int           err;

    if (batch != NULL && (batch->count == BATCH_ITEMS ||
                          batch->names_size - batch->names_used < name_bytes + 1)) {
        err = feed_send(feed);
        if (err < 0)
            return err;
    }
    if (feed->batch == NULL) {
        err = feed_begin(feed, name_bytes + 1);
        if (err < 0)
            return err;
        batch = feed->batch;
    }
    item = &batch->items[batch->count++];
    item->name = (uint32_t)batch->names_used;
    item->kind = kind;
    item->follow = false;
    item->err = 0;
    item->problem = NULL;
    item->bytes = 0;
    memcpy(batch->names + batch->names_used, name, name_bytes);
    batch->names[batch->names_used + name_bytes] = '\0';
    batch->names_used += name_bytes + 1;
    *ret = item;
    return 0;
}

int feed_add_stdin(struct feed *feed, struct item **ret)
{
    enum item_kind kind = feed->stdin_given ? ITEM_NOTHING : ITEM_STDIN;

    feed->stdin_given = true;
    return feed_add(feed, kind, "-", 1, ret);
}

int feed_end(struct feed *feed)
{
    int err = feed->batch != NULL ? feed_send(feed) : 0;

    if (err == 0)
        err = feed_begin(feed, 0);
    return err < 0 ? err : leat_send(&feed->pipeline->done, &feed->batch);
}

const char *item_problem(const struct item *item)
{
    return item->problem != NULL ? item->problem : leat_error_text(item->err);
}
