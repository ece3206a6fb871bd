/* SPDX-License-Identifier: MIT */
/* Sorts of items of any size, by a comparison.
 *
 * Stable: merge sort between the array and a buffer, halves forked down to a few thousand items,
 * and large merges split where the middle of one run falls in the other (Cormen and others, third
 * edition, 27.3). Unstable: quicksort in place, the smaller side forked, and heap sort below a
 * depth that only bad luck or malice reaches (introsort: Musser, 1997). */
#include "compute/enter.h"
#include "compute/for.h"

#include <leat/parallel.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Below these, one thread does it; and one after the other, by insertion. */
#define SERIAL_ITEMS 4096u
#define INSERTION_ITEMS 16u

/* Items that are moved through a buffer of this size, in parts when they are larger. */
#define PART_BYTES 64u

struct sort {
    size_t           bytes;
    leat_compare_fn *compare;
    void            *data;
};

static inline char *item(const struct sort *sort, char *base, size_t i)
{
    return base + i * sort->bytes;
}

static inline bool before(const struct sort *sort, const void *a, const void *b)
{
    return sort->compare(a, b, sort->data) < 0;
}

/* The usual sizes as constants, so that a copy is a load and a store. */
static inline void copy_one(const struct sort *sort, char *to, const char *from)
{
    switch (sort->bytes) {
    case 4:
        memcpy(to, from, 4);
        return;
    case 8:
        memcpy(to, from, 8);
        return;
    case 16:
        memcpy(to, from, 16);
        return;
    default:
        memcpy(to, from, sort->bytes);
    }
}

static void swap(const struct sort *sort, char *a, char *b)
{
    char part[PART_BYTES];

    for (size_t left = sort->bytes, bytes; left > 0; left -= bytes, a += bytes, b += bytes) {
        bytes = left < sizeof part ? left : sizeof part;
        memcpy(part, a, bytes);
        memcpy(a, b, bytes);
        memcpy(b, part, bytes);
    }
}

static void insertion(const struct sort *sort, char *base, size_t count)
{
    for (size_t i = 1; i < count; i++)
        for (size_t j = i; j > 0 && before(sort, item(sort, base, j), item(sort, base, j - 1)); j--)
            swap(sort, item(sort, base, j), item(sort, base, j - 1));
}

/* ---- stable ---- */

static void merge_serial(const struct sort *sort, char *a, size_t a_count, char *b, size_t b_count,
                         char *out)
{
    while (a_count > 0 && b_count > 0) {
        bool second = before(sort, b, a);

        copy_one(sort, out, second ? b : a);
        out += sort->bytes;
        a += second ? 0 : sort->bytes;
        b += second ? sort->bytes : 0;
        a_count -= !second;
        b_count -= second;
    }
    memcpy(out, a, a_count * sort->bytes);
    memcpy(out + a_count * sort->bytes, b, b_count * sort->bytes);
}

