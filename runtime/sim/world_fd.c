/* SPDX-License-Identifier: MIT */
/* Descriptors, open files, pipes: see world.h. */
#include "sim/world.h"

#include "base/check.h"
#include "sim/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

void leat__world_bytes_init(struct leat__world_bytes *bytes, size_t room)
{
    *bytes = (struct leat__world_bytes){ .data = leat__world_alloc(NULL, room), .room = room };
}

size_t leat__world_bytes_put(struct leat__world_bytes *bytes, const void *data, size_t count)
{
    const unsigned char *from = data;

    if (count > bytes->room - bytes->count)
        count = bytes->room - bytes->count;
    for (size_t i = 0; i < count; i++)
        bytes->data[(bytes->first + bytes->count + i) % bytes->room] = from[i];
    bytes->count += count;
    leat__world.sent += count;
    return count;
}

size_t leat__world_bytes_get(struct leat__world_bytes *bytes, void *data, size_t count, bool keep)
{
    unsigned char *to = data;

    if (count > bytes->count)
        count = bytes->count;
    for (size_t i = 0; i < count; i++)
        to[i] = bytes->data[(bytes->first + i) % bytes->room];
    if (!keep) {
        bytes->first = (bytes->first + count) % bytes->room;
        bytes->count -= count;
        leat__world.received += count;
    }
    return count;
}

void leat__world_bytes_lose(struct leat__world_bytes *bytes)
{
    leat__world.lost += bytes->count;
    free(bytes->data);
    *bytes = (struct leat__world_bytes){ 0 };
}

/* ---- descriptors ---- */

struct leat__world_open *leat__world_open_at(int fd)
{
    if (fd < LEAT__WORLD_FD || fd >= LEAT__WORLD_FD + LEAT__WORLD_FDS_MAX)
        return NULL;
    return leat__world.fds[fd - LEAT__WORLD_FD];
}

struct leat__world_open *leat__world_open_new(enum leat__world_open_kind kind, int flags)
{
    struct leat__world_open *open = leat__world_alloc(NULL, sizeof *open);

    *open = (struct leat__world_open){ .kind = kind, .flags = flags, .refs = 1 };
    return open;
}

int leat__world_fd_new(struct leat__world_open *open)
{
    for (int i = 0; i < LEAT__WORLD_FDS_MAX; i++) {
        if (leat__world.fds[i])
            continue;
        leat__world.fds[i] = open;
        leat__world.owners[i] = leat__world_owner();
        leat__world.open_count++;
        return LEAT__WORLD_FD + i;
    }
    leat__world_open_drop(open);
    return -EMFILE;
}

pid_t leat__world_owner(void)
{
    return leat__sim_process_id();
}

int leat__world_fd_copy(int fd, pid_t owner)
{
    struct leat__world_open *open = leat__world_open_at(fd);

    if (!open)
        return -EBADF;
    open->refs++;
    fd = leat__world_fd_new(open);
    if (fd >= 0)
        leat__world.owners[fd - LEAT__WORLD_FD] = owner;
    return fd;
}

void leat__world_close_of(pid_t owner)
{
    for (int i = 0; i < LEAT__WORLD_FDS_MAX; i++)
        if (leat__world.fds[i] && leat__world.owners[i] == owner)
            (void)leat__world_close(LEAT__WORLD_FD + i);
}

static void drop_pipe(struct leat__world_pipe *pipe)
{
    if (pipe->readers > 0 || pipe->writers > 0)
        return;
    leat__world_bytes_lose(&pipe->bytes);
    free(pipe);
}

void leat__world_open_drop(struct leat__world_open *open)
{
    if (--open->refs > 0)
        return;
    switch (open->kind) {
    case LEAT__WORLD_OPEN_NODE:
        open->node->refs--;
        leat__world_node_drop(open->node);
        break;
    case LEAT__WORLD_OPEN_READER:
        open->pipe->readers--;
        drop_pipe(open->pipe);
        break;
    case LEAT__WORLD_OPEN_WRITER:
        open->pipe->writers--;
        drop_pipe(open->pipe);
        break;
    case LEAT__WORLD_OPEN_SOCKET:
        leat__world_socket_drop(open->socket);
        break;
    case LEAT__WORLD_OPEN_MEMORY:
        leat__world_memory_drop(open->memory);
        break;
    case LEAT__WORLD_OPEN_BELL:
        break;
    }
    free(open);
    leat__world_changed();
}

