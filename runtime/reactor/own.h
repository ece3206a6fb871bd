/* SPDX-License-Identifier: MIT */
/* Descriptors that are this process's alone: rings, epoll instances and what wakes them. A forked
 * child closes its copies, so that neither keeps the other's alive, and no descriptor of the
 * child's can be mistaken for one that a runtime waits in.
 *
 *     fd = epoll_create1(EPOLL_CLOEXEC);
 *     leat__own(fd);
 *     ...
 *     leat__disown(fd);                   // before the close: its number may be another's after it
 *     close(fd); */
#ifndef LEAT_REACTOR_OWN_H
#define LEAT_REACTOR_OWN_H

/* Where there is no memory to note it, a child keeps its copy. Any thread. */
void leat__own(int fd);

/* Fine for one that is not owned, and for -1. */
void leat__disown(int fd);

/* In a child, which has one thread: close what its parent owns. */
void leat__own_close_all(void);

#endif
