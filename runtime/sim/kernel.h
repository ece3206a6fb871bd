/* SPDX-License-Identifier: MIT */
/* The real ones of what this room stands in for, as kernel_names.h calls them. Each is what the
 * header of its room says of the name without `kernel`. */
#ifndef LEAT_SIM_KERNEL_H
#define LEAT_SIM_KERNEL_H

#include "observe/registry.h"
#include "platform/cpu.h"
#include "platform/thread.h"
#include "procs/worker.h"
#include "reactor/reactor.h"

#include <leat/runtime.h>
#include <leat/time.h>

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

leat_time leat__kernel_clock_now(void);
leat_time leat__kernel_clock_thread_cpu(void);
leat_time leat__kernel_clock_process_cpu(void);
int       leat__kernel_futex_wait(const void *word, uint32_t expected, leat_time deadline);
void      leat__kernel_futex_wake(const void *word, int count);
int       leat__kernel_thread_start(struct leat__thread *thread,
                                    const struct leat__thread_options *options,
                                    void (*fn)(void *arg), void *arg);
void      leat__kernel_thread_join(struct leat__thread *thread);
void      leat__kernel_thread_detach(struct leat__thread *thread);
int       leat__kernel_thread_bind(int cpu);
int       leat__kernel_thread_unbind(const struct leat__cpus *cpus);
uint64_t  leat__kernel_seed(void);
int       leat__kernel_doze_open(void);
void      leat__kernel_doze_close(int fd);
void      leat__kernel_doze_wake(int fd);
void      leat__kernel_doze(struct pollfd *fds, size_t count, leat_time until);
bool      leat__kernel_fence_usable(void);
void      leat__kernel_fence_heavy(void);
bool      leat__kernel_barrier_prepare(void);
void      leat__kernel_barrier_all(void);
int       leat__kernel_cpus_probe(struct leat__cpus *ret, const char *root);
struct leat__worker *leat__kernel_worker_current(void);
void      leat__kernel_worker_become(struct leat__worker *worker);
void     *leat__kernel_thread_memory(void);
int       leat__kernel_reactor_create(struct leat__reactor **ret, enum leat_reactor kind,
                                      const char **why);
int       leat__kernel_op_attempt(struct leat__op *op, bool ready);
int       leat__kernel_op_perform(void *arg);
int       leat__kernel_op_run_alone(struct leat__op *op);
int       leat__kernel_zygote_spawn(pid_t *ret, int socket);
int       leat__kernel_zygote_set_up(int socket);
bool      leat__kernel_zygote_kill_children(void);
pid_t     leat__kernel_worker_fork(const struct leat__limits *limits,
                                   const int fds[LEAT__PROCS_FDS], int socket, int signals);
void      leat__kernel_worker_confine(struct leat__proc_self *self,
                                      const struct leat__limits *limits,
                                      const int fds[LEAT__PROCS_FDS], int zygote);
void      leat__kernel_worker_job_begins(struct leat__proc_self *self);
void      leat__kernel_worker_job_ends(struct leat__proc_self *self);
void      leat__kernel_worker_job_answered(struct leat__proc_self *self);
bool      leat__kernel_jail_possible(void);

/* Of run and observe, whose names inner_names.h keeps likewise. */
int leat__inner_run(int (*fn)(void *arg), void *arg, const struct leat_options *options);
int leat__inner_observe_start(struct leat__runtime *runtime,
                              const struct leat__observe_options *options);

#endif
