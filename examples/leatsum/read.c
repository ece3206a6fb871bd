/* SPDX-License-Identifier: MIT */
/* The readers: each takes a part of a batch, reads files into its buffer, has them hashed.
 *
 * A tiny file is hashed where it was read: it is still in the cache there. The buffer has two
 * halves. Small files are read one after another into the lower half, and are hashed with one call
 * of the compute pool. The first file that does not fit is streamed: while
 * one half is being hashed, the next is read into the other.
 *
 *     |a|bbbb|cc|d|e: begins here |  e: goes on here               |
 *     |         lower half        |           upper half           |
 *
 * Rejected: a task for each file (more switches than files), buffers by file size (then somebody
 * waits for memory, and the one who waits may be the one that is next to print). */
#include "pipeline.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* No further file is begun in the buffer beyond this: what was read should still be in the cache
 * of the core that hashes it. */
#define FILL_BYTES ((size_t)256 << 10)

/* Up to this size a file is hashed by its reader: 70 us with the processor's SHA instructions, for
 * which a worker may well be held. (Measured over the include tree, most of whose files are tiny:
 * handing them over too costs a tenth more CPU time, for the cache misses on another core.) */
#define TINY_BYTES ((size_t)128 << 10)

/* A file or standard input. */
struct input {
    struct item        *item;
    struct leat_file    file;
    struct leat_stream *stream; /* NULL when it is a file */
    uint64_t            offset; /* read so far */
};

/* One stretch of bytes to be hashed. */
struct chunk {
    struct hash         *hash;
    const unsigned char *data;
    size_t               bytes;
};

struct reader {
    struct pipeline *pipeline;
    struct hash     *hash;
    unsigned char   *buffer;
    size_t           half;
    struct part      whole; /* items whose contents stand in the buffer, one behind the other */
    size_t           used;  /* bytes of them, */
    unsigned         handed_over; /* and how many they are */
    struct input     cut;   /* the file that did not fit: cut.item is NULL when there is none, */
    size_t           cut_bytes; /* else so much of it stands behind them */
};

/* A cancel ends the reader; any other error is the item's. (A file's own error may be any number,
 * so it is not by the number that they are told apart.) */
static int fail_item(struct item *item, ssize_t err, const char *problem)
{
    int cancelled = leat_cancelled();

    if (cancelled < 0)
        return cancelled;
    item->err = (int)err;
    item->problem = problem;
    return 0;
}

/* ---- input ---------------------------------------------------------------------------------- */

/* Neither a link nor a FIFO that took the file's place since it was found can deceive or hold us:
 * O_NONBLOCK opens the FIFO, and reading it by position fails. */
static int open_input(struct input *input, const char *name, struct item *item)
{
    int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | (item->follow ? 0 : O_NOFOLLOW);
    int fd, err;

    *input = (struct input){ .item = item };
    if (item->kind == ITEM_FILE)
        return leat_file_open(&input->file, name, flags, 0);

    fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    err = leat_stream_open_fd(&input->stream, fd);
    if (err < 0)
        close(fd);
    return err;
}

static void close_input(struct input *input)
{
    if (input->stream != NULL)
        leat_close_stream(input->stream);
    else
        leat_file_close(&input->file);
}

/* Read until `bytes` bytes are there or the input ends. Returns the count or -errno. */
static ssize_t read_input(struct input *input, unsigned char *data, size_t bytes)
{
    size_t  got = 0;
    ssize_t n;

    while (got < bytes) {
        if (input->stream != NULL)
            n = leat_read(input->stream, data + got, bytes - got);
        else
            n = leat_file_read(&input->file, data + got, bytes - got, input->offset);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        got += (size_t)n;
        input->offset += (size_t)n;
    }
    return (ssize_t)got;
}

/* ---- whole files ---------------------------------------------------------------------------- */

/* On the compute pool. */
static int hash_whole(void *arg)
{
    struct reader       *reader = arg;
    const unsigned char *data = reader->buffer;

    for (unsigned i = reader->whole.first; i < reader->whole.end; i++) {
        struct item *item = &reader->whole.batch->items[i];
        int          err;

        if (item->err != 0 || item->hashed || item->kind == ITEM_BADLINE)
            continue;
        err = hash_all(reader->hash, data, item->bytes, item->digest);
        if (err < 0)
            return err;
        data += item->bytes;
    }
    return 0;
}

/* Read one item behind what the buffer holds. If it does not fit, it becomes reader->cut. */
static int read_item(struct reader *reader, const struct batch *batch, struct item *item)
{
    size_t       room = reader->half - reader->used;
    struct input input;
    ssize_t      n;
    int          err;

    item->hashed = false;
    if (item->kind != ITEM_FILE && item->kind != ITEM_STDIN)
        return 0;
    err = open_input(&input, item_name(batch, item), item);
    if (err < 0)
        return fail_item(item, err, NULL);
    n = read_input(&input, reader->buffer + reader->used, room);
    if (n >= 0 && (size_t)n == room) {
        reader->cut = input;
        reader->cut_bytes = room;
        return 0;
    }
    close_input(&input);
    if (n < 0) /* only what has no positions says ESPIPE: a FIFO, a socket, a terminal */
        return fail_item(item, n, n == -ESPIPE ? "Not a regular file" : NULL);
    item->bytes = (uint64_t)n;
    if ((size_t)n <= TINY_BYTES) {
        item->hashed = true;
        reader->pipeline->counts->bytes += (size_t)n;
        return hash_all(reader->hash, reader->buffer + reader->used, (size_t)n, item->digest);
    }
    reader->used += (size_t)n;
    reader->handed_over++;
    return 0;
}

