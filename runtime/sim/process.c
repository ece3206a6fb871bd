/* SPDX-License-Identifier: MIT */
/* See process.h. */
#include "sim/process.h"

#include "base/check.h"
#include "sim/process_calls.h"
#include "sim/world.h"

#include <leat/testing.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static struct leat__process *processes; /* the oldest first */
static pid_t last;
static const char changed; /* what waits for a process is blocked on this */

struct leat__process *leat__sim_process(void)
{
    return leat__sim_on && leat__sim.me ? leat__sim.me->process : NULL;
}

pid_t leat__sim_process_id(void)
{
    struct leat__process *me = leat__sim_process();

    return me ? me->pid : 0;
}

struct leat__process *leat__sim_process_find(pid_t pid)
{
    struct leat__process *at = processes;

    while (at && at->pid != pid)
        at = at->next;
    return at && at->state != LEAT__PROCESS_DEAD ? at : NULL;
}

int leat__sim_process_start(struct leat__process **ret, const char *name, void (*fn)(void *arg),
                            void *arg)
{
    struct leat__process *process = leat__world_alloc(NULL, sizeof *process), **at = &processes;
    int err;

    *process = (struct leat__process){ .parent = leat__sim_process(), .pid = ++last,
                                       .signals = -1, .signals_in = -1 };
    err = leat__sim_thread_start(&process->thread, name, fn, arg);
    if (err) {
        free(process);
        return err;
    }
    process->thread->process = process;
    leat__sim_thread_detach(process->thread);
    while (*at)
        at = &(*at)->next;
    *at = process;
    *ret = process;
    return 0;
}

/* ---- ends ---- */

/* The pool's processes have one block at the most: the zygote's table. */
void *leat__sim_process_realloc(void *old, size_t bytes)
{
    struct leat__process *me = leat__sim_process();

    leat__check(old == me->heap, "a virtual process has one block of memory");
    me->heap = leat__world_alloc(old, bytes);
    return me->heap;
}

static void forget(struct leat__process *process)
{
    struct leat__process **at = &processes;

    while (*at != process)
        at = &(*at)->next;
    *at = process->next;
    free(process->heap);
    free(process);
}

/* What SIGCHLD is: one that is on its way already stands for this one too. */
static void tell_parent(const struct leat__process *process)
{
    const struct leat__process *parent = process->parent;
    struct leat__world_open *pipe = parent ? leat__world_open_at(parent->signals_in) : NULL;
    const struct signalfd_siginfo info = { .ssi_signo = SIGCHLD };

    if (pipe && pipe->pipe->bytes.count == 0)
        (void)leat__world_pipe_write(pipe, &info, sizeof info);
    leat__sim_wake(&changed, INT_MAX);
}

void leat__sim_process_strike(struct leat__process *process, int status)
{
    if (process->killed || process->state == LEAT__PROCESS_DEAD)
        return;
    process->killed = true;
    process->status = status;
    leat__sim_note("process is killed", (uint64_t)(process->pid - LEAT__SIM_PID));
    leat__sim_thread_kill(process->thread);
}

void leat__sim_process_stop(struct leat__process *process, int signal)
{
    if (process->killed || process->state != LEAT__PROCESS_RUNS)
        return;
    process->state = LEAT__PROCESS_STOPPED;
    process->stopped_by = signal;
    process->thread->stopped = true;
    leat__sim_note("process is stopped", (uint64_t)(process->pid - LEAT__SIM_PID));
    tell_parent(process);
}

void leat__sim_process_over(struct leat__process *process)
{
    for (struct leat__process *at = processes, *next; at; at = next) {
        next = at->next;
        if (at->parent != process)
            continue;
        at->parent = NULL;
        at->orphan = true;
        if (at->state == LEAT__PROCESS_DEAD)
            forget(at);
        else
            leat__sim_process_strike(at, SIGKILL);
    }
    leat__world_close_of(process->pid);
    leat__world_unmap_of(process->pid);
    process->state = LEAT__PROCESS_DEAD;
    process->thread = NULL;
    tell_parent(process);
    if (process->orphan)
        forget(process);
}

void leat__sim_processes_begin(void)
{
    last = LEAT__SIM_PID;
}

static bool somebody_is_dying(void)
{
    for (const struct leat__process *at = processes; at; at = at->next)
        if (at->killed && at->state != LEAT__PROCESS_DEAD)
            return true;
    return false;
}