/* How many items of a sorted run come before `key`, or are like it where `like`. */
static size_t rank(const struct sort *sort, char *run, size_t count, const char *key, bool like)
{
    size_t low = 0;

    while (count > 0) {
        size_t half = count / 2;
        const char *middle = item(sort, run, low + half);

        if (like ? !before(sort, key, middle) : before(sort, middle, key)) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return low;
}

struct merge {
    struct leat_job    job;
    const struct sort *sort;
    char              *a, *b, *out;
    size_t             a_count, b_count;
};

static void run_merge(struct leat_ctx *ctx, struct leat_job *job)
{
    struct merge *merge = leat_container(job, struct merge, job);
    const struct sort *sort = merge->sort;
    /* Field by field: the job's own words are its owner's and its thief's. */
    struct merge first = { .sort = sort, .a = merge->a, .b = merge->b, .out = merge->out,
                           .a_count = merge->a_count, .b_count = merge->b_count };
    struct merge second = first;

    if (merge->a_count + merge->b_count <= SERIAL_ITEMS) {
        merge_serial(sort, merge->a, merge->a_count, merge->b, merge->b_count, merge->out);
        return;
    }
    /* Of two that are alike, the one in `a` comes first. */
    if (merge->a_count >= merge->b_count) {
        first.a_count /= 2;
        first.b_count = rank(sort, merge->b, merge->b_count, item(sort, merge->a, first.a_count),
                             false);
    } else {
        first.b_count /= 2;
        first.a_count = rank(sort, merge->a, merge->a_count, item(sort, merge->b, first.b_count),
                             true);
    }
    second.a = item(sort, merge->a, first.a_count);
    second.a_count -= first.a_count;
    second.b = item(sort, merge->b, first.b_count);
    second.b_count -= first.b_count;
    second.out = item(sort, merge->out, first.a_count + first.b_count);
    leat_fork(ctx, &second.job, run_merge);
    run_merge(ctx, &first.job);
    leat_join(ctx, &second.job, run_merge);
}

struct stable {
    struct leat_job    job;
    const struct sort *sort;
    char              *base, *buffer;
    size_t             count;
    bool               into_buffer; /* where the result shall be; it begins in base */
};

static void run_stable(struct leat_ctx *ctx, struct leat_job *job)
{
    struct stable *stable = leat_container(job, struct stable, job);
    const struct sort *sort = stable->sort;
    struct stable first = { .sort = sort, .base = stable->base, .buffer = stable->buffer,
                            .count = stable->count, .into_buffer = !stable->into_buffer };
    struct stable second = first;

    if (stable->count <= INSERTION_ITEMS) {
        insertion(sort, stable->base, stable->count);
        if (stable->into_buffer)
            memcpy(stable->buffer, stable->base, stable->count * sort->bytes);
        return;
    }
    first.count /= 2;
    second.base = item(sort, stable->base, first.count);
    second.buffer = item(sort, stable->buffer, first.count);
    second.count -= first.count;
    if (stable->count <= SERIAL_ITEMS) {
        run_stable(ctx, &first.job);
        run_stable(ctx, &second.job);
    } else {
        leat_fork(ctx, &second.job, run_stable);
        run_stable(ctx, &first.job);
        leat_join(ctx, &second.job, run_stable);
    }
    {
        struct merge merge = { .sort = sort, .a_count = first.count, .b_count = second.count };

        merge.a = stable->into_buffer ? first.base : first.buffer;
        merge.b = stable->into_buffer ? second.base : second.buffer;
        merge.out = stable->into_buffer ? stable->buffer : stable->base;
        run_merge(ctx, &merge.job);
    }
}

static int sort_stable(struct leat__lane *lane, void *arg)
{
    run_stable(&lane->split.ctx, &((struct stable *)arg)->job);
    return 0;
}

/* 0, or -EINVAL: the options or the size cannot be. */
static int check(size_t count, size_t bytes, const struct leat_parallel_options **options)
{
    if (bytes == 0 || count > SIZE_MAX / bytes)
        return -EINVAL;
    return leat__loop_options(options);
}

int leat_parallel_sort_with(void *base, size_t count, size_t bytes, leat_compare_fn *compare,
                            void *data, const struct leat_parallel_options *options)
{
    const struct sort sort = { bytes, compare, data };
    struct stable all = { .sort = &sort, .base = base, .count = count };
    int err = check(count, bytes, &options);

    if (err || count < 2)
        return err;
    all.buffer = malloc(count * bytes);
    if (!all.buffer)
        return -ENOMEM;
    err = leat__compute_enter_fn(options->runtime, sort_stable, &all);
    free(all.buffer);
    return err;
}

/* ---- unstable ---- */

static void sift(const struct sort *sort, char *base, size_t at, size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count &&
            before(sort, item(sort, base, child), item(sort, base, child + 1)))
            child++;
        if (!before(sort, item(sort, base, at), item(sort, base, child)))
            return;
        swap(sort, item(sort, base, at), item(sort, base, child));
    }
}

