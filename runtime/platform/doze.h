/* SPDX-License-Identifier: MIT */
/* Sleep of a plain thread that descriptors end too: poll(2), with an eventfd among them by which
 * others wake the sleeper.
 *
 *     fd = leat__doze_open();
 *     fds[count] = (struct pollfd){ .fd = fd, .events = POLLIN };
 *     leat__doze(fds, count + 1, deadline);      // another thread: leat__doze_wake(fd)
 *     leat__doze_close(fd); */
#ifndef LEAT_PLATFORM_DOZE_H
#define LEAT_PLATFORM_DOZE_H

#include <leat/time.h>

#include <poll.h>
#include <stddef.h>

/* A descriptor to be woken by, or -errno. All of these leave errno alone. */
int leat__doze_open(void);
void leat__doze_close(int fd);

/* From now on the descriptor is readable. Any thread, while it is open. */
void leat__doze_wake(int fd);

/* Sleep until one of them has what it is asked for (then fds[].revents say so, all zero where not),
 * or until `until` (LEAT_NEVER: none), or for no reason. */
void leat__doze(struct pollfd *fds, size_t count, leat_time until);

#endif
