/* SPDX-License-Identifier: MIT */
/* Included before all else in every file of the runtime that libleat_sim compiles: functions of the
 * C library that would let another thread run, or that can fail, become this room's (libc.c). */
#ifndef LEAT_SIM_RUNTIME_NAMES_H
#define LEAT_SIM_RUNTIME_NAMES_H

#define sched_yield          leat__sim_sched_yield
#define pthread_mutex_lock   leat__sim_mutex_lock
#define pthread_mutex_unlock leat__sim_mutex_unlock
#define malloc               leat__sim_malloc
#define calloc               leat__sim_calloc
#define realloc              leat__sim_realloc
#define reallocarray         leat__sim_reallocarray
#define aligned_alloc        leat__sim_aligned_alloc
#define free(memory)         leat__sim_free(memory)

#endif
