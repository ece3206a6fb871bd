/* SPDX-License-Identifier: MIT */
/* Messages with descriptors. Sending never waits: each side reads all the time, and a full socket
 * means that the other one is stuck, which is an error like any other. */
#include "procs/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int leat__wire_send(int socket, const void *data, size_t bytes, const int *fds, size_t count)
{
    union {
        struct cmsghdr align;
        char           room[CMSG_SPACE(sizeof(int) * LEAT__PROCS_FDS)];
    } control = { .room = { 0 } };
    struct iovec vector = { (void *)(uintptr_t)data, bytes };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
    ssize_t sent;

    if (count > 0) {
        struct cmsghdr *header = &control.align;

        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : (int)sent;
}

int leat__wire_recv(int socket, void *data, size_t bytes, int *fds, size_t *count, int flags)
{
    union {
        struct cmsghdr align;
        char           room[CMSG_SPACE(sizeof(int) * LEAT__PROCS_FDS)];
    } control;
    struct iovec vector = { data, bytes };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1,
                              .msg_control = &control, .msg_controllen = sizeof control };
    ssize_t got;

    *count = 0;
    do
        got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
    }
    return (int)got;
}

uint64_t leat__procs_hash(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;

    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}
