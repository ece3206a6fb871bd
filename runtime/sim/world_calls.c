/* SPDX-License-Identifier: MIT */
/* System calls that are no operations of the reactor's, under the names of world_names.h: into the
 * world while a simulation runs, for its descriptors and for all paths; else to the kernel. */
#include "sim/world_calls.h"

#include "sim/sim.h"
#include "sim/world.h"

#include <leat/testing.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As the C library has it. */
static int outcome(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

static struct leat__world_socket *socket_at(int fd)
{
    struct leat__world_open *open = leat__world_open_at(fd);

    errno = open ? ENOTSOCK : EBADF;
    return open && open->kind == LEAT__WORLD_OPEN_SOCKET ? open->socket : NULL;
}

/* A descriptor that is to be had anew: the process, or the system, may be out of them. */
static bool is_out_of_descriptors(unsigned of, const char *what)
{
    int err = leat__world_wrong(LEAT__SIM_DESCRIPTOR, of, leat__sim_config()->io_error, what);

    if (err)
        errno = -err;
    return err != 0;
}

/* ---- sockets ---- */

int leat__sim_socket(int family, int type, int protocol)
{
    if (!leat__sim_on)
        return socket(family, type, protocol);
    if (is_out_of_descriptors(LEAT__OF_SOCKET, "socket"))
        return -1;
    return outcome(leat__world_socket_new(family, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

int leat__sim_socketpair(int family, int type, int protocol, int fds[2])
{
    if (!leat__sim_on)
        return socketpair(family, type, protocol, fds);
    return outcome(leat__world_socket_pair(type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), fds));
}

int leat__sim_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
    struct leat__world_socket *socket;

    if (!leat__sim_on)
        return bind(fd, address, bytes);
    socket = socket_at(fd);
    return socket ? outcome(leat__world_bind(socket, address, bytes)) : -1;
}

int leat__sim_listen(int fd, int backlog)
{
    struct leat__world_socket *socket;

    if (!leat__sim_on)
        return listen(fd, backlog);
    socket = socket_at(fd);
    return socket ? outcome(leat__world_listen(socket, backlog)) : -1;
}

int leat__sim_shutdown(int fd, int how)
{
    struct leat__world_socket *socket;

    if (!leat__sim_on)
        return shutdown(fd, how);
    socket = socket_at(fd);
    return socket ? outcome(leat__world_shutdown(socket, how)) : -1;
}

int leat__sim_setsockopt(int fd, int level, int name, const void *value, socklen_t bytes)
{
    struct leat__world_socket *socket;
    struct linger linger;

    if (!leat__sim_on)
        return setsockopt(fd, level, name, value, bytes);
    socket = socket_at(fd);
    if (!socket)
        return -1;
    if (level == SOL_SOCKET && name == SO_LINGER && bytes == sizeof linger) {
        memcpy(&linger, value, sizeof linger);
        socket->linger_none = linger.l_onoff && linger.l_linger == 0;
    }
    if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY && bytes == sizeof(int)) {
        int only;

        memcpy(&only, value, sizeof only);
        socket->only_six = only != 0;
    }
    return 0; /* the others change no byte */
}

static int tell_name(const struct sockaddr_storage *name, socklen_t name_bytes,
                     struct sockaddr *ret, socklen_t *bytes)
{
    memcpy(ret, name, *bytes < name_bytes ? *bytes : name_bytes);
    *bytes = name_bytes;
    return 0;
}

int leat__sim_getsockname(int fd, struct sockaddr *ret, socklen_t *bytes)
{
    struct leat__world_socket *socket;

    if (!leat__sim_on)
        return getsockname(fd, ret, bytes);
    socket = socket_at(fd);
    return socket ? tell_name(&socket->local, socket->local_bytes, ret, bytes) : -1;
}

int leat__sim_getpeername(int fd, struct sockaddr *ret, socklen_t *bytes)
{
    struct leat__world_socket *socket;

    if (!leat__sim_on)
        return getpeername(fd, ret, bytes);
    socket = socket_at(fd);
    if (!socket)
        return -1;
    if (socket->state != LEAT__WORLD_CONNECTED || socket->closed)
        return outcome(-ENOTCONN);
    return tell_name(&socket->remote, socket->remote_bytes, ret, bytes);
}

/* Names are asked of nobody: "localhost" is here, and nothing else is. */
int leat__sim_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                          struct addrinfo **ret)
{
    struct addrinfo numeric;
    int how;

    if (!leat__sim_on || (hints && hints->ai_flags & AI_NUMERICHOST))
        return getaddrinfo(host, service, hints, ret);
    how = leat__world_wrong(LEAT__SIM_NAME, 0, leat__sim_config()->io_error, "getaddrinfo");
    if (how)
        return how == LEAT__WAY_FAIL ? EAI_FAIL : EAI_AGAIN;
    if (!host || strcmp(host, "localhost") != 0)
        return EAI_NONAME;
    numeric = hints ? *hints : (struct addrinfo){ 0 };
    numeric.ai_flags |= AI_NUMERICHOST;
    return getaddrinfo("127.0.0.1", service, &numeric, ret);
}

/* ---- descriptors ---- */

int leat__sim_pipe2(int fds[2], int flags)
{
    if (!leat__sim_on)
        return pipe2(fds, flags);
    return outcome(leat__world_pipe(fds));
}

int leat__sim_close(int fd)
{
    if (!leat__sim_on || (fd >= 0 && fd < LEAT__WORLD_FD))
        return close(fd);
    return outcome(leat__world_close(fd));
}

