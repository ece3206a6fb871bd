/* SPDX-License-Identifier: MIT */
/* Loops over ranges, by lazy binary splitting (Tzannes, Caragea, Barua and Vishkin, "Lazy
 * binary-splitting", 2010): a thread works through its range piece by piece, and before each piece
 * looks whether another thread has asked for work; then it forks the second half. So a loop that
 * nobody helps with costs a look and a clock for each piece, and there is no grain to be guessed:
 * pieces grow until they take about 10 us. (The paper looks whether the own deque is empty; here
 * requests are a word of the lane, which is at hand.) Splitting down to a grain, as most libraries
 * do, was rejected: it forks 8 pieces a core even where nobody wants one. */
#include "compute/for.h"
#include "compute/pool.h"
#include "platform/clock.h"

#include <leat/task.h>

#include <errno.h>

/* A piece should take between these two, unless the caller said how large it is. */
#define PIECE_NS_MIN (8 * LEAT_USEC)
#define PIECE_NS_MAX (32 * LEAT_USEC)

struct loop {
    leat_range_fn          *body;
    void                   *data;
    size_t                  grain; /* 0: automatic */
    bool                    shielded;
    struct leat__loop_error error;
};

struct half {
    struct leat_job job;
    struct loop    *loop;
    size_t          begin, end, piece;
};

int leat__loop_look(struct leat__loop_error *error)
{
    int err = load_relaxed(&error->err); /* relaxed: a number */

    if (!err && (err = leat_cancelled()) != 0)
        leat__loop_fail(error, err);
    return err;
}

size_t leat__loop_next_piece(size_t piece, leat_time took)
{
    if (took < PIECE_NS_MIN)
        return piece <= SIZE_MAX / 2 ? piece * 2 : piece;
    return took > PIECE_NS_MAX && piece > 1 ? piece / 2 : piece;
}

unsigned leat__lane_width(const struct leat__lane *lane)
{
    return lane->pool ? leat__compute_places(lane->pool) : 1;
}

int leat__loop_options(const struct leat_parallel_options **options)
{
    static const struct leat_parallel_options defaults = { .size = sizeof defaults };

    if (!*options)
        *options = &defaults;
    return (*options)->size == sizeof defaults ? 0 : -EINVAL;
}

static void run_half(struct leat_ctx *ctx, struct leat_job *job);

static void run_range(struct leat__lane *lane, struct loop *loop, size_t begin, size_t end,
                      size_t piece)
{
    while (begin < end && (loop->shielded || !leat__loop_look(&loop->error))) {
        size_t left = end - begin, count = left < piece ? left : piece;
        leat_time start;
        int err;

        if (left > 1 && left > loop->grain && leat__loop_asked(lane)) {
            struct half half = { .loop = loop, .begin = begin + left / 2, .end = end,
                                 .piece = piece };

            leat_fork(&lane->split.ctx, &half.job, run_half);
            run_range(lane, loop, begin, half.begin, piece);
            leat_join(&lane->split.ctx, &half.job, run_half);
            return;
        }
        start = loop->grain ? 0 : leat__clock_now();
        err = loop->body(loop->data, begin, begin + count);
        if (err)
            leat__loop_fail(&loop->error, err);
        begin += count;
        if (!loop->grain)
            piece = leat__loop_next_piece(piece, leat__clock_now() - start);
    }
}

static void run_half(struct leat_ctx *ctx, struct leat_job *job)
{
    struct half *half = leat_container(job, struct half, job);

    run_range(leat__lane_of(ctx), half->loop, half->begin, half->end, half->piece);
}

int leat__for_on(struct leat__lane *lane, size_t begin, size_t end, size_t grain,
                 leat_range_fn *body, void *data)
{
    struct loop loop = { .body = body, .data = data, .grain = grain };

    run_range(lane, &loop, begin, end, grain ? grain : 1);
    return load_relaxed(&loop.error.err); /* relaxed: whoever set it was joined */
}

