/* SPDX-License-Identifier: MIT */
/* The calls of process.c and process_calls.c, each with the contract of its name without the
 * prefix, as far as the process pool relies on it. */
#ifndef LEAT_SIM_PROCESS_CALLS_H
#define LEAT_SIM_PROCESS_CALLS_H

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t   leat__sim_getpid(void);
int     leat__sim_kill(pid_t pid, int signal);
pid_t   leat__sim_waitpid(pid_t pid, int *status, int options);
int     leat__sim_waitid(idtype_t type, id_t id, siginfo_t *info, int options);
int     leat__sim_sched_getaffinity(pid_t pid, size_t bytes, cpu_set_t *ret);
int     leat__sim_memfd_create(const char *name, unsigned flags);
int     leat__sim_ftruncate(int fd, off_t bytes);
void   *leat__sim_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t offset);
void   *leat__sim_mremap(void *old, size_t old_bytes, size_t bytes, int flags);
int     leat__sim_munmap(void *at, size_t bytes);
int     leat__sim_poll(struct pollfd *polled, nfds_t count, int milliseconds);
ssize_t leat__sim_read(int fd, void *data, size_t bytes);
ssize_t leat__sim_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t leat__sim_recvmsg(int fd, struct msghdr *message, int flags);
_Noreturn void leat__sim_exit(int status);

/* realloc of the heap of the process that runs, which goes with it (libc.c asks for that). */
void   *leat__sim_process_realloc(void *old, size_t bytes);

#endif