static void heap(const struct sort *sort, char *base, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(sort, base, i, count);
    while (count > 1) {
        swap(sort, base, item(sort, base, --count));
        sift(sort, base, 0, count);
    }
}

/* Order the three so that the middle one is the median, and return it. */
static char *median(const struct sort *sort, char *a, char *b, char *c)
{
    if (before(sort, b, a))
        return before(sort, c, b) ? b : before(sort, c, a) ? c : a;
    return before(sort, c, a) ? a : before(sort, c, b) ? c : b;
}

/* Split by the median of three, or of three medians, which is moved to the front. Returns where it
 * ends up: nothing before it is behind it, and the other way round. */
static size_t partition(const struct sort *sort, char *base, size_t count)
{
    size_t low = 0, high = count, step = count / 8;
    char *pivot = item(sort, base, count / 2);

    if (step > 16) {
        char *last = item(sort, base, count - 1);

        pivot = median(sort,
                       median(sort, base, item(sort, base, step), item(sort, base, 2 * step)),
                       median(sort, item(sort, base, 3 * step), pivot, item(sort, base, 5 * step)),
                       median(sort, item(sort, base, 6 * step), item(sort, base, 7 * step), last));
    } else {
        pivot = median(sort, base, pivot, item(sort, base, count - 1));
    }
    swap(sort, base, pivot);
    for (;;) {
        do
            low++;
        while (low < count && before(sort, item(sort, base, low), base));
        do
            high--;
        while (before(sort, base, item(sort, base, high)));
        if (low >= high)
            break;
        swap(sort, item(sort, base, low), item(sort, base, high));
    }
    if (high > 0)
        swap(sort, base, item(sort, base, high));
    return high;
}

struct unstable {
    struct leat_job    job;
    const struct sort *sort;
    char              *base;
    size_t             count;
    unsigned           depth; /* levels left until it is a heap sort */
};

static void run_unstable(struct leat_ctx *ctx, struct leat_job *job)
{
    const struct unstable *all = leat_container(job, struct unstable, job);
    const struct sort *sort = all->sort;
    struct unstable rest = { .sort = sort, .base = all->base, .count = all->count,
                             .depth = all->depth };
    struct unstable small;
    size_t at;

    while (rest.count > INSERTION_ITEMS) {
        if (rest.depth-- == 0) {
            heap(sort, rest.base, rest.count);
            return;
        }
        at = partition(sort, rest.base, rest.count);
        small = rest;
        if (at < rest.count / 2) {
            small.count = at;
            rest.base = item(sort, rest.base, at + 1);
            rest.count -= at + 1;
        } else {
            small.base = item(sort, rest.base, at + 1);
            small.count -= at + 1;
            rest.count = at;
        }
        if (small.count + rest.count > SERIAL_ITEMS) {
            leat_fork(ctx, &small.job, run_unstable);
            run_unstable(ctx, &rest.job);
            leat_join(ctx, &small.job, run_unstable);
            return;
        }
        run_unstable(ctx, &small.job);
    }
    insertion(sort, rest.base, rest.count);
}

static int sort_unstable(struct leat__lane *lane, void *arg)
{
    run_unstable(&lane->split.ctx, &((struct unstable *)arg)->job);
    return 0;
}

int leat_parallel_sort_unstable_with(void *base, size_t count, size_t bytes,
                                     leat_compare_fn *compare, void *data,
                                     const struct leat_parallel_options *options)
{
    const struct sort sort = { bytes, compare, data };
    struct unstable all = { .sort = &sort, .base = base, .count = count };
    int err = check(count, bytes, &options);

    if (err || count < 2)
        return err;
    for (size_t n = count; n > 0; n /= 2)
        all.depth += 2;
    return leat__compute_enter_fn(options->runtime, sort_unstable, &all);
}