int leat__sim_fcntl(int fd, int command, ...)
{
    struct leat__world_open *open;
    va_list list;
    long arg;

    va_start(list, command);
    arg = va_arg(list, long);
    va_end(list);
    if (!leat__sim_on || (fd >= 0 && fd < LEAT__WORLD_FD))
        return fcntl(fd, command, arg);
    open = leat__world_open_at(fd);
    if (!open)
        return outcome(-EBADF);
    switch (command) {
    case F_GETFL:
        return open->flags;
    case F_SETFL:
        open->flags = (open->flags & O_ACCMODE) | ((int)arg & (O_NONBLOCK | O_APPEND));
        return 0;
    case F_GETFD:
        return FD_CLOEXEC;
    case F_SETFD:
        return 0;
    case F_GETPIPE_SZ:
        return open->kind == LEAT__WORLD_OPEN_READER || open->kind == LEAT__WORLD_OPEN_WRITER
                   ? (int)open->pipe->bytes.room
                   : outcome(-EBADF);
    case F_ADD_SEALS:
        return outcome(open->kind == LEAT__WORLD_OPEN_MEMORY
                           ? leat__world_memory_seal(open->memory, (int)arg)
                           : -EINVAL);
    case F_GET_SEALS:
        return open->kind == LEAT__WORLD_OPEN_MEMORY ? open->memory->seals : outcome(-EINVAL);
    case F_SETPIPE_SZ:
        return outcome(leat__world_pipe_room(open, (size_t)arg));
    default:
        return outcome(-EINVAL);
    }
}

/* By a caller who does not care to wait: a test's own preparations. */
ssize_t leat__sim_write(int fd, const void *data, size_t bytes)
{
    struct leat__world_open *open;

    if (!leat__sim_on || (fd >= 0 && fd < LEAT__WORLD_FD))
        return write(fd, data, bytes);
    open = leat__world_open_at(fd);
    if (!open)
        return outcome(-EBADF);
    if (open->kind == LEAT__WORLD_OPEN_SOCKET)
        return outcome(leat__world_send(open->socket, data, bytes));
    if (open->kind == LEAT__WORLD_OPEN_MEMORY)
        return outcome(leat__world_memory_write(open, data, bytes));
    if (open->kind == LEAT__WORLD_OPEN_NODE)
        return outcome(leat__world_file_write(open, data, bytes, open->position));
    return outcome(leat__world_pipe_write(open, data, bytes));
}

/* ---- names ---- */

int leat__sim_openat(int dir_fd, const char *path, int flags, ...)
{
    va_list list;
    unsigned mode = 0;

    va_start(list, flags);
    if (flags & O_CREAT)
        mode = va_arg(list, unsigned);
    va_end(list);
    if (!leat__sim_on)
        return openat(dir_fd, path, flags, mode);
    if (is_out_of_descriptors(0, "openat"))
        return -1;
    return outcome(leat__world_openat(dir_fd, path, flags, mode));
}

int leat__sim_fstatat(int dir_fd, const char *path, struct stat *ret, int flags)
{
    if (!leat__sim_on)
        return fstatat(dir_fd, path, ret, flags);
    return outcome(leat__world_stat(dir_fd, path, flags, ret));
}

int leat__sim_stat(const char *path, struct stat *ret)
{
    return leat__sim_fstatat(AT_FDCWD, path, ret, 0);
}

int leat__sim_fstat(int fd, struct stat *ret)
{
    if (!leat__sim_on || (fd >= 0 && fd < LEAT__WORLD_FD))
        return fstat(fd, ret);
    return outcome(leat__world_stat(fd, "", AT_EMPTY_PATH, ret));
}

ssize_t leat__sim_getdents64(int fd, void *data, size_t bytes)
{
    struct leat__world_open *open;
    int err;

    if (!leat__sim_on)
        return getdents64(fd, data, bytes);
    open = leat__world_open_at(fd);
    if (!open)
        return outcome(-EBADF);
    err = leat__world_wrong(LEAT__SIM_FOLDER, 0, leat__sim_config()->io_error, "getdents");
    if (err)
        return outcome(err);
    return outcome((int)leat__world_dents(open, data, bytes));
}

int leat__sim_unlink(const char *path)
{
    return leat__sim_on ? outcome(leat__world_unlink(path, false)) : unlink(path);
}

int leat__sim_rmdir(const char *path)
{
    return leat__sim_on ? outcome(leat__world_unlink(path, true)) : rmdir(path);
}

int leat__sim_mkdir(const char *path, mode_t mode)
{
    return leat__sim_on ? outcome(leat__world_make(path, LEAT__WORLD_FOLDER, mode, NULL, NULL))
                        : mkdir(path, mode);
}

int leat__sim_symlink(const char *target, const char *path)
{
    return leat__sim_on ? outcome(leat__world_make(path, LEAT__WORLD_LINK, 0777, target, NULL))
                        : symlink(target, path);
}

/* ---- for programs: leat/testing.h ---- */

int leat_sim_pipe(int fds[2])
{
    return leat__sim_pipe2(fds, O_CLOEXEC) < 0 ? -errno : 0;
}

int leat_sim_pair(int fds[2])
{
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

    return leat__sim_socketpair(AF_UNIX, type, 0, fds) < 0 ? -errno : 0;
}

int leat_sim_close(int fd)
{
    return leat__sim_close(fd) < 0 ? -errno : 0;
}

int leat_sim_file(const char *path, const void *data, size_t bytes)
{
    if (!leat__sim_on)
        return -EPERM;
    leat__sim_world_file(path, data, bytes);
    return 0;
}
