/* SPDX-License-Identifier: MIT */
/* A radix sort of unsigned keys of one width: keys.c includes this once for each, with
 *     KEY          the type
 *     KEY_NAME(x)  x, with the width behind it
 * defined. What it does is told there.
 *
 *     array --by top digit--> buffer, 256 buckets --each by its other digits--> array */

struct KEY_NAME(radix) {
    KEY         *array, *buffer;
    size_t       count;
    unsigned     shift; /* of the top digit */
    size_t       block; /* items of a block */
    size_t     (*starts)[DIGITS]; /* of a block: first counts, then where its items go */
    size_t       first[DIGITS + 1]; /* of a bucket */
    KEY          sign; /* how values become bits of the same order: to_bits. 0: they are that */
    bool         floating;
    bool         raw; /* the array holds values, not yet bits */
};

static inline KEY KEY_NAME(to_bits)(KEY key, KEY sign, bool floating)
{
    if (floating && (key & sign))
        return (KEY)~key;
    return key ^ sign;
}

static void KEY_NAME(to_values)(const struct KEY_NAME(radix) *radix, KEY *keys, size_t count)
{
    KEY sign = radix->sign;

    if (!sign)
        return;
    for (size_t i = 0; i < count; i++)
        keys[i] = radix->floating && !(keys[i] & sign) ? (KEY)~keys[i] : keys[i] ^ sign;
}

