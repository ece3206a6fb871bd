/* SPDX-License-Identifier: MIT */
/* Reductions.
 *
 * A reduction splits lazily as loops do (for.c); each forked half has a sum of its own, which is
 * combined behind that of the first half at the join: so order is kept, and there are only as many
 * sums as there were helpers. A deterministic one splits its range in halves down to a grain that
 * depends on the range alone, and combines along the same tree each time. */
#include "compute/for.h"
#include "platform/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A sum: on the stack up to this size. */
#define SUM_BYTES 128

struct sum {
    _Alignas(16) char bytes[SUM_BYTES];
    void *at; /* bytes, or memory of its own; NULL: there was none */
};

static int sum_init(struct sum *sum, const void *value, size_t bytes)
{
    sum->at = bytes <= SUM_BYTES ? sum->bytes : malloc(bytes);
    if (!sum->at)
        return -ENOMEM;
    memcpy(sum->at, value, bytes);
    return 0;
}

static void sum_fini(struct sum *sum)
{
    if (sum->at != sum->bytes)
        free(sum->at);
}

/* ---- leat_parallel_reduce ---- */

struct reduction {
    size_t                  begin, end, grain;
    bool                    deterministic;
    leat_reduce_fn         *body;
    leat_combine_fn        *combine;
    void                   *data;
    void                   *result;
    const void             *identity;
    size_t                  bytes;
    struct leat__loop_error error;
};

struct half {
    struct leat_job   job;
    struct reduction *of;
    size_t            begin, end, piece;
    struct sum        sum;
};

static void reduce(struct leat__lane *lane, struct reduction *of, size_t begin, size_t end,
                   size_t piece, void *sum);

static void run_half(struct leat_ctx *ctx, struct leat_job *job)
{
    struct half *half = leat_container(job, struct half, job);

    reduce(leat__lane_of(ctx), half->of, half->begin, half->end, half->piece, half->sum.at);
}

/* Both halves of a range, the second perhaps elsewhere. */
static void reduce_halves(struct leat__lane *lane, struct reduction *of, size_t begin, size_t end,
                          size_t piece, void *sum)
{
    struct half half = { .of = of, .begin = begin + (end - begin) / 2, .end = end,
                         .piece = piece };
    int err = sum_init(&half.sum, of->identity, of->bytes);

    if (err) {
        leat__loop_fail(&of->error, err);
        return;
    }
    leat_fork(&lane->split.ctx, &half.job, run_half);
    reduce(lane, of, begin, half.begin, piece, sum);
    leat_join(&lane->split.ctx, &half.job, run_half);
    of->combine(of->data, sum, half.sum.at);
    sum_fini(&half.sum);
}

static void reduce(struct leat__lane *lane, struct reduction *of, size_t begin, size_t end,
                   size_t piece, void *sum)
{
    while (begin < end && !leat__loop_look(&of->error)) {
        size_t left = end - begin, count = left < piece ? left : piece;
        leat_time start;
        int err;

        if (of->deterministic ? left > of->grain
                              : left > 1 && left > of->grain && leat__loop_asked(lane)) {
            reduce_halves(lane, of, begin, end, piece, sum);
            return;
        }
        if (of->deterministic)
            count = left;
        start = leat__clock_now();
        err = of->body(of->data, begin, begin + count, sum);
        if (err)
            leat__loop_fail(&of->error, err);
        begin += count;
        if (!of->grain)
            piece = leat__loop_next_piece(piece, leat__clock_now() - start);
    }
}

static int run_reduction(struct leat__lane *lane, void *arg)
{
    struct reduction *of = arg;
    struct sum identity;
    int err = sum_init(&identity, of->result, of->bytes);

    if (err)
        return err;
    of->identity = identity.at;
    if (of->deterministic && !of->grain)
        of->grain = (of->end - of->begin) / 256 + 1;
    {
        struct sum sum;

        err = sum_init(&sum, identity.at, of->bytes);
        if (!err) {
            reduce(lane, of, of->begin, of->end, of->grain ? of->grain : 1, sum.at);
            err = load_relaxed(&of->error.err); /* relaxed: whoever set it was joined */
            if (!err)
                memcpy(of->result, sum.at, of->bytes);
            sum_fini(&sum);
        }
    }
    sum_fini(&identity);
    return err;
}

int leat_parallel_reduce_with(size_t begin, size_t end, leat_reduce_fn *body,
                              leat_combine_fn *combine, void *data, void *sum, size_t bytes,
                              const struct leat_parallel_options *options)
{
    struct reduction of = { .begin = begin, .end = end, .body = body, .combine = combine,
                            .data = data, .result = sum, .bytes = bytes };
    int err = leat__loop_options(&options);

    if (err || begin >= end)
        return err;
    of.grain = options->grain;
    of.deterministic = options->deterministic;
    return leat__compute_enter_fn(options->runtime, run_reduction, &of);
}
