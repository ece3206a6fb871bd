/* SPDX-License-Identifier: MIT */
/* Pipelines: a source, and stages joined by channels, each of as many tasks as it is wide.
 *
 *     source --chan--> stage 0 --chan--> stage 1 --chan--> ... last
 *
 * One scope owns all tasks: the first error cancels the others wherever they wait. The end is
 * carried through by closing: the source closes its channel, the last task of a stage that finds
 * its input closed and drained closes the next.
 *
 * An ordered stage gives each input a ticket as it is taken, and results leave in the order of
 * tickets: a ring of semaphores, of which one has a permit, hands the turn on. A buffer that sorts
 * was rejected: it needs a bound of its own, and whoever waits for a turn holds up only itself.
 *
 * INVARIANTS
 *   I1  At most `width` tickets of a stage are out, and they follow each other, so that ticket t
 *       and t + 1 never share a semaphore, unless the width is 1.
 *   I2  An element is in a channel, in one task's buffer, or was handed to a function: on success
 *       what a stage took is what the one before it passed on. */
#include "lockfree/atomic.h"
#include "pattern/outcome.h"

#include <leat/chan.h>
#include <leat/pattern.h>
#include <leat/runtime.h>
#include <leat/sync.h>

#include <errno.h>
#include <stdlib.h>

#define CAPACITY 64

struct line {
    struct leat_stage *stage;
    size_t             in_bytes;
    struct leat_chan  *in, *out; /* out is NULL for the last */
    LEAT_ATOMIC(unsigned) left;  /* tasks of it that have not ended */
    LEAT_ATOMIC(size_t) taken, passed;
    struct leat_semaphore  intake; /* held while an element and its ticket are taken */
    struct leat_semaphore *turns;  /* one for each task; NULL: not ordered */
    size_t                 ticket;
};

struct pipeline {
    const struct leat_source *source;
    struct line              *lines;
    size_t                    count;
};

static unsigned width_of(const struct leat_stage *stage)
{
    return stage->width ? stage->width : 1;
}

/* ---- running ---- */

static int take(struct line *line, void *in, size_t *ticket)
{
    int err;

    if (!line->turns)
        return leat_chan_recv(line->in, in);
    err = leat_semaphore_acquire(&line->intake, 1);
    if (err)
        return err;
    err = leat_chan_recv(line->in, in);
    *ticket = line->ticket;
    if (!err)
        line->ticket++;
    leat_semaphore_release(&line->intake, 1);
    return err;
}

static int pass(struct line *line, const void *out, size_t ticket, bool drop)
{
    unsigned width = width_of(line->stage);
    int      err = line->turns ? leat_semaphore_acquire(&line->turns[ticket % width], 1) : 0;

    if (!err && !drop && line->out)
        err = leat_chan_send(line->out, out);
    if (!err && !drop)
        (void)fetch_add_relaxed(&line->passed, 1); /* relaxed: the join orders it */
    if (!err && line->turns)
        leat_semaphore_release(&line->turns[(ticket + 1) % width], 1); /* I1 */
    return err;
}

static int work(struct line *line, void *in, void *out)
{
    size_t ticket = 0;
    int    err;

    while ((err = take(line, in, &ticket)) == 0) {
        int result = line->stage->fn(in, out, line->stage->arg);

        (void)fetch_add_relaxed(&line->taken, 1); /* relaxed: the join orders it */
        err = result < 0 ? result : pass(line, out, ticket, result > 0);
        if (err)
            return err;
    }
    return err == -EPIPE ? 0 : err;
}

/* Sizes are at most 64 KiB (a channel's), so their sum does not wrap. */
static size_t room(size_t bytes)
{
    return (bytes + 15) / 16 * 16;
}

static int run_stage(void *arg)
{
    struct line *line = arg;
    char        *in = malloc(room(line->in_bytes) + room(line->stage->out_bytes) + 16);
    int          err;

    if (!in)
        return -ENOMEM;
    err = work(line, in, in + room(line->in_bytes));
    free(in);
    /* acq_rel: the last closes behind what all others sent, whose decrements it so comes after */
    if (!err && fetch_sub_acq_rel(&line->left, 1) == 1 && line->out)
        leat_chan_close(line->out);
    return err;
}

static int run_source(void *arg)
{
    struct pipeline          *pipeline = arg;
    const struct leat_source *source = pipeline->source;
    void                     *out = malloc(source->bytes);
    int                       err;

    if (!out)
        return -ENOMEM;
    while ((err = source->fn(out, source->arg)) >= 0)
        if ((err = leat_chan_send(pipeline->lines[0].in, out)) != 0)
            break;
    free(out);
    if (err != -ENODATA)
        return err;
    leat_chan_close(pipeline->lines[0].in);
    return 0;
}

