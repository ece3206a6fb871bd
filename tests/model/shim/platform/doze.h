/* SPDX-License-Identifier: MIT */
/* doze.h as the model checker sees it: a thread's descriptor is its number, a wake that comes
 * before the sleep is not lost, and what the others have is the driver's to say. */
#ifndef LEAT_PLATFORM_DOZE_H
#define LEAT_PLATFORM_DOZE_H

#include <leat/time.h>
#include <model.h>
#include <poll.h>

/* A driver with descriptors has one. */
__attribute__((weak)) bool model_descriptor_is_ready(int fd);

static inline int leat__doze_open(void)
{
    return model_self();
}

static inline void leat__doze_close(int fd)
{
    (void)fd;
}

static inline void leat__doze_wake(int fd)
{
    model_wake(fd);
}

static inline void leat__doze(struct pollfd *fds, size_t count, leat_time until)
{
    if (until == LEAT_NEVER)
        model_sleep();
    else
        (void)model_sleep_timed();
    for (size_t i = 0; i < count; i++)
        fds[i].revents = fds[i].fd == model_self() || model_descriptor_is_ready(fds[i].fd)
                             ? fds[i].events
                             : 0;
}

#endif
