/* SPDX-License-Identifier: MIT */
/* Scans, in three steps over a few blocks for each thread: combine the items of each block; combine
 * these sums, one after the other, to what comes before each block; scan each block from that on.
 * Twice the work of a serial scan, so with one thread it is one. The first step only reads: to scan
 * each block at once and combine each item once more with what comes before its block, which is
 * as much work, would write the array twice, and leaves no room for a scan that excludes the item.
 *
 * What comes before a block stands in a place of the block's own, and is what its scan goes on
 * with: so nothing that can fail follows once the array has been written to. */
#include "compute/for.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Places are this far apart, so that two threads do not write one pair of lines. */
#define APART ((size_t)128)
/* Places: on the stack up to this size. */
#define PLACES_BYTES 2048

struct scan {
    char            *base;
    size_t           count, bytes;
    leat_combine_fn *combine;
    void            *data;
    void            *sum;   /* exclusive: what comes before the first item; NULL: inclusive */
    size_t           block; /* items of one */
    char            *places;
    size_t           stride; /* of one: what comes before the block, and an item put aside */
};

static char *place_of(const struct scan *scan, size_t block)
{
    return scan->places + block * scan->stride;
}

static size_t block_end(const struct scan *scan, size_t block)
{
    size_t begin = block * scan->block;

    return scan->count - begin < scan->block ? scan->count : begin + scan->block;
}

/* The items of each block, combined into the place of the one behind it. */
static int add_blocks(void *data, size_t begin, size_t end)
{
    const struct scan *scan = data;

    for (; begin < end; begin++) {
        char *sum = place_of(scan, begin + 1);
        size_t i = begin * scan->block;

        memcpy(sum, scan->base + i * scan->bytes, scan->bytes);
        while (++i < block_end(scan, begin))
            scan->combine(scan->data, sum, scan->base + i * scan->bytes);
    }
    return 0;
}

/* From the sum of the block before it to that of all blocks before it. */
static void carry(const struct scan *scan, size_t blocks)
{
    if (scan->sum)
        memcpy(place_of(scan, 0), scan->sum, scan->bytes);
    for (size_t block = scan->sum ? 1 : 2; block < blocks; block++) {
        char *sum = place_of(scan, block), *aside = sum + scan->bytes;

        memcpy(aside, sum, scan->bytes);
        memcpy(sum, place_of(scan, block - 1), scan->bytes);
        scan->combine(scan->data, sum, aside);
    }
}

static void scan_inclusive(const struct scan *scan, char *sum, size_t i, size_t end)
{
    if (i == 0) /* nothing comes before it */
        memcpy(sum, scan->base + i++ * scan->bytes, scan->bytes);
    for (; i < end; i++) {
        char *item = scan->base + i * scan->bytes;

        scan->combine(scan->data, sum, item);
        memcpy(item, sum, scan->bytes);
    }
}

static void scan_exclusive(const struct scan *scan, char *sum, size_t i, size_t end)
{
    char *aside = sum + scan->bytes;

    for (; i < end; i++) {
        char *item = scan->base + i * scan->bytes;

        memcpy(aside, item, scan->bytes);
        memcpy(item, sum, scan->bytes);
        scan->combine(scan->data, sum, aside);
    }
}

static int scan_blocks(void *data, size_t begin, size_t end)
{
    const struct scan *scan = data;

    for (; begin < end; begin++)
        (scan->sum ? scan_exclusive : scan_inclusive)(scan, place_of(scan, begin),
                                                      begin * scan->block,
                                                      block_end(scan, begin));
    return 0;
}

static int run_blocks(struct leat__lane *lane, struct scan *scan, size_t blocks)
{
    int err = blocks > 1 ? leat__for_on(lane, 0, blocks - 1, 1, add_blocks, scan) : 0;

    if (err)
        return err;
    carry(scan, blocks);
    err = leat__for_on(lane, 0, blocks, 1, scan_blocks, scan);
    if (!err && scan->sum)
        memcpy(scan->sum, place_of(scan, blocks - 1), scan->bytes);
    return err;
}

static int run_scan(struct leat__lane *lane, void *arg)
{
    struct scan *scan = arg;
    size_t width = leat__lane_width(lane), blocks;
    _Alignas(APART) char places[PLACES_BYTES];
    int err;

    scan->block = width == 1 ? scan->count : scan->count / (4 * width) + 1;
    blocks = scan->count / scan->block + (scan->count % scan->block != 0);
    if (scan->bytes > SIZE_MAX / 4 / blocks)
        return -ENOMEM;
    scan->stride = (2 * scan->bytes + APART - 1) / APART * APART;
    scan->places = blocks * scan->stride <= PLACES_BYTES
                       ? places
                       : aligned_alloc(APART, blocks * scan->stride);
    if (!scan->places)
        return -ENOMEM;
    err = run_blocks(lane, scan, blocks);
    if (scan->places != places)
        free(scan->places);
    return err;
}

int leat_parallel_scan_with(void *base, size_t count, size_t bytes, leat_combine_fn *combine,
                            void *data, const struct leat_parallel_options *options)
{
    int err = leat__loop_options(&options);

    if (err || count == 0)
        return err;
    return leat__compute_enter_fn(options->runtime, run_scan,
                                  &(struct scan){ .base = base, .count = count, .bytes = bytes,
                                                  .combine = combine, .data = data });
}

int leat_parallel_scan_exclusive_with(void *base, size_t count, size_t bytes,
                                      leat_combine_fn *combine, void *data, void *sum,
                                      const struct leat_parallel_options *options)
{
    int err = leat__loop_options(&options);

    if (err || count == 0)
        return err;
    return leat__compute_enter_fn(options->runtime, run_scan,
                                  &(struct scan){ .base = base, .count = count, .bytes = bytes,
                                                  .combine = combine, .data = data,
                                                  .sum = sum });
}