/* Fill the buffer from the part, and have the files that fit hashed. Advances part->first. */
static int read_whole(struct reader *reader, struct part *part)
{
    struct pipeline *pipeline = reader->pipeline;
    unsigned         next = part->first;
    int              err = 0;

    reader->used = 0;
    reader->handed_over = 0;
    reader->cut.item = NULL;
    while (next < part->end && reader->cut.item == NULL && reader->used < FILL_BYTES &&
           reader->used < reader->half && err == 0)
        err = read_item(reader, part->batch, &part->batch->items[next++]);

    /* What is left may be much: let somebody else begin with it. */
    if (err == 0 && next < part->end &&
        leat_try_send(&pipeline->work, &(struct part){ part->batch, next, part->end }) == 0)
        part->end = next;

    reader->whole = (struct part){ part->batch, part->first,
                                   reader->cut.item != NULL ? next - 1 : next };
    if (err == 0 && reader->handed_over > 0)
        err = leat_compute(hash_whole, reader);
    pipeline->counts->bytes += reader->used;
    part->first = next;
    return err;
}

/* ---- streamed files ------------------------------------------------------------------------- */

static int hash_chunk(void *arg)
{
    struct chunk *chunk = arg;

    return hash_add(chunk->hash, chunk->data, chunk->bytes);
}

static int hash_chunk_elsewhere(void *arg)
{
    return leat_compute(hash_chunk, arg);
}

/* Hash `now` while the next chunk is read into `into`. Returns its bytes, 0 at the end. */
static ssize_t hash_and_read(struct reader *reader, struct chunk *now, unsigned char *into)
{
    ssize_t n;
    int     err;

    LEAT_SCOPE(scope);
    leat_spawn(&scope, hash_chunk_elsewhere, now);
    leat_yield(); /* lets it reach the compute pool before we read */
    n = read_input(&reader->cut, into, reader->half);
    err = leat_scope_join(&scope);
    return err < 0 ? err : n;
}

/* Did the file lose bytes while it was read? Sizes that were never true, as in /sys, are not it. */
static int check_size(struct input *input, off_t size_before)
{
    struct stat now;
    int         err;

    if (input->stream != NULL || input->offset >= (uint64_t)size_before)
        return 0;
    err = leat_file_stat(&input->file, &now);
    if (err < 0)
        return fail_item(input->item, err, NULL);
    if (now.st_size < size_before)
        return fail_item(input->item, -ESTALE, "File shrank while it was read");
    return 0;
}

static int stream_rest(struct reader *reader, off_t size)
{
    struct input *input = &reader->cut;
    struct chunk  chunk = { reader->hash, reader->buffer + reader->used, reader->cut_bytes };
    ssize_t       n;
    int           err = hash_begin(reader->hash);

    if (err < 0)
        return err;
    for (bool upper = true; chunk.bytes > 0; upper = !upper) {
        unsigned char *into = reader->buffer + (upper ? reader->half : 0);

        n = hash_and_read(reader, &chunk, into);
        if (n < 0)
            return fail_item(input->item, n, NULL);
        reader->pipeline->counts->bytes += chunk.bytes;
        chunk.data = into;
        chunk.bytes = (size_t)n;
    }
    input->item->bytes = input->offset;
    err = hash_end(reader->hash, input->item->digest);
    return err < 0 ? err : check_size(input, size);
}

static int read_cut(struct reader *reader)
{
    struct input *input = &reader->cut;
    struct stat   status = { 0 };
    int           err = input->stream == NULL ? leat_file_stat(&input->file, &status) : 0;

    if (err < 0)
        err = fail_item(input->item, err, NULL);
    else if (input->stream == NULL && !S_ISREG(status.st_mode)) /* such as /dev/zero */
        err = fail_item(input->item, -ENODEV, "Not a regular file");
    else
        err = stream_rest(reader, status.st_size);
    close_input(input);
    return err;
}

/* ---- the task ------------------------------------------------------------------------------- */

/* Whoever finishes the last item of a batch passes it on. */
static int finish(struct pipeline *pipeline, struct batch *batch, unsigned items)
{
    bool last = atomic_fetch_sub(&batch->unfinished, items) == items;

    pipeline->counts->done += items;
    return last ? leat_send(&pipeline->done, &batch) : 0;
}

static int read_part(struct reader *reader, struct part part)
{
    int err = 0;

    while (part.first < part.end && err == 0) {
        unsigned first = part.first;

        err = read_whole(reader, &part);
        if (reader->cut.item != NULL) {
            if (err == 0)
                err = read_cut(reader);
            else
                close_input(&reader->cut);
        }
        if (err == 0)
            err = finish(reader->pipeline, part.batch, part.first - first);
    }
    return err;
}

int read_parts(struct pipeline *pipeline)
{
    struct reader reader = {
        .pipeline = pipeline,
        .half = pipeline->buffer_bytes / 2,
        .buffer = malloc(pipeline->buffer_bytes),
        .hash = hash_create(),
    };
    struct part part;
    int         err = -ENOMEM;

    if (reader.buffer != NULL && reader.hash != NULL) {
        while ((err = leat_recv(&pipeline->work, &part)) == 0) {
            err = read_part(&reader, part);
            if (err < 0)
                break;
        }
    }
    hash_destroy(reader.hash);
    free(reader.buffer);
    return err == -EPIPE ? 0 : err; /* closed: everything is printed */
}
