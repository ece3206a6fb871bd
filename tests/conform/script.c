/* SPDX-License-Identifier: MIT */
/* What scripts are written with: see script.h. */
#include "conform/script.h"

#include <leat/error.h>

#include <ctype.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATHS_MAX 16

static struct script *first;

void script_register(struct script *script)
{
    struct script **at = &first;

    while (*at && strcmp((*at)->name, script->name) < 0)
        at = &(*at)->next;
    script->next = *at;
    *at = script;
}

struct script *script_first(void)
{
    return first;
}

/* ---- notes ---- */

static __attribute__((format(printf, 2, 3))) void add(struct script *script, const char *format,
                                                      ...)
{
    size_t room = sizeof script->text - script->bytes;
    va_list list;
    int bytes;

    va_start(list, format);
    bytes = vsnprintf(script->text + script->bytes, room, format, list);
    va_end(list);
    script->bytes += (size_t)bytes < room ? (size_t)bytes : room - 1;
}

void note(struct script *script, const char *what, long long result)
{
    if (result < 0)
        add(script, "    %s: %s\n", what, leat_error_name((int)result));
    else
        add(script, "    %s: %lld\n", what, result);
}

/* FNV-1a. */
static uint32_t hash_of(const unsigned char *data, size_t bytes)
{
    uint32_t hash = UINT32_C(2166136261);

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ data[i]) * UINT32_C(16777619);
    return hash;
}

void note_bytes(struct script *script, const char *what, long long result, const void *data)
{
    char text[33];

    if (result <= 0) {
        note(script, what, result);
        return;
    }
    if (result >= (long long)sizeof text) {
        add(script, "    %s: %lld hash %08x\n", what, result, hash_of(data, (size_t)result));
        return;
    }
    for (size_t i = 0; i < (size_t)result; i++)
        text[i] = isprint(((const unsigned char *)data)[i]) ? ((const char *)data)[i] : '.';
    add(script, "    %s: %lld %.*s\n", what, result, (int)result, text);
}

void note_read(struct script *script, const char *what, int fd, size_t bytes)
{
    char data[256];

    note_bytes(script, what, do_read(fd, data, bytes), data);
}

/* ---- operations ---- */

int do_read(int fd, void *data, size_t bytes)
{
    struct leat__op op = { .code = LEAT__OP_READ, .fd = fd, .data = data, .bytes = bytes };

    return leat__op_run(&op);
}

int do_write(int fd, const void *data, size_t bytes)
{
    struct leat__op op = { .code = LEAT__OP_WRITE, .fd = fd, .source = data, .bytes = bytes,
                           .direct = true };

    return leat__op_run(&op);
}

int do_recv(int fd, void *data, size_t bytes, int flags)
{
    struct leat__op op = { .code = LEAT__OP_RECV, .fd = fd, .data = data, .bytes = bytes,
                           .flags = flags };

    return leat__op_run(&op);
}

int do_send(int fd, const void *data, size_t bytes, int flags)
{
    struct leat__op op = { .code = LEAT__OP_SEND, .fd = fd, .source = data, .bytes = bytes,
                           .flags = flags, .direct = true };

    return leat__op_run(&op);
}

int do_poll(int fd, int events)
{
    struct leat__op op = { .code = LEAT__OP_POLL, .fd = fd, .flags = events };

    return leat__op_run(&op);
}

int do_accept(int fd)
{
    struct leat__op op = { .code = LEAT__OP_ACCEPT, .fd = fd, .flags = SOCK_NONBLOCK };

    return leat__op_run(&op);
}

int do_close(int fd)
{
    struct leat__op op = { .code = LEAT__OP_CLOSE, .fd = fd };

    return leat__op_run(&op);
}

/* ---- what scripts need ---- */

void script_expect(struct script *script, const char *what, bool held)
{
    if (!held)
        add(script, "    the script itself failed: %s\n", what);
}

void script_pipe(struct script *script, int fds[2])
{
    script_expect(script, "pipe2", pipe2(fds, O_CLOEXEC) == 0);
}

void script_pair(struct script *script, int fds[2])
{
    script_expect(script, "socketpair",
                  socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
}

const char *script_path(struct script *script, const char *name)
{
    static char paths[PATHS_MAX][512];
    static unsigned next;
    char *path = paths[next++ % PATHS_MAX];

    snprintf(path, sizeof paths[0], "%s/%s", script->folder, name);
    return path;
}

void script_begin(struct leat_scope *scope, int (*fn)(void *arg), void *arg)
{
    leat_spawn(scope, fn, arg);
    for (int i = 0; i < 4; i++)
        leat_yield();
}
