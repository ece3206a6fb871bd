/* SPDX-License-Identifier: MIT */
/* Included before all else where libleat_sim compiles the io room, and by tests that make
 * descriptors of their own: system calls that are no operations go to world_calls.c. As macros with
 * parameters, so that a type or a field of the same name stays what it is. */
#ifndef LEAT_SIM_WORLD_NAMES_H
#define LEAT_SIM_WORLD_NAMES_H

#include "sim/world_calls.h"

#define socket(family, type, protocol)          leat__sim_socket(family, type, protocol)
#define socketpair(family, type, protocol, fds) leat__sim_socketpair(family, type, protocol, fds)
#define bind(fd, address, bytes)                leat__sim_bind(fd, address, bytes)
#define listen(fd, backlog)                     leat__sim_listen(fd, backlog)
#define shutdown(fd, how)                       leat__sim_shutdown(fd, how)
#define setsockopt(fd, level, name, ...)        leat__sim_setsockopt(fd, level, name, __VA_ARGS__)
#define getsockname(fd, ret, bytes)             leat__sim_getsockname(fd, ret, bytes)
#define getpeername(fd, ret, bytes)             leat__sim_getpeername(fd, ret, bytes)
#define getaddrinfo(host, service, hints, ret)  leat__sim_getaddrinfo(host, service, hints, ret)
#define pipe2(fds, flags)                       leat__sim_pipe2(fds, flags)
#define close(fd)                               leat__sim_close(fd)
#define fcntl(fd, ...)                          leat__sim_fcntl(fd, __VA_ARGS__)
#define write(fd, data, bytes)                  leat__sim_write(fd, data, bytes)
#define openat(dir_fd, path, ...)               leat__sim_openat(dir_fd, path, __VA_ARGS__)
#define fstatat(dir_fd, path, ret, flags)       leat__sim_fstatat(dir_fd, path, ret, flags)
#define stat(path, ret)                         leat__sim_stat(path, ret)
#define fstat(fd, ret)                          leat__sim_fstat(fd, ret)
#define getdents64(fd, data, bytes)             leat__sim_getdents64(fd, data, bytes)
#define unlink(path)                            leat__sim_unlink(path)
#define rmdir(path)                             leat__sim_rmdir(path)
#define mkdir(path, mode)                       leat__sim_mkdir(path, mode)
#define symlink(target, path)                   leat__sim_symlink(target, path)

#endif