int leat__world_close(int fd)
{
    struct leat__world_open *open = leat__world_open_at(fd);

    if (!open)
        return -EBADF;
    leat__world.fds[fd - LEAT__WORLD_FD] = NULL;
    leat__world.open_count--;
    leat__world_open_drop(open);
    return 0;
}

/* ---- pipes ---- */

int leat__world_pipe(int fds[2])
{
    struct leat__world_pipe *pipe = leat__world_alloc(NULL, sizeof *pipe);
    struct leat__world_open *reader = leat__world_open_new(LEAT__WORLD_OPEN_READER, O_RDONLY);
    struct leat__world_open *writer = leat__world_open_new(LEAT__WORLD_OPEN_WRITER, O_WRONLY);

    *pipe = (struct leat__world_pipe){ .readers = 1, .writers = 1 };
    leat__world_bytes_init(&pipe->bytes, leat__world.buffer_bytes);
    reader->pipe = pipe;
    writer->pipe = pipe;
    fds[0] = leat__world_fd_new(reader);
    fds[1] = leat__world_fd_new(writer);
    if (fds[0] >= 0 && fds[1] >= 0)
        return 0;
    (void)leat__world_close(fds[0]);
    (void)leat__world_close(fds[1]);
    return -EMFILE;
}

/* F_SETPIPE_SZ: in pages, and not below what is there. */
int leat__world_pipe_room(struct leat__world_open *open, size_t room)
{
    struct leat__world_bytes bigger;

    if (open->kind != LEAT__WORLD_OPEN_READER && open->kind != LEAT__WORLD_OPEN_WRITER)
        return -EBADF;
    room = (room + 4095) / 4096 * 4096;
    if (room < open->pipe->bytes.count)
        return -EBUSY;
    leat__world_bytes_init(&bigger, room);
    for (size_t i = 0; i < open->pipe->bytes.count; i++) {
        size_t at = (open->pipe->bytes.first + i) % open->pipe->bytes.room;

        bigger.data[i] = open->pipe->bytes.data[at];
    }
    bigger.count = open->pipe->bytes.count;
    free(open->pipe->bytes.data);
    open->pipe->bytes = bigger;
    leat__world_changed();
    return (int)room;
}

/* As much goes in at once or not at all. */
static size_t whole(const struct leat__world_pipe *pipe)
{
    return pipe->bytes.room < PIPE_BUF ? pipe->bytes.room : PIPE_BUF;
}

int leat__world_pipe_read(struct leat__world_open *open, void *data, size_t bytes)
{
    struct leat__world_pipe *pipe = open->pipe;

    if (open->kind != LEAT__WORLD_OPEN_READER)
        return -EBADF;
    if (bytes == 0)
        return 0;
    if (pipe->bytes.count == 0)
        return pipe->writers > 0 ? -EAGAIN : 0;
    bytes = leat__world_bytes_get(&pipe->bytes, data, bytes, false);
    leat__world_changed();
    return (int)bytes;
}

int leat__world_pipe_write(struct leat__world_open *open, const void *data, size_t bytes)
{
    struct leat__world_pipe *pipe = open->pipe;

    if (open->kind != LEAT__WORLD_OPEN_WRITER)
        return -EBADF;
    if (bytes == 0)
        return 0;
    if (pipe->readers == 0)
        return -EPIPE;
    if (pipe->bytes.count == pipe->bytes.room ||
        (bytes <= whole(pipe) && bytes > pipe->bytes.room - pipe->bytes.count))
        return -EAGAIN;
    bytes = leat__world_bytes_put(&pipe->bytes, data, bytes);
    leat__world_changed();
    return (int)bytes;
}

/* ---- polls ---- */

unsigned leat__world_events(const struct leat__world_open *open)
{
    const struct leat__world_pipe *pipe = open->pipe;
    unsigned events = 0;

    switch (open->kind) {
    case LEAT__WORLD_OPEN_NODE:
    case LEAT__WORLD_OPEN_MEMORY:
        return POLLIN | POLLOUT;
    case LEAT__WORLD_OPEN_READER:
        return (pipe->bytes.count > 0 ? POLLIN : 0u) | (pipe->writers == 0 ? POLLHUP : 0u);
    case LEAT__WORLD_OPEN_WRITER:
        if (pipe->bytes.room - pipe->bytes.count >= whole(pipe) || pipe->readers == 0)
            events |= POLLOUT;
        return events | (pipe->readers == 0 ? POLLERR : 0u);
    case LEAT__WORLD_OPEN_SOCKET:
        return leat__world_socket_events(open->socket);
    case LEAT__WORLD_OPEN_BELL:
        return open->rung ? POLLIN : 0;
    }
    return events;
}
