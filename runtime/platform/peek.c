/* SPDX-License-Identifier: MIT */
/* See peek.h. process_vm_readv where it is allowed (of one's own process it needs no privilege, but
 * filters of system calls may know better); else a pipe, into which write(2) refuses to copy what
 * is not there. */
#include "platform/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PIPE_PIECE 4096 /* fits into any pipe that is empty */

static bool read_by_pipe(const char *at, char *to, size_t bytes)
{
    int fds[2];
    bool all = true;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return false;
    while (all && bytes > 0) {
        size_t piece = bytes < PIPE_PIECE ? bytes : PIPE_PIECE;

        all = syscall(SYS_write, fds[1], at, piece) == (long)piece &&
              read(fds[0], to, piece) == (ssize_t)piece;
        at += piece;
        to += piece;
        bytes -= piece;
    }
    close(fds[0]);
    close(fds[1]);
    return all;
}

bool leat__peek(const void *at, void *to, size_t bytes)
{
    struct iovec local = { .iov_base = to, .iov_len = bytes };
    struct iovec remote = { .iov_base = (void *)(uintptr_t)at, .iov_len = bytes };
    int saved = errno;
    long got = syscall(SYS_process_vm_readv, getpid(), &local, 1UL, &remote, 1UL, 0UL);
    bool all = got == (long)bytes;

    if (got < 0 && (errno == ENOSYS || errno == EPERM))
        all = read_by_pipe(at, to, bytes);
    errno = saved;
    return all;
}

bool leat__peek_string(const char *at, char *to, size_t bytes)
{
    size_t used = 0;

    to[0] = '\0';
    /* piece by piece up to ends of 16 bytes, so that no read goes on to a page without need */
    while (used + 1 < bytes) {
        size_t piece = 16 - (uintptr_t)(at + used) % 16;

        if (piece > bytes - 1 - used)
            piece = bytes - 1 - used;
        if (!leat__peek(at + used, to + used, piece))
            break;
        for (size_t end = used + piece; used < end; used++)
            if (to[used] == '\0')
                return true;
    }
    to[used] = '\0';
    return used > 0;
}
