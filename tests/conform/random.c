/* SPDX-License-Identifier: MIT */
/* A script that a seed writes: calls on pipes, sockets and files in any order, sensible or not. It
 * makes no call that could wait, so that what it notes depends on nothing but the calls. */
#include "base/random.h"
#include "conform/script.h"
#include "reactor/call.h"

#include <leat/file.h>
#include <leat/select.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENDS  6 /* pairs of them: 0 and 1, 2 and 3 .. */
#define FILES 3
#define STEPS 60
#define NAMES 5

struct world {
    struct script      *script;
    struct leat__random random;
    struct {
        int  fd; /* -1: none */
        bool socket, writes;
    } end[ENDS];
    int  file[FILES];
    char names[NAMES][8];
};

static uint32_t below(struct world *world, uint32_t n)
{
    return leat__random_below(&world->random, n);
}

static void tell(struct world *world, const char *what, int number, long long result)
{
    char text[64];

    snprintf(text, sizeof text, "%s %d", what, number);
    note(world->script, text, result);
}

static void tell_bytes(struct world *world, const char *what, int number, long long result,
                       const void *data)
{
    char text[64];

    snprintf(text, sizeof text, "%s %d", what, number);
    note_bytes(world->script, text, result, data);
}

static int errno_of(int result)
{
    return result < 0 ? -errno : result;
}

/* ---- ends of pipes and sockets ---- */

static void make_pair(struct world *world, int i)
{
    uint32_t kind;
    int fds[2];

    i &= ~1;
    if (world->end[i].fd >= 0 || world->end[i + 1].fd >= 0)
        return;
    kind = below(world, 4);
    world->end[i].socket = world->end[i + 1].socket = kind > 1;
    if (kind == 3)
        script_tcp(world->script, fds);
    else if (kind == 2)
        script_pair(world->script, fds);
    else
        script_pipe(world->script, fds);
    for (int k = 0; k < 2; k++) {
        world->end[i + k].fd = fds[k];
        world->end[i + k].writes = world->end[i].socket || k == 1;
    }
    tell(world, kind == 3 ? "connection" : kind == 2 ? "sockets" : "pipe", i, 0);
}

static void fill_data(struct world *world, char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        data[i] = (char)('a' + below(world, 26));
}

static void write_end(struct world *world, int i, uint32_t how)
{
    char data[200];
    size_t bytes = below(world, sizeof data);
    int fd = world->end[i].fd, result;

    fill_data(world, data, bytes);
    if (how == 0)
        result = do_send(fd, data, bytes, 0);
    else
        result = do_write(fd, data, bytes);
    tell(world, how == 0 ? "send" : "write", i, result);
}

static void read_end(struct world *world, int i, uint32_t how)
{
    char data[256];
    size_t bytes = 1 + below(world, sizeof data);
    int fd = world->end[i].fd;
    struct leat__op poll = { .code = LEAT__OP_POLL, .fd = fd, .flags = POLLIN };
    int result = fd < 0 ? POLLIN : leat__op_attempt(&poll, false); /* poll(2) passes over -1 */

    if (result == -EAGAIN) {
        tell(world, "nothing to read at", i, 0);
    } else if (how == 0) {
        tell_bytes(world, "peek", i, result = do_recv(fd, data, bytes, MSG_PEEK), data);
    } else if (how == 1) {
        tell_bytes(world, "receive", i, result = do_recv(fd, data, bytes, 0), data);
    } else {
        tell_bytes(world, "read", i, result = do_read(fd, data, bytes), data);
    }
}

static void poll_end(struct world *world, int i)
{
    static const short masks[] = { POLLIN, POLLOUT, POLLIN | POLLOUT, 0, POLLRDHUP | POLLIN };
    struct leat__op op = { .code = LEAT__OP_POLL, .fd = world->end[i].fd,
                           .flags = masks[below(world, 5)] };

    if (op.fd >= 0)
        tell(world, "poll", i, leat__op_attempt(&op, false));
}

static void close_end(struct world *world, int i)
{
    tell(world, "close", i, do_close(world->end[i].fd));
    world->end[i].fd = -1;
}

static void use_end(struct world *world)
{
    int i = (int)below(world, ENDS);

    switch (below(world, 12)) {
    case 0:
    case 1:
        make_pair(world, i);
        break;
    case 2:
        if (below(world, 3) == 0)
            close_end(world, i);
        break;
    case 3:
        poll_end(world, i);
        break;
    case 4:
        if (below(world, 3) == 0)
            tell(world, "shutdown", i,
                 errno_of(shutdown(world->end[i].fd, (int)below(world, 3))));
        break;
    case 5:
        if (world->end[i].socket) {
            char data[100];

            tell_bytes(world, "receive now", i,
                       do_recv(world->end[i].fd, data, sizeof data, MSG_DONTWAIT), data);
        }
        break;
    case 6:
    case 7:
    case 8:
        write_end(world, i, below(world, 4));
        break;
    default:
        read_end(world, i, below(world, 5));
        break;
    }
}

/* ---- files ---- */

static const char *a_path(struct world *world)
{
    const char *name = world->names[below(world, NAMES)];
    char path[32];

    switch (below(world, 8)) {
    case 0:
        snprintf(path, sizeof path, "%s/%s", name, world->names[below(world, NAMES)]);
        break;
    case 1:
        snprintf(path, sizeof path, "%s/", name);
        break;
    case 2:
        snprintf(path, sizeof path, "./%s", name);
        break;
    default:
        snprintf(path, sizeof path, "%s", name);
        break;
    }
    return script_path(world->script, path);
}

