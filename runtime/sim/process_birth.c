/* SPDX-License-Identifier: MIT */
/* procs/birth.h in a simulation: processes that are virtual, and what befalls them by the seed.
 *
 * A worker that begins a job may be struck a little later, be it by then in that job, between two,
 * or in its own protocol: by a signal, an exit, a stop; or it writes into its ring what is not so.
 * The zygote may be struck or stopped when it forks. */
#include "procs/birth.h"
#include "procs/jail.h"
#include "procs/zygote.h"
#include "sim/kernel.h"
#include "sim/process.h"
#include "sim/process_calls.h"
#include "sim/world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* ---- what befalls them ---- */

enum fate { FATE_KILLED, FATE_CRASHES, FATE_EXITS, FATE_STOPS, FATE_LIES, FATES, FATE_LIMIT };

#define FATE_NS_MAX (500 * LEAT_USEC)

/* An event's argument: who, which job (only for a limit), and what. */
static void *pack(const struct leat__process *process, uint32_t fate)
{
    uint64_t number = (uint64_t)(process->pid - LEAT__SIM_PID);

    return (void *)(uintptr_t)(number << 40 | (uint64_t)process->job << 8 | fate);
}

/* An answer that cannot be, where there is one that has not been taken. */
static void lie(struct leat__ring *ring)
{
    uint32_t first = leat__sim_choose(LEAT__PROCS_SLOTS);

    for (uint32_t i = 0; i < LEAT__PROCS_SLOTS; i++) {
        struct leat__slot *slot = &ring->slots[(first + i) % LEAT__PROCS_SLOTS];

        /* relaxed: nothing else happens in an event */
        if (load_relaxed(&slot->state) != LEAT__SLOT_DONE)
            continue;
        if (leat__sim_choose(2))
            slot->out_bytes = UINT64_MAX / 2;
        else
            slot->out_file = 1;
        return;
    }
}

static void strike(void *arg)
{
    uint64_t word = (uint64_t)(uintptr_t)arg;
    struct leat__process *process = leat__sim_process_find((pid_t)(word >> 40) + LEAT__SIM_PID);

    if (!process)
        return;
    switch ((enum fate)(word & 0xff)) {
    case FATE_KILLED:
        leat__sim_process_strike(process, SIGKILL);
        break;
    case FATE_CRASHES:
        leat__sim_process_strike(process, leat__sim_choose(2) ? SIGSEGV : SIGABRT);
        break;
    case FATE_EXITS:
        leat__sim_process_strike(process, (int)leat__sim_choose(4) << 8);
        break;
    case FATE_STOPS:
        leat__sim_process_stop(process, SIGSTOP);
        break;
    case FATE_LIES:
        if (process->ring)
            lie(process->ring);
        break;
    case FATE_LIMIT:
        if (process->job == (uint32_t)(word >> 8))
            leat__sim_process_strike(process, SIGXCPU);
        break;
    case FATES:
        break;
    }
}

static void draw_fate(const struct leat__process *process, uint32_t rate, uint32_t fates)
{
    leat_time delay;
    uint32_t fate;

    if (!leat__sim_fault(rate))
        return;
    fate = leat__sim_choose(fates);
    delay = (leat_time)leat__sim_choose(leat__sim_choose(2) ? (uint32_t)FATE_NS_MAX : 20000);
    leat__sim_wrong(LEAT__SIM_PROCESS, LEAT__WAY_KILLED + (int)fate, (uint64_t)delay);
    leat__sim_at(leat__sim_now() + delay, strike, pack(process, fate));
}

/* ---- a worker ---- */

struct birth {
    struct leat__limits limits;
    int                 fds[LEAT__PROCS_FDS];
    int                 zygote;
};

static void live_as_worker(void *arg)
{
    struct birth *birth = arg;

    leat__worker_live(&birth->limits, birth->fds, birth->zygote);
}

/* The child's descriptors are copies, as a fork makes them; all or none. */
static int give_descriptors(const struct leat__process *child, struct birth *birth,
                            const int fds[LEAT__PROCS_FDS])
{
    for (int i = 0; i < LEAT__PROCS_FDS; i++) {
        birth->fds[i] = leat__world_fd_copy(fds[i], child->pid);
        if (birth->fds[i] < 0)
            return birth->fds[i];
    }
    return 0;
}