static int run_tasks(struct pipeline *pipeline, leat_time deadline)
{
    LEAT_SCOPE(scope, .deadline = deadline);

    leat_spawn_opt(&scope, run_source, pipeline, LEAT_TASK_OPTIONS(.name = "source"));
    for (size_t i = 0; i < pipeline->count; i++) {
        const struct leat_stage *stage = pipeline->lines[i].stage;

        for (unsigned k = 0; k < width_of(stage); k++)
            leat_spawn_opt(&scope, run_stage, &pipeline->lines[i],
                           LEAT_TASK_OPTIONS(.name = stage->name));
    }
    return leat_scope_join(&scope);
}

/* One element through all stages, on a thread without a runtime. */
static int run_through(struct pipeline *pipeline, char **buffers)
{
    for (size_t i = 0; i < pipeline->count; i++) {
        struct line *line = &pipeline->lines[i];
        int          result = line->stage->fn(buffers[i], buffers[i + 1], line->stage->arg);

        /* relaxed, both: nobody else has them */
        (void)fetch_add_relaxed(&line->taken, 1);
        if (result)
            return result < 0 ? result : 0;
        (void)fetch_add_relaxed(&line->passed, 1);
    }
    return 0;
}

static int run_here(struct pipeline *pipeline, leat_time deadline)
{
    const struct leat_source *source = pipeline->source;
    char                    **buffers = calloc(pipeline->count + 1, sizeof *buffers);
    int                       err = buffers ? 0 : -ENOMEM;
    LEAT_SCOPE(scope, .deadline = deadline);

    for (size_t i = 0; !err && i <= pipeline->count; i++) {
        buffers[i] = malloc(room(i ? pipeline->lines[i - 1].stage->out_bytes : source->bytes) + 16);
        err = buffers[i] ? 0 : -ENOMEM;
    }
    while (!err && (err = leat_cancelled()) == 0 &&
           (err = source->fn(buffers[0], source->arg)) >= 0)
        err = run_through(pipeline, buffers);
    for (size_t i = 0; buffers && i <= pipeline->count; i++)
        free(buffers[i]);
    free(buffers);
    (void)leat_scope_join(&scope);
    return err == -ENODATA ? 0 : err;
}

/* ---- building ---- */

static int build_line(struct line *line, struct leat_stage *stage, size_t in_bytes)
{
    struct leat_chan_options options = { .size = sizeof options, .name = stage->name };
    unsigned                 width = width_of(stage);

    options.capacity = stage->capacity ? stage->capacity : CAPACITY;
    line->stage = stage;
    line->in_bytes = in_bytes;
    store_relaxed(&line->left, width); /* relaxed: nobody else has it yet */
    leat_semaphore_init(&line->intake, 1);
    if (stage->ordered && width > 1) {
        line->turns = calloc(width, sizeof *line->turns);
        if (!line->turns)
            return -ENOMEM;
        leat_semaphore_init(&line->turns[0], 1);
    }
    return leat_chan_create(&line->in, in_bytes, &options);
}

static int build(struct pipeline *pipeline, struct leat_stage *stages)
{
    size_t bytes = pipeline->source->bytes;

    pipeline->lines = calloc(pipeline->count, sizeof *pipeline->lines);
    if (!pipeline->lines)
        return -ENOMEM;
    for (size_t i = 0; i < pipeline->count; i++) {
        int err = build_line(&pipeline->lines[i], &stages[i], bytes);

        if (err)
            return err;
        if (i > 0)
            pipeline->lines[i - 1].out = pipeline->lines[i].in;
        bytes = stages[i].out_bytes;
    }
    return 0;
}

static void tear_down(struct pipeline *pipeline)
{
    for (size_t i = 0; pipeline->lines && i < pipeline->count; i++) {
        struct line *line = &pipeline->lines[i];

        if (line->stage) {
            line->stage->taken = load_relaxed(&line->taken); /* relaxed, both: all have ended */
            line->stage->passed = load_relaxed(&line->passed);
        }
        leat_chan_free(line->in);
        free(line->turns);
    }
    free(pipeline->lines);
}

int leat_pipeline_run(const struct leat_source *source, struct leat_stage *stages, size_t count,
                      const struct leat_pipeline_options *options)
{
    static const struct leat_pipeline_options defaults = { .size = sizeof defaults };
    struct pipeline                           pipeline = { .source = source, .count = count };
    int                                       err;

    if (!options)
        options = &defaults;
    if (options->size != sizeof *options || options->deadline < 0 || count == 0)
        return -EINVAL;
    err = build(&pipeline, stages);
    if (!err)
        err = leat_worker() >= 0 ? run_tasks(&pipeline, options->deadline)
                                 : run_here(&pipeline, options->deadline);
    tear_down(&pipeline);
    return leat__outcome(err);
}
