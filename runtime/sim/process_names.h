/* SPDX-License-Identifier: MIT */
/* Included before all else where libleat_sim compiles the procs room: what that asks of the kernel
 * goes to the simulated world, as world_names.h has it for the io room, and to its processes. */
#ifndef LEAT_SIM_PROCESS_NAMES_H
#define LEAT_SIM_PROCESS_NAMES_H

#include "sim/process_calls.h"
#include "sim/world_names.h"

#define getpid()                         leat__sim_getpid()
#define kill(pid, signal)                leat__sim_kill(pid, signal)
#define waitpid(pid, status, options)    leat__sim_waitpid(pid, status, options)
#define waitid(type, id, info, options)  leat__sim_waitid(type, id, info, options)
#define sched_getaffinity(pid, size, to) leat__sim_sched_getaffinity(pid, size, to)
#define memfd_create(name, flags)        leat__sim_memfd_create(name, flags)
#define ftruncate(fd, bytes)             leat__sim_ftruncate(fd, bytes)
#define mmap(at, size, prot, how, fd, o) leat__sim_mmap(at, size, prot, how, fd, o)
#define mremap(old, size, bytes, flags)  leat__sim_mremap(old, size, bytes, flags)
#define munmap(at, bytes)                leat__sim_munmap(at, bytes)
#define poll(polled, count, ms)          leat__sim_poll(polled, count, ms)
#define read(fd, data, bytes)            leat__sim_read(fd, data, bytes)
#define sendmsg(fd, message, flags)      leat__sim_sendmsg(fd, message, flags)
#define recvmsg(fd, message, flags)      leat__sim_recvmsg(fd, message, flags)
#define _exit(status)                    leat__sim_exit(status)

#endif