static void KEY_NAME(insertion)(KEY *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        KEY key = keys[i];
        size_t j = i;

        for (; j > 0 && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

/* ---- one bucket, by one thread ---- */

/* From `from` to `into`, by the digits below `shift`, the lowest first. */
static void KEY_NAME(lowest_first)(KEY *from, KEY *into, size_t count, unsigned shift)
{
    size_t counts[sizeof(KEY)][DIGITS];
    unsigned digits = (shift + BITS - 1) / BITS;
    KEY *at = from, *other = into;

    if (count <= 32) {
        memcpy(into, from, count * sizeof *into);
        KEY_NAME(insertion)(into, count);
        return;
    }
    memset(counts, 0, digits * sizeof counts[0]);
    for (size_t i = 0; i < count; i++)
        for (unsigned d = 0; d < digits; d++)
            counts[d][from[i] >> (d * BITS) & (DIGITS - 1)]++;
    for (unsigned d = 0; d < digits; d++) {
        size_t *starts = counts[d], sum = 0;
        KEY *swapped = at;

        if (starts[at[0] >> (d * BITS) & (DIGITS - 1)] == count)
            continue; /* all alike */
        for (unsigned i = 0; i < DIGITS; i++) {
            size_t n = starts[i];

            starts[i] = sum;
            sum += n;
        }
        for (size_t i = 0; i < count; i++)
            other[starts[at[i] >> (d * BITS) & (DIGITS - 1)]++] = at[i];
        at = other;
        other = swapped;
    }
    if (at != into)
        memcpy(into, at, count * sizeof *into);
}

/* ---- all of it ---- */

static size_t KEY_NAME(block_end)(const struct KEY_NAME(radix) *radix, size_t block)
{
    size_t begin = block * radix->block;

    return radix->count - begin < radix->block ? radix->count : begin + radix->block;
}

/* Values become bits; of each block, all bits that are set somewhere, and everywhere. */
static int KEY_NAME(prepare_blocks)(void *data, size_t begin, size_t end)
{
    const struct KEY_NAME(radix) *radix = data;

    for (; begin < end; begin++) {
        KEY some = 0, all = (KEY)~(KEY)0;

        for (size_t i = begin * radix->block; i < KEY_NAME(block_end)(radix, begin); i++) {
            KEY key = radix->array[i];

            if (radix->raw)
                radix->array[i] = key = KEY_NAME(to_bits)(key, radix->sign, radix->floating);
            some |= key;
            all &= key;
        }
        radix->starts[begin][0] = some;
        radix->starts[begin][1] = all;
    }
    return 0;
}

static int KEY_NAME(count_blocks)(void *data, size_t begin, size_t end)
{
    const struct KEY_NAME(radix) *radix = data;

    for (; begin < end; begin++) {
        size_t *counts = radix->starts[begin];

        memset(counts, 0, sizeof radix->starts[begin]);
        for (size_t i = begin * radix->block; i < KEY_NAME(block_end)(radix, begin); i++)
            counts[radix->array[i] >> radix->shift & (DIGITS - 1)]++;
    }
    return 0;
}

static int KEY_NAME(scatter_blocks)(void *data, size_t begin, size_t end)
{
    const struct KEY_NAME(radix) *radix = data;

    for (; begin < end; begin++) {
        size_t *starts = radix->starts[begin];

        for (size_t i = begin * radix->block; i < KEY_NAME(block_end)(radix, begin); i++) {
            KEY key = radix->array[i];

            radix->buffer[starts[key >> radix->shift & (DIGITS - 1)]++] = key;
        }
    }
    return 0;
}

static void KEY_NAME(sort_all)(struct leat__lane *lane, struct KEY_NAME(radix) *radix);

static int KEY_NAME(sort_buckets)(void *data, size_t begin, size_t end)
{
    const struct KEY_NAME(radix) *radix = data;

    for (; begin < end; begin++) {
        size_t first = radix->first[begin], count = radix->first[begin + 1] - first;
        KEY *from = radix->buffer + first, *into = radix->array + first;

        /* One that is still too large for the cache is a sort of its own, with helpers. */
        if (count > BUCKET_ITEMS && radix->shift > 0) {
            struct KEY_NAME(radix) bucket = { .array = into, .buffer = from, .count = count,
                                              .sign = radix->sign,
                                              .floating = radix->floating };

            memcpy(into, from, count * sizeof *into);
            KEY_NAME(sort_all)(leat__lane_of(leat__ctx_current()), &bucket);
        } else {
            KEY_NAME(lowest_first)(from, into, count, radix->shift);
            KEY_NAME(to_values)(radix, into, count);
        }
    }
    return 0;
}

/* Counts become places: bucket by bucket, and in each block by block. */
static void KEY_NAME(place)(struct KEY_NAME(radix) *radix, size_t blocks)
{
    size_t sum = 0;

    for (unsigned d = 0; d < DIGITS; d++) {
        radix->first[d] = sum;
        for (size_t block = 0; block < blocks; block++) {
            size_t n = radix->starts[block][d];

            radix->starts[block][d] = sum;
            sum += n;
        }
    }
    radix->first[DIGITS] = sum;
}

/* The highest bit in which two keys differ, plus 1; 0: they are all alike. */
static unsigned KEY_NAME(differ)(const struct KEY_NAME(radix) *radix, size_t blocks)
{
    size_t some = 0, all = SIZE_MAX;
    unsigned bits = 0;

    for (size_t block = 0; block < blocks; block++) {
        some |= radix->starts[block][0];
        all &= radix->starts[block][1];
    }
    while (bits < 8 * sizeof(KEY) && (KEY)(some ^ all) >> bits > 0)
        bits++;
    return bits;
}

/* Without memory for counts: by one thread. */
static void KEY_NAME(sort_alone)(struct KEY_NAME(radix) *radix)
{
    for (size_t i = 0; i < radix->count; i++)
        radix->buffer[i] = radix->raw ? KEY_NAME(to_bits)(radix->array[i], radix->sign,
                                                          radix->floating)
                                      : radix->array[i];
    KEY_NAME(lowest_first)(radix->buffer, radix->array, radix->count, 8 * sizeof(KEY));
    KEY_NAME(to_values)(radix, radix->array, radix->count);
}

static void KEY_NAME(sort_all)(struct leat__lane *lane, struct KEY_NAME(radix) *radix)
{
    size_t width = leat__lane_width(lane), blocks;
    unsigned bits;

    radix->block = width == 1 || radix->count < BUCKET_ITEMS ? radix->count
                                                              : radix->count / (4 * width) + 1;
    blocks = radix->count / radix->block + (radix->count % radix->block != 0);
    radix->starts = malloc(blocks * sizeof radix->starts[0]);
    if (!radix->starts) {
        KEY_NAME(sort_alone)(radix);
        return;
    }
    leat__for_shielded(lane, blocks, KEY_NAME(prepare_blocks), radix);
    bits = KEY_NAME(differ)(radix, blocks);
    if (bits > 0) {
        radix->shift = bits > BITS ? bits - BITS : 0;
        leat__for_shielded(lane, blocks, KEY_NAME(count_blocks), radix);
        KEY_NAME(place)(radix, blocks);
        leat__for_shielded(lane, blocks, KEY_NAME(scatter_blocks), radix);
        leat__for_shielded(lane, DIGITS, KEY_NAME(sort_buckets), radix);
    } else {
        KEY_NAME(to_values)(radix, radix->array, radix->count);
    }
    free(radix->starts);
}

static int KEY_NAME(run)(struct leat__lane *lane, void *arg)
{
    KEY_NAME(sort_all)(lane, arg);
    return 0;
}

/* In place, for want of memory. */
static int KEY_NAME(compare)(const void *a, const void *b, void *data)
{
    KEY x = *(const KEY *)a, y = *(const KEY *)b;

    (void)data;
    return (x > y) - (x < y);
}

static int KEY_NAME(sort)(KEY *keys, size_t count, KEY sign, bool floating)
{
    struct KEY_NAME(radix) radix = { .array = keys, .count = count, .sign = sign,
                                     .floating = floating, .raw = sign != 0 };
    int err;

    if (count < 2)
        return 0;
    radix.buffer = count <= SIZE_MAX / sizeof *keys ? malloc(count * sizeof *keys) : NULL;
    if (radix.buffer) {
        err = leat__compute_enter_fn(NULL, KEY_NAME(run), &radix);
        free(radix.buffer);
        return err;
    }
    for (size_t i = 0; i < count; i++)
        keys[i] = KEY_NAME(to_bits)(keys[i], sign, floating);
    err = leat_parallel_sort_unstable(keys, count, sizeof *keys, KEY_NAME(compare), NULL);
    KEY_NAME(to_values)(&radix, keys, count);
    return err;
}
