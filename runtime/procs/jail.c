/* SPDX-License-Identifier: MIT */
/* A seccomp filter, written by hand: a list of calls that are allowed, some only on certain
 * descriptors. What is not on it fails with EPERM rather than kills, so that a library which tries
 * a file and can do without goes on.
 *
 * What is left out on purpose: everything that names a file or a socket, that makes a process or a
 * thread, that looks at or signals another process, that makes memory executable, io_uring, and
 * changing the limits or the filter.
 *
 * The descriptors' numbers mean something only while they cannot be moved: dup and its kin are not
 * allowed, and a number that was closed is never opened again, as nothing can be opened. (memfd and
 * received files get the lowest free number; so close is allowed, but not of the three.) */
#include "procs/jail.h"

#include "platform/kernel_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct program {
    struct sock_filter *rule;
    unsigned short      count;
};

#define FIELD(name)   ((uint32_t)offsetof(struct seccomp_data, name))
#define ARGUMENT(n)   ((uint32_t)(offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (n)))
#define ALLOW         SECCOMP_RET_ALLOW
#define REFUSE        (SECCOMP_RET_ERRNO | EPERM)

static void add(struct program *program, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
    program->rule[program->count++] = (struct sock_filter){ code, yes, no, k };
}

static void load(struct program *program, uint32_t offset)
{
    add(program, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

static void give(struct program *program, uint32_t verdict)
{
    add(program, BPF_RET | BPF_K, 0, 0, verdict);
}

/* With the call's number loaded: allow that call, whatever its arguments. */
static void allow(struct program *program, long call)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)call);
    give(program, ALLOW);
}

/* The same if its argument `n` is one of the values (its low half: these are descriptors, process
 * ids and commands, of which the kernel looks at 32 bits), and refuse it otherwise. */
static void allow_if(struct program *program, long call, unsigned n, const int *values,
                     unsigned count)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * count + 2), (uint32_t)call);
    load(program, ARGUMENT(n));
    for (unsigned i = 0; i < count; i++) {
        add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)values[i]);
        give(program, ALLOW);
    }
    give(program, REFUSE);
}

/* The same if its argument `n` has none of the bits, and refuse it otherwise. */
static void allow_without(struct program *program, long call, unsigned n, uint32_t bits)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, (uint32_t)call);
    load(program, ARGUMENT(n));
    add(program, BPF_JMP | BPF_JSET | BPF_K, 1, 0, bits);
    give(program, ALLOW);
    give(program, REFUSE);
}

/* Refuse that call if its argument `n` is one of the values, and allow it otherwise. */
static void allow_unless(struct program *program, long call, unsigned n, const int *values,
                         unsigned count)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(2 * count + 2), (uint32_t)call);
    load(program, ARGUMENT(n));
    for (unsigned i = 0; i < count; i++) {
        add(program, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (uint32_t)values[i]);
        give(program, REFUSE);
    }
    give(program, ALLOW);
}

static void write_rules(struct program *program, int socket, int bell, int pid)
{
    static const long plain[] = {
        SYS_brk,          SYS_munmap,        SYS_mremap,         SYS_madvise,
        __NR_futex,       SYS_clock_gettime, SYS_gettimeofday,   SYS_clock_getres,
        SYS_nanosleep,    SYS_clock_nanosleep, SYS_getrandom,    SYS_getpid,
        SYS_gettid,       SYS_getppid,       SYS_sched_yield,    SYS_getrusage,
        SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn,  SYS_sigaltstack,
        SYS_exit,         SYS_exit_group,    SYS_restart_syscall, SYS_memfd_create,
        SYS_ftruncate,    SYS_fstat,         SYS_timer_settime,  __NR_membarrier,
        SYS_sched_getaffinity,
    };
    const int ours[] = { socket, bell, STDOUT_FILENO, STDERR_FILENO };
    const int self[] = { pid };
    const int commands[] = { F_ADD_SEALS, F_GET_SEALS, F_GETFL, F_GETFD };

    load(program, FIELD(arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, LEAT__AUDIT_ARCH);
    give(program, SECCOMP_RET_KILL_PROCESS);
    load(program, FIELD(nr));
    for (unsigned i = 0; i < sizeof plain / sizeof plain[0]; i++)
        allow(program, plain[i]);
    allow_without(program, SYS_mmap, 2, PROT_EXEC);
    allow_without(program, SYS_mprotect, 2, PROT_EXEC);
    allow_if(program, SYS_write, 0, ours + 1, 3);
    allow_if(program, SYS_writev, 0, ours + 2, 2);
    allow_if(program, SYS_sendmsg, 0, ours, 1);
    allow_if(program, SYS_recvmsg, 0, ours, 1);
    allow_if(program, SYS_fcntl, 1, commands, 4);
    allow_if(program, SYS_tgkill, 0, self, 1); /* abort, raise */
    allow_if(program, SYS_kill, 0, self, 1);
    allow_unless(program, SYS_close, 0, ours, 4);
    give(program, REFUSE);
}

bool leat__jail_possible(void)
{
    return LEAT__AUDIT_ARCH != 0 && prctl(PR_GET_SECCOMP) >= 0;
}

unsigned short leat__jail_rules(struct sock_filter *rules, int socket, int bell, int pid)
{
    struct program program = { .rule = rules, .count = 0 };

    write_rules(&program, socket, bell, pid);
    return program.count;
}

int leat__jail_enter(int socket, int bell)
{
    struct sock_filter rules[LEAT__JAIL_RULES_MAX];
    struct sock_fprog filter = { .filter = rules };

    filter.len = leat__jail_rules(rules, socket, bell, (int)getpid());
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
        return -errno;
    return 0;
}