void leat__for_shielded(struct leat__lane *lane, size_t count, leat_range_fn *body, void *data)
{
    struct loop loop = { .body = body, .data = data, .grain = 1, .shielded = true };

    run_range(lane, &loop, 0, count, 1);
}

/* ---- leat_parallel_for ---- */

struct for_call {
    size_t         begin, end, grain;
    leat_range_fn *body;
    void          *data;
};

static int run_for(struct leat__lane *lane, void *arg)
{
    const struct for_call *call = arg;

    return leat__for_on(lane, call->begin, call->end, call->grain, call->body, call->data);
}

int leat_parallel_for_with(size_t begin, size_t end, leat_range_fn *body, void *data,
                           const struct leat_parallel_options *options)
{
    int err = leat__loop_options(&options);

    if (err || begin >= end)
        return err;
    return leat__compute_enter_fn(options->runtime, run_for,
                                  &(struct for_call){ begin, end, options->grain, body, data });
}

/* ---- leat_parallel_for_2d: a loop over tiles, row by row ---- */

struct tiles {
    size_t        rows, columns, down, across; /* the last two: of a tile */
    leat_tile_fn *body;
    void         *data;
};

static size_t divide_up(size_t n, size_t by)
{
    return n / by + (n % by != 0);
}

static int run_tiles(void *data, size_t begin, size_t end)
{
    const struct tiles *tiles = data;
    size_t in_row = divide_up(tiles->columns, tiles->across);

    for (; begin < end; begin++) {
        size_t row = begin / in_row * tiles->down, column = begin % in_row * tiles->across;
        struct leat_tile tile = { row, tiles->rows - row < tiles->down ? tiles->rows
                                                                       : row + tiles->down,
                                  column,
                                  tiles->columns - column < tiles->across
                                      ? tiles->columns
                                      : column + tiles->across };
        int err = tiles->body(tiles->data, tile);

        if (err)
            return err;
    }
    return 0;
}

/* Without grains: squares, as near as can be, 64 for each thread. */
static int run_2d(struct leat__lane *lane, void *arg)
{
    struct tiles *tiles = arg;
    size_t wanted = 64 * (size_t)leat__lane_width(lane), side = 1;

    while (side < 1024 && divide_up(tiles->rows, 2 * side) >
                              wanted / (divide_up(tiles->columns, 2 * side) + 1))
        side *= 2;
    if (!tiles->down)
        tiles->down = side;
    if (!tiles->across)
        tiles->across = side;
    return leat__for_on(lane, 0,
                        divide_up(tiles->rows, tiles->down) *
                            divide_up(tiles->columns, tiles->across),
                        0, run_tiles, tiles);
}

int leat_parallel_for_2d_with(size_t rows, size_t columns, leat_tile_fn *body, void *data,
                              const struct leat_parallel_options *options)
{
    int err = leat__loop_options(&options);

    if (err || rows == 0 || columns == 0)
        return err;
    return leat__compute_enter_fn(options->runtime, run_2d,
                                  &(struct tiles){ rows, columns, options->grain,
                                                   options->grain_across, body, data });
}

/* ---- leat_parallel_map ---- */

struct map {
    char        *out;
    const char  *in;
    size_t       out_bytes, in_bytes;
    leat_item_fn *fn;
    void        *data;
};

static int run_map(void *data, size_t begin, size_t end)
{
    const struct map *map = data;
    int err = 0;

    for (; begin < end && !err; begin++)
        err = map->fn(map->data, map->out + begin * map->out_bytes,
                      map->in + begin * map->in_bytes);
    return err;
}

int leat_parallel_map_with(void *out, size_t out_bytes, const void *in, size_t in_bytes,
                           size_t count, leat_item_fn *fn, void *data,
                           const struct leat_parallel_options *options)
{
    struct map map = { out, in, out_bytes, in_bytes, fn, data };

    return leat_parallel_for_with(0, count, run_map, &map, options);
}