static void open_file(struct world *world, int i)
{
    static const int access[] = { O_RDONLY, O_WRONLY, O_RDWR };
    static const int more[] = { O_EXCL, O_TRUNC, O_APPEND, O_DIRECTORY, O_NOFOLLOW };
    int flags = access[below(world, 3)] | (below(world, 2) ? O_CREAT : 0);
    struct leat__op op = { .code = LEAT__OP_OPEN_AT, .fd = AT_FDCWD, .path = a_path(world),
                           .mode = 0600, .direct = true };
    char text[100];
    int fd;

    for (size_t k = 0; k < sizeof more / sizeof more[0]; k++)
        flags |= below(world, 5) ? 0 : more[k];
    if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
        flags &= ~O_DIRECTORY; /* kernels do not agree about that */
    if ((flags & O_EXCL) && !(flags & O_CREAT))
        flags &= ~O_EXCL; /* says nothing */
    op.flags = flags;
    fd = leat__op_run(&op);
    snprintf(text, sizeof text, "open %d, flags %#o, %s", i, (unsigned)flags,
             op.path + strlen(world->script->folder));
    note(world->script, text, fd < 0 ? fd : 0);
    world->file[i] = fd < 0 ? -1 : fd;
}

static void use_open_file(struct world *world, int i)
{
    char data[256];
    struct leat__op op = { .fd = world->file[i], .data = data, .bytes = below(world, 256),
                           .offset = below(world, 600), .direct = true };
    struct statx status;
    int err;

    switch (below(world, 7)) {
    case 0:
    case 1:
        op.code = LEAT__OP_READ_AT;
        tell_bytes(world, "read at", i, leat__op_run(&op), data);
        break;
    case 2:
    case 3:
        fill_data(world, data, op.bytes);
        op.code = LEAT__OP_WRITE_AT;
        tell(world, "write at", i, leat__op_run(&op));
        break;
    case 4:
        op.code = below(world, 2) ? LEAT__OP_READ : LEAT__OP_WRITE;
        fill_data(world, data, op.bytes);
        tell(world, op.code == LEAT__OP_READ ? "read" : "write", i, leat__op_run(&op));
        break;
    case 5:
        op = (struct leat__op){ .code = LEAT__OP_STAT_AT, .fd = world->file[i], .path = "",
                                .flags = AT_EMPTY_PATH, .mode = STATX_BASIC_STATS,
                                .statx = &status, .direct = true };
        err = leat__op_run(&op);
        tell(world, "stat", i, err);
        if (!err && S_ISREG(status.stx_mode)) {
            tell(world, "size", i, (long long)status.stx_size);
            tell(world, "links", i, status.stx_nlink);
        }
        break;
    default:
        tell(world, "close", i, do_close(world->file[i]));
        world->file[i] = -1;
        break;
    }
}

static void use_name(struct world *world)
{
    const char *path = a_path(world), *shown = path + strlen(world->script->folder);
    const char *target = world->names[below(world, NAMES)];
    struct stat status;
    char text[100];
    int result;

    switch (below(world, 5)) {
    case 0:
        snprintf(text, sizeof text, "unlink %s", shown);
        note(world->script, text, errno_of(unlink(path)));
        break;
    case 1:
        snprintf(text, sizeof text, "mkdir %s", shown);
        note(world->script, text, errno_of(mkdir(path, 0700)));
        break;
    case 2:
        snprintf(text, sizeof text, "rmdir %s", shown);
        note(world->script, text, errno_of(rmdir(path)));
        break;
    case 3:
        snprintf(text, sizeof text, "symlink to %s at %s", target, shown);
        note(world->script, text, errno_of(symlink(target, path)));
        break;
    default:
        result = leat_file_stat_path(path, below(world, 2) > 0, &status);
        snprintf(text, sizeof text, "stat %s", shown);
        note(world->script, text, result ? result : (long long)(status.st_mode & S_IFMT));
        break;
    }
}

static void clean_up(struct world *world)
{
    for (int i = 0; i < ENDS; i++)
        if (world->end[i].fd >= 0)
            close_end(world, i);
    for (int i = 0; i < FILES; i++)
        if (world->file[i] >= 0)
            (void)do_close(world->file[i]);
    for (int depth = 0; depth < 2; depth++)
        for (int i = 0; i < NAMES * NAMES; i++) {
            char path[32];

            snprintf(path, sizeof path, "%s/%s", world->names[i / NAMES], world->names[i % NAMES]);
            (void)unlink(script_path(world->script, path));
            (void)rmdir(script_path(world->script, path));
            (void)unlink(script_path(world->script, world->names[i / NAMES]));
            (void)rmdir(script_path(world->script, world->names[i / NAMES]));
        }
}

void script_random(struct script *script, uint64_t seed)
{
    struct world world = { .script = script };

    leat__random_init(&world.random, seed);
    for (int i = 0; i < ENDS; i++)
        world.end[i].fd = -1;
    for (int i = 0; i < FILES; i++)
        world.file[i] = -1;
    for (int i = 0; i < NAMES; i++)
        snprintf(world.names[i], sizeof world.names[i], "n%d", i);
    for (int step = 0; step < STEPS; step++) {
        int i = (int)below(&world, FILES);

        if (below(&world, 2))
            use_end(&world);
        else if (below(&world, 4) == 0)
            use_name(&world);
        else if (world.file[i] < 0)
            open_file(&world, i);
        else
            use_open_file(&world, i);
    }
    clean_up(&world);
}
