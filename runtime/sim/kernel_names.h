/* SPDX-License-Identifier: MIT */
/* Included before all else where libleat_sim compiles those files of the runtime that this room
 * stands in for (CMakeLists.txt has the list): what they define is kept under these names, for when
 * no simulation runs. */
#ifndef LEAT_SIM_KERNEL_NAMES_H
#define LEAT_SIM_KERNEL_NAMES_H

#define leat__clock_now          leat__kernel_clock_now
#define leat__clock_thread_cpu   leat__kernel_clock_thread_cpu
#define leat__clock_process_cpu  leat__kernel_clock_process_cpu
#define leat_now                 leat__kernel_now
#define leat_after               leat__kernel_after
#define leat__futex_wait         leat__kernel_futex_wait
#define leat__futex_wake         leat__kernel_futex_wake
#define leat__thread_start       leat__kernel_thread_start
#define leat__thread_join        leat__kernel_thread_join
#define leat__thread_detach      leat__kernel_thread_detach
#define leat__thread_bind        leat__kernel_thread_bind
#define leat__thread_unbind      leat__kernel_thread_unbind
#define leat__seed               leat__kernel_seed
#define leat__fence_usable       leat__kernel_fence_usable
#define leat__fence_heavy        leat__kernel_fence_heavy
#define leat__barrier_prepare    leat__kernel_barrier_prepare
#define leat__barrier_all        leat__kernel_barrier_all
#define leat__cpus_probe         leat__kernel_cpus_probe
#define leat__doze_open          leat__kernel_doze_open
#define leat__doze_close         leat__kernel_doze_close
#define leat__doze_wake          leat__kernel_doze_wake
#define leat__doze               leat__kernel_doze
#define leat__worker_current     leat__kernel_worker_current
#define leat__worker_become      leat__kernel_worker_become
#define leat__thread_memory      leat__kernel_thread_memory
#define leat__reactor_create     leat__kernel_reactor_create
#define leat__op_attempt         leat__kernel_op_attempt
#define leat__op_perform         leat__kernel_op_perform
#define leat__op_run_alone       leat__kernel_op_run_alone
#define leat__zygote_spawn       leat__kernel_zygote_spawn
#define leat__zygote_set_up      leat__kernel_zygote_set_up
#define leat__zygote_kill_children leat__kernel_zygote_kill_children
#define leat__worker_fork        leat__kernel_worker_fork
#define leat__worker_confine     leat__kernel_worker_confine
#define leat__worker_job_begins  leat__kernel_worker_job_begins
#define leat__worker_job_ends    leat__kernel_worker_job_ends
#define leat__worker_job_answered leat__kernel_worker_job_answered
#define leat__jail_possible      leat__kernel_jail_possible

#endif
