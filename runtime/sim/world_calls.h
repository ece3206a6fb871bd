/* SPDX-License-Identifier: MIT */
/* The calls of world_calls.c, each with the contract of its name without the prefix. */
#ifndef LEAT_SIM_WORLD_CALLS_H
#define LEAT_SIM_WORLD_CALLS_H

#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

int     leat__sim_socket(int family, int type, int protocol);
int     leat__sim_socketpair(int family, int type, int protocol, int fds[2]);
int     leat__sim_bind(int fd, const struct sockaddr *address, socklen_t bytes);
int     leat__sim_listen(int fd, int backlog);
int     leat__sim_shutdown(int fd, int how);
int     leat__sim_setsockopt(int fd, int level, int name, const void *value, socklen_t bytes);
int     leat__sim_getsockname(int fd, struct sockaddr *ret, socklen_t *bytes);
int     leat__sim_getpeername(int fd, struct sockaddr *ret, socklen_t *bytes);
int     leat__sim_getaddrinfo(const char *host, const char *service,
                              const struct addrinfo *hints, struct addrinfo **ret);
int     leat__sim_pipe2(int fds[2], int flags);
int     leat__sim_close(int fd);
int     leat__sim_fcntl(int fd, int command, ...);
ssize_t leat__sim_write(int fd, const void *data, size_t bytes);
int     leat__sim_openat(int dir_fd, const char *path, int flags, ...);
int     leat__sim_fstatat(int dir_fd, const char *path, struct stat *ret, int flags);
int     leat__sim_stat(const char *path, struct stat *ret);
int     leat__sim_fstat(int fd, struct stat *ret);
ssize_t leat__sim_getdents64(int fd, void *data, size_t bytes);
int     leat__sim_unlink(const char *path);
int     leat__sim_rmdir(const char *path);
int     leat__sim_mkdir(const char *path, mode_t mode);
int     leat__sim_symlink(const char *target, const char *path);

#endif