pid_t leat__worker_fork(const struct leat__limits *limits, const int fds[LEAT__PROCS_FDS],
                        int socket, int signals)
{
    struct leat__process *zygote = leat__sim_process(), *child;
    struct birth *birth;
    int err;

    if (!leat__sim_on)
        return leat__kernel_worker_fork(limits, fds, socket, signals);
    draw_fate(zygote, leat__sim_config()->death / 8, FATE_LIES);
    birth = leat__world_alloc(NULL, sizeof *birth);
    *birth = (struct birth){ .limits = *limits, .zygote = zygote->pid };
    err = leat__sim_process_start(&child, "process", live_as_worker, birth);
    if (err) {
        free(birth);
        return err;
    }
    child->heap = birth; /* it may be killed before it has read any of it */
    child->deaf = leat__sim_fault(leat__sim_config()->death);
    if (child->deaf)
        leat__sim_wrong(LEAT__SIM_PROCESS, LEAT__WAY_DEAF, 0);
    if (give_descriptors(child, birth, fds) != 0)
        leat__sim_process_strike(child, SIGKILL); /* it would have died of their want */
    return child->pid;
}

void leat__worker_confine(struct leat__proc_self *self, const struct leat__limits *limits,
                          const int fds[LEAT__PROCS_FDS], int zygote)
{
    bool unfit;

    if (!leat__sim_on) {
        leat__kernel_worker_confine(self, limits, fds, zygote);
        return;
    }
    self->socket = fds[LEAT__PROCS_SOCKET];
    self->bell = fds[LEAT__PROCS_BELL];
    self->cpu_ns = limits->cpu_ns;
    self->ring = leat__sim_mmap(NULL, sizeof *self->ring, PROT_READ | PROT_WRITE, MAP_SHARED,
                                fds[LEAT__PROCS_RING], 0);
    unfit = leat__sim_fault(leat__sim_config()->death / 2);
    if (unfit)
        leat__sim_wrong(LEAT__SIM_PROCESS, LEAT__WAY_UNFIT, 0);
    if (unfit || self->ring == MAP_FAILED)
        leat__sim_exit(LEAT__WORKER_SETUP_FAILED);
    (void)leat__world_close(fds[LEAT__PROCS_RING]);
    leat__sim_process()->ring = self->ring;
}

/* The time of a virtual process is the world's, whether it computes or sleeps. */
void leat__worker_job_begins(struct leat__proc_self *self)
{
    struct leat__process *me = leat__sim_process();

    if (!leat__sim_on) {
        leat__kernel_worker_job_begins(self);
        return;
    }
    me->job++;
    if (self->cpu_ns > 0)
        leat__sim_at(leat__sim_now() + self->cpu_ns, strike, pack(me, FATE_LIMIT));
    draw_fate(me, leat__sim_config()->death, FATES);
    leat__sim_point();
}

void leat__worker_job_ends(struct leat__proc_self *self)
{
    if (!leat__sim_on)
        leat__kernel_worker_job_ends(self);
    else
        leat__sim_process()->job++;
}

void leat__worker_job_answered(struct leat__proc_self *self)
{
    if (!leat__sim_on)
        leat__kernel_worker_job_answered(self);
}

bool leat__jail_possible(void)
{
    return leat__sim_on || leat__kernel_jail_possible();
}

/* ---- the zygote ---- */

static void live_as_zygote(void *arg)
{
    leat__zygote_live((int)(uintptr_t)arg);
}

int leat__zygote_spawn(pid_t *ret, int socket)
{
    struct leat__process *zygote;
    int copy, err;

    if (!leat__sim_on)
        return leat__kernel_zygote_spawn(ret, socket);
    copy = leat__world_fd_copy(socket, 0);
    if (copy < 0)
        return copy;
    err = leat__sim_process_start(&zygote, "zygote", live_as_zygote, (void *)(uintptr_t)copy);
    if (err) {
        (void)leat__world_close(copy);
        return err;
    }
    leat__world.owners[copy - LEAT__WORLD_FD] = zygote->pid;
    *ret = zygote->pid;
    return 0;
}

int leat__zygote_set_up(int socket)
{
    struct leat__process *me = leat__sim_process();
    int fds[2];

    if (!leat__sim_on)
        return leat__kernel_zygote_set_up(socket);
    if (leat__world_pipe(fds) != 0)
        leat__sim_exit(LEAT__WORKER_SETUP_FAILED);
    (void)leat__world_pipe_room(leat__world_open_at(fds[1]), 4096);
    me->signals = fds[0];
    me->signals_in = fds[1];
    return fds[0];
}

/* Virtual processes fork nothing. */
bool leat__zygote_kill_children(void)
{
    return !leat__sim_on && leat__kernel_zygote_kill_children();
}