void leat__sim_processes_check(void)
{
    while (somebody_is_dying())
        (void)leat__sim_block(&changed, LEAT_NEVER, "waits for what was killed", false);
    if (processes)
        leat__sim_fail("process %d %s at the end", (int)processes->pid,
                       processes->state == LEAT__PROCESS_DEAD ? "has not been waited for"
                                                              : "was left running");
}

void leat__sim_processes_end(void)
{
    while (processes)
        forget(processes);
}

/* ---- calls ---- */

pid_t leat__sim_getpid(void)
{
    pid_t pid = leat__sim_process_id();

    if (!leat__sim_on)
        return getpid();
    return pid ? pid : LEAT__SIM_PID;
}

void leat__sim_exit(int status)
{
    struct leat__process *me = leat__sim_process();

    if (!me)
        _exit(status);
    if (!me->killed)
        me->status = (status & 0xff) << 8;
    leat__sim_note("process exits", (uint64_t)(me->pid - LEAT__SIM_PID));
    leat__sim_thread_end();
}

/* Of signals to processes of the simulation; there are no groups. */
int leat__sim_kill(pid_t pid, int signal)
{
    struct leat__process *process;

    if (!leat__sim_on)
        return kill(pid, signal);
    process = leat__sim_process_find(pid);
    if (!process) {
        errno = ESRCH;
        return -1;
    }
    if (signal == SIGSTOP)
        leat__sim_process_stop(process, signal);
    else if (signal != SIGTERM || !process->deaf)
        leat__sim_process_strike(process, signal);
    return 0;
}

static bool is_child(const struct leat__process *process)
{
    return process->parent == leat__sim_process() && !process->orphan;
}

/* A child that has ended, or has stopped and nobody was told. NULL: none now; *any: there are. */
static struct leat__process *find_child(pid_t pid, bool stops, bool *any)
{
    *any = false;
    for (struct leat__process *at = processes; at; at = at->next) {
        if (!is_child(at) || (pid > 0 && at->pid != pid))
            continue;
        *any = true;
        if (at->state == LEAT__PROCESS_DEAD ||
            (stops && at->state == LEAT__PROCESS_STOPPED && !at->stop_told))
            return at;
    }
    return NULL;
}

pid_t leat__sim_waitpid(pid_t pid, int *status, int options)
{
    struct leat__process *child;
    int ignored;
    bool any;

    if (!leat__sim_on)
        return waitpid(pid, status, options);
    while (!(child = find_child(pid, options & WUNTRACED, &any)) && any) {
        if (options & WNOHANG)
            return 0;
        (void)leat__sim_block(&changed, LEAT_NEVER, "waits for a process", false);
    }
    if (!child) {
        errno = ECHILD;
        return -1;
    }
    status = status ? status : &ignored;
    pid = child->pid;
    if (child->state == LEAT__PROCESS_DEAD) {
        *status = child->status;
        forget(child);
    } else {
        *status = child->stopped_by << 8 | 0x7f;
        child->stop_told = true;
    }
    return pid;
}

/* As the pool calls it: to look, without waiting. */
int leat__sim_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    const struct leat__process *child;
    bool any;

    if (!leat__sim_on)
        return waitid(type, id, info, options);
    child = find_child(type == P_PID ? (pid_t)id : -1, options & WSTOPPED, &any);
    if (child && child->state == LEAT__PROCESS_DEAD && !(options & WEXITED))
        child = NULL;
    info->si_pid = child ? child->pid : 0;
    if (child)
        info->si_code = child->state == LEAT__PROCESS_STOPPED ? CLD_STOPPED
                        : WIFEXITED(child->status)            ? CLD_EXITED
                                                              : CLD_KILLED;
    errno = ECHILD;
    return any ? 0 : -1;
}

/* ---- for programs: leat/testing.h ---- */

void leat_sim_exit(int status)
{
    leat__sim_exit(status);
}

void leat_sim_raise(int signal)
{
    struct leat__process *me = leat__sim_process();

    if (!me) {
        (void)raise(signal);
        return;
    }
    if (signal == SIGSTOP) {
        leat__sim_process_stop(me, signal);
        leat__sim_yield();
        return;
    }
    if (!me->killed)
        me->status = signal;
    leat__sim_thread_end();
}
