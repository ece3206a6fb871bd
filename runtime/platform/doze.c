/* SPDX-License-Identifier: MIT */
/* poll(2) with an eventfd, for plain threads. */
#include "platform/doze.h"
#include "platform/clock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int leat__doze_open(void)
{
    int errno_before = errno;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int err = errno;

    errno = errno_before;
    return fd < 0 ? -err : fd;
}

void leat__doze_close(int fd)
{
    int errno_before = errno;

    (void)close(fd);
    errno = errno_before;
}

void leat__doze_wake(int fd)
{
    const uint64_t one = 1;
    int errno_before = errno;

    /* It fails only when it is readable already. */
    if (write(fd, &one, sizeof one) < 0) {
    }
    errno = errno_before;
}

void leat__doze(struct pollfd *fds, size_t count, leat_time until)
{
    int errno_before = errno;
    struct timespec left;

    if (until != LEAT_NEVER) {
        leat_time now = leat__clock_now();

        left = leat__clock_timespec(until > now ? until - now : 0);
    }
    if (ppoll(fds, count, until == LEAT_NEVER ? NULL : &left, NULL) <= 0)
        for (size_t i = 0; i < count; i++)
            fds[i].revents = 0;
    errno = errno_before;
}
